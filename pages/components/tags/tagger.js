// Taggers on typed arrays, as core/models/tagging_nets.py has them.

import { affine, lstm } from "../recurrent.js";
import { asRead } from "./tokens.js";

const OTHER = 1, BEGIN = 2, END = 3; // a character that is not ASCII; the marks around a word
const KEPT = 2000; // words of which is kept what they bring into the LSTMs

const lstmWeights = (tensors, name) => ({
  ih: tensors[`${name}.weight_ih_l0`].values,
  hh: tensors[`${name}.weight_hh_l0`].values,
  bIh: tensors[`${name}.bias_ih_l0`].values,
  bHh: tensors[`${name}.bias_hh_l0`].values,
});

/** A network that tags, with its vocabulary and the sentences that it has not learnt from. */
export class Tagger {
  /**
   * @param {{kind: string, tags: string[], letters: number, maxWords: number, known: number}} network
   * @param {Object<string, {shape: number[], values: Float32Array}>} tensors - as
   *   `read` of ../safetensors.js gives them.
   * @param {string} vocabulary - a word a line.
   * @param {string} heldOut - sentences, see corpus.js.
   * @throws {Error} a sentence, where the weights are of another network.
   */
  constructor(network, tensors, vocabulary, heldOut) {
    Object.assign(this, network, { heldOut, tensors });
    const words = vocabulary.split("\n");
    this.numbers = new Map(words.map((word, i) => [word, i + 1]));
    this.both = network.kind === "words";
    const names = this.both ? ["forwards", "backwards"] : ["lstm"];
    try {
      this.cells = names.map((name) => lstmWeights(tensors, name));
      if (!this.both) this.spelling = lstmWeights(tensors, "character_lstm");
      this.units = tensors[`${names[0]}.weight_hh_l0`].shape[1];
      this.vector = tensors["words.weight"].shape[1];
      const rows = tensors["words.weight"].shape[0], tags = tensors["out.weight"].shape[0];
      if (rows < this.known || tags !== this.tags.length || words.length < this.known) throw new Error();
    } catch {
      throw new Error("The weights, the vocabulary and the tags of this network are not of each other: train it anew.");
    }
    this.kept = new Map();
    this.last = []; // what each direction has read last
  }

  /** "known", "rare" (seen in training, too seldom for a vector of its own) or "new". */
  seen(word) {
    const number = this.numbers.get(word.toLowerCase()) ?? 0;
    return number === 0 ? "new" : number <= this.known ? "known" : "rare";
  }

  /**
   * The tags of a sentence.
   *
   * @param {string[]} words - as they are written.
   * @param {{lettersOnly?: boolean}} [options] - no word has its vector.
   * @returns {{seen: string, input: Float64Array, states: Float64Array[], joined: Float64Array,
   *   cells: Float64Array[], probabilities: Float64Array}[]} of each word; `states` and `cells` of
   *   each direction.
   */
  read(words, { lettersOnly = false } = {}) {
    const read = asRead(words);
    const inputs = read.map((word) => this.input(word, lettersOnly));
    const runs = this.cells.map((_, i) => this.run(i, inputs.map(({ brought }) => brought[i])));
    const out = this.tensors["out.weight"].values, bias = this.tensors["out.bias"].values;
    return words.map((_, t) => {
      const states = runs.map((steps) => steps[t].h);
      const joined = this.both ? concat(...states) : states[0];
      const logits = affine(out, bias, joined, new Float64Array(this.tags.length));
      return {
        seen: this.seen(read[t]), input: inputs[t].row, states, joined,
        cells: runs.map((steps) => steps[t].c), probabilities: softmax(logits),
      };
    });
  }

  /** One direction over a sentence, from where it differs from the last one: of what is typed at the
   *  end, only the new words are read from the left. */
  run(direction, inputs) {
    const reverse = direction === 1, last = this.last[direction] ?? { inputs: [], steps: [] };
    const at = (list, t) => list[reverse ? list.length - 1 - t : t];
    const most = Math.min(inputs.length, last.inputs.length);
    let same = 0;
    while (same < most && at(inputs, same) === at(last.inputs, same)) same++;
    const kept = reverse ? last.steps.slice(last.steps.length - same) : last.steps.slice(0, same);
    const rest = reverse ? inputs.slice(0, inputs.length - same) : inputs.slice(same);
    const { h, c } = same ? at(kept, same - 1) : {};
    const read = lstm(this.cells[direction], rest, { h, c, reverse, projected: true });
    const steps = reverse ? [...read, ...kept] : [...kept, ...read];
    this.last[direction] = { inputs, steps };
    return steps;
  }

  /** What goes into the LSTMs for a word, its vector, then its spelling, and what each makes of it
   *  by its weights; both are kept, since a text that is typed has mostly the words it had. */
  input(word, lettersOnly) {
    const key = lettersOnly ? ` ${word}` : word;
    let found = this.kept.get(key);
    if (!found) {
      const row = this.row(word, lettersOnly);
      const brought = this.cells.map(({ ih, bIh }) => affine(ih, bIh, row, new Float64Array(bIh.length)));
      if (this.kept.size >= KEPT) this.kept.clear();
      this.kept.set(key, (found = { row, brought }));
    }
    return found;
  }

  row(word, lettersOnly) {
    const number = this.numbers.get(word.toLowerCase()) ?? 0;
    const known = lettersOnly || number > this.known ? 0 : number;
    const codes = Array.from(word).slice(-this.letters).map(code);
    const spelt = this.both ? this.filters(codes) : this.lastState(codes);
    const row = new Float64Array(this.vector + spelt.length);
    const at = this.both ? known : known - 1; // the text's has no vector for unknown words
    if (at >= 0) {
      const from = at * this.vector;
      row.set(this.tensors["words.weight"].values.subarray(from, from + this.vector));
    }
    row.set(spelt, this.vector);
    return row;
  }

  /** Each filter where it answers most. */
  filters(codes) {
    const { shape: [, size], values: vectors } = this.tensors["characters.weight"];
    const { shape: [count, , width], values: weights } = this.tensors["filters.weight"];
    const bias = this.tensors["filters.bias"].values;
    const marked = [BEGIN, ...codes, END];
    const found = new Float64Array(count), reach = (width - 1) / 2;
    for (let f = 0; f < count; f++) {
      for (let t = 0; t < marked.length; t++) {
        let sum = bias[f];
        for (let k = 0; k < width; k++) {
          const at = t + k - reach;
          if (at < 0 || at >= marked.length) continue;
          const letter = marked[at] * size;
          for (let d = 0, w = f * size * width + k; d < size; d++, w += width) {
            sum += weights[w] * vectors[letter + d];
          }
        }
        if (sum > found[f]) found[f] = sum;
      }
    }
    return found;
  }

  /** The last output of the LSTM over the letters a to z. */
  lastState(codes) {
    const { shape: [, size], values } = this.tensors["characters.weight"];
    const small = codes.map((c) => (c >= 65 && c <= 90 ? c + 32 : c) - 97);
    const read = small.filter((c) => c >= 0 && c < 26);
    if (!read.length) return new Float64Array(50);
    const vectors = read.map((c) => values.subarray(c * size, (c + 1) * size));
    return lstm(this.spelling, vectors).at(-1).h;
  }
}

const code = (character) => {
  const number = character.codePointAt(0);
  return number > 32 && number < 127 ? number : OTHER;
};

function concat(a, b) {
  const joined = new Float64Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function softmax(logits) {
  const highest = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - highest));
  const sum = shares.reduce((a, b) => a + b);
  return shares.map((share) => share / sum);
}
