// The held-out sentences that come with a tagger, read by it: its errors, and where it was in a
// state that is like another.

/** Sentences, `word/TAG` between blanks, a line each. */
export function parse(text) {
  const lines = text.split("\n").filter((line) => line);
  return lines.map((line) => {
    const pairs = line.split(" ").map((pair) => {
      const at = pair.lastIndexOf("/");
      return [pair.slice(0, at), pair.slice(at + 1)];
    });
    return { words: pairs.map(([word]) => word), tags: pairs.map(([, tag]) => tag) };
  });
}

/** A tagger over its held-out sentences, one after another as there is time. */
export class Corpus {
  constructor(tagger) {
    this.tagger = tagger;
    this.sentences = parse(tagger.heldOut);
    this.done = 0;
  }

  get complete() {
    return this.done === this.sentences.length;
  }

  /** Reads on for some milliseconds; gives the share that is read. */
  advance(milliseconds, now = () => performance.now()) {
    const end = now() + milliseconds;
    while (!this.complete && now() < end) {
      const sentence = this.sentences[this.done++];
      const read = this.tagger.read(sentence.words);
      sentence.given = read.map(({ probabilities }) => this.tagger.tags[largest(probabilities)]);
      sentence.states = read.map(({ joined }) => Float32Array.from(joined));
      sentence.norms = sentence.states.map((state) => state.reduce((sum, v) => sum + v * v, 0));
    }
    return this.sentences.length ? this.done / this.sentences.length : 1;
  }

  /** Words of the tag `told` that were given the tag `given`: sentences and places. */
  errors(told, given) {
    const found = [];
    for (const sentence of this.sentences.slice(0, this.done)) {
      sentence.tags.forEach((tag, at) => {
        if (tag === told && sentence.given[at] === given) found.push({ sentence, at });
      });
    }
    return found;
  }

  /**
   * The stretches whose states are most like those of a stretch, one a sentence.
   *
   * @param {ArrayLike<number>[]} states - of its words, one after another.
   * @param {string[]} but - the words of the sentence that it is from, which is left out.
   * @returns {{found: {sentence: object, from: number, cosine: number}[], usual: number}} the
   *   nearest first by the cosine of all their states together, and the median of all stretches.
   */
  nearest(states, but = [], count = 8) {
    const norm = states.reduce((sum, state) => sum + dot(state, state), 0);
    const best = [], every = [], own = but.join(" ");
    for (const sentence of this.sentences.slice(0, this.done)) {
      if (sentence.words.join(" ") === own) continue;
      let top = null;
      for (let from = 0; from + states.length <= sentence.words.length; from++) {
        let product = 0, other = 0;
        states.forEach((state, i) => {
          product += dot(state, sentence.states[from + i]);
          other += sentence.norms[from + i];
        });
        const cosine = product / Math.sqrt(norm * other || 1);
        every.push(cosine);
        if (!top || cosine > top.cosine) top = { sentence, from, cosine };
      }
      if (top) best.push(top);
    }
    every.sort((a, b) => a - b);
    best.sort((a, b) => b.cosine - a.cosine);
    return { found: best.slice(0, count), usual: every[every.length >> 1] ?? 0 };
  }
}

export function largest(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** How far the states of two sentences of as many words lie apart, relative to their length. */
export function distance(a, b) {
  let off = 0, size = 0;
  for (let i = 0; i < a.length; i++) {
    off += (a[i] - b[i]) ** 2;
    size += (a[i] ** 2 + b[i] ** 2) / 2;
  }
  return Math.sqrt(off / (size || 1));
}
