// Networks that say which word comes next, as core/models/word_predictors.py has them, and what is typed as
// core/inference/completion.py reads it.

import { affine, lstm } from "../recurrent.js";
import { stream, uniform } from "../trajectory/random.js";

export const RARE = "<rare>";
const START = "."; // what a network that reads on and on has read before the first word
const READ_BACK = 200; // words that it reads at most
const EDGES = /^([(\[]*)(.*?)([.,;:!?)\]]*)$/s;

export class Vocabulary {
  constructor(words) {
    this.words = words;
    this.numbers = new Map(words.map((word, i) => [word, i]));
  }

  /** The number of a word as it stands, in small letters, or with a capital; undefined without. */
  find(piece) {
    const [first = "", ...rest] = piece;
    for (const form of [piece, piece.toLowerCase(), first.toUpperCase() + rest.join("")])
      if (this.numbers.has(form)) return this.numbers.get(form);
    return undefined;
  }

  /** What is typed, divided into `words` with their `numbers`; `unknown` are those not known. */
  read(typed) {
    const found = { words: [], numbers: [], unknown: [] };
    for (const piece of this.#pieces(typed)) {
      let number = this.find(piece);
      if (number === undefined) {
        found.unknown.push(piece);
        number = this.numbers.get(RARE);
      }
      if (number === undefined) continue;
      found.words.push(this.words[number]);
      found.numbers.push(number);
    }
    return found;
  }

  #pieces(typed) {
    const pieces = [], quotes = this.numbers.has("``") && this.numbers.has("''");
    let inside = false;
    for (const word of typed.split(/\s+/).filter(Boolean)) {
      const split = quotes && word.includes('"') && !this.numbers.has(word);
      for (const part of split ? word.split(/(")/).filter(Boolean) : [word]) {
        if (part === '"' && quotes) {
          pieces.push(inside ? "''" : "``");
          inside = !inside;
        } else if (this.numbers.has(part)) pieces.push(part);
        else {
          const [, before, middle, behind] = part.match(EDGES);
          pieces.push(...[...before, middle, ...behind].filter(Boolean));
        }
      }
    }
    return pieces;
  }
}

/** As `affine`, for large matrices: four sums side by side do not wait for each other. */
function wide(matrix, bias, x, out) {
  const columns = x.length, even = columns - (columns % 4);
  for (let r = 0, at = 0; r < out.length; r++) {
    let a = bias[r], b = 0, c = 0, d = 0, i = 0;
    for (; i < even; i += 4, at += 4) {
      a += matrix[at] * x[i];
      b += matrix[at + 1] * x[i + 1];
      c += matrix[at + 2] * x[i + 2];
      d += matrix[at + 3] * x[i + 3];
    }
    for (; i < columns; i++) a += matrix[at++] * x[i];
    out[r] = a + b + c + d;
  }
  return out;
}

/** The text's network: some words before, joined, and two linear layers. */
export class NGram {
  constructor(weights) {
    const { values, shape } = weights["embedding.weight"];
    this.embedding = values;
    [this.size, this.width] = shape;
    const [units, inputs] = weights["hidden.weight"].shape;
    this.context = inputs / this.width;
    this.hidden = weights["hidden.weight"].values;
    this.hiddenBias = weights["hidden.bias"].values;
    this.out = weights["out.weight"].values;
    this.outBias = weights["out.bias"].values;
    this.joined = new Float64Array(inputs);
    this.units = new Float64Array(units);
    this.logits = new Float64Array(this.size);
  }

  /** The logits of what comes after words; null where there are too few of them. */
  next(numbers) {
    if (numbers.length < this.context) return null;
    const { width, embedding, joined, units } = this;
    numbers.slice(-this.context).forEach((n, i) =>
      joined.set(embedding.subarray(n * width, (n + 1) * width), i * width));
    affine(this.hidden, this.hiddenBias, joined, units);
    for (let i = 0; i < units.length; i++) if (units[i] < 0) units[i] = 0;
    return wide(this.out, this.outBias, units, this.logits);
  }
}

/** An LSTM whose embedding is also its output layer. What has been read is not read again. */
export class TiedLSTM {
  constructor(weights, start = 0) {
    const { values, shape } = weights["embedding.weight"];
    this.embedding = values;
    [this.size, this.width] = shape;
    this.context = 0;
    this.start = start;
    this.cell = {
      ih: weights["lstm.weight_ih_l0"].values, hh: weights["lstm.weight_hh_l0"].values,
      bIh: weights["lstm.bias_ih_l0"].values, bHh: weights["lstm.bias_hh_l0"].values,
    };
    this.out = weights["out.weight"].values;
    this.outBias = weights["out.bias"].values;
    this.bias = weights.bias.values;
    this.meaning = new Float64Array(this.width);
    this.logits = new Float64Array(this.size);
    this.read = []; // the words read so far
    this.states = []; // the state behind each
  }

  next(numbers) {
    const words = [this.start, ...numbers.slice(-READ_BACK)], { width, embedding } = this;
    let same = 0;
    while (same < words.length && words[same] === this.read[same]) same++;
    this.read.length = this.states.length = same;
    for (const n of words.slice(same)) {
      const before = this.states.at(-1);
      const input = Float64Array.from(embedding.subarray(n * width, (n + 1) * width));
      this.states.push(lstm(this.cell, [input], before ? { h: before.h, c: before.c } : {})[0]);
      this.read.push(n);
    }
    affine(this.out, this.outBias, this.states.at(-1).h, this.meaning);
    return wide(embedding, this.bias, this.meaning, this.logits);
  }
}

/** The network of a run's weights. Throws a sentence where the vocabulary is another's. */
export function network(weights, vocabulary) {
  const size = weights["embedding.weight"]?.shape[0];
  if (size !== vocabulary.words.length) {
    throw new Error(
      `The network knows ${size} words, and the vocabulary beside it has ${vocabulary.words.length}: `
      + "they are of different runs.");
  }
  if (weights["hidden.weight"]) return new NGram(weights);
  return new TiedLSTM(weights, vocabulary.numbers.get(START) ?? 0);
}

/** Probabilities of logits; words in `never` have none. */
export function softmax(logits, temperature = 1, never = []) {
  const found = Float64Array.from(logits, (v) => v / temperature);
  for (const n of never) if (n !== undefined) found[n] = -Infinity;
  let most = -Infinity, sum = 0;
  for (const v of found) if (v > most) most = v;
  for (let i = 0; i < found.length; i++) sum += found[i] = Math.exp(found[i] - most);
  for (let i = 0; i < found.length; i++) found[i] /= sum;
  return found;
}

/** The places of the largest numbers, the largest first. */
export function largest(values, count, wanted = () => true) {
  const best = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length === count && values[i] <= values[best.at(-1)]) continue;
    if (!wanted(i)) continue;
    let at = best.length;
    while (at > 0 && values[best[at - 1]] < values[i]) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

/** The number of the n-th word that is added, drawn by a seed; at temperature 0 the best one. */
export function draw(logits, { temperature, seed }, n, never) {
  if (!temperature) return largest(softmax(logits, 1, never), 1)[0];
  const shares = softmax(logits, temperature, never);
  const at = uniform(seed, stream("noise"), n);
  let upto = 0, last = 0;
  for (let i = 0; i < shares.length; i++) {
    if (!shares[i]) continue;
    upto += shares[i];
    last = i;
    if (upto > at) return i;
  }
  return last;
}

/** Words as one would write them. */
export function written(words) {
  return words.join(" ")
    .replace(/ ([.,;:!?)]|'')/g, "$1").replace(/(``|\() /g, "$1").replace(/``|''/g, '"');
}

/** The cosines of one word's embedding with all others'. */
export function cosines({ embedding, size, width }, word) {
  const found = new Float64Array(size), own = word * width;
  let norm = 0;
  for (let i = 0; i < width; i++) norm += embedding[own + i] ** 2;
  for (let n = 0, at = 0; n < size; n++) {
    let sum = 0, square = 0;
    for (let i = 0; i < width; i++, at++) {
      sum += embedding[own + i] * embedding[at];
      square += embedding[at] * embedding[at];
    }
    found[n] = sum / (Math.sqrt(norm * square) || 1);
  }
  return found;
}

/**
 * Points laid out on their two directions of largest variance, by power iteration.
 *
 * @param rows a list of vectors
 * @param from two directions to begin with, so that a moving cloud does not turn over
 * @returns {{places: number[][], axes: Float64Array[], mean: Float64Array, share: number}} `share`
 *   of the variance
 */
export function principal(rows, from = []) {
  const width = rows[0]?.length ?? 0, mean = new Float64Array(width);
  for (const row of rows) for (let i = 0; i < width; i++) mean[i] += row[i] / rows.length;
  const centred = rows.map((row) => Float64Array.from(row, (v, i) => v - mean[i]));
  const axes = [];
  let kept = 0;
  const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  for (let k = 0; k < 2; k++) {
    let axis = from[k] ?? Float64Array.from({ length: width }, (_, i) => uniform(k, 0, i) - 0.5);
    for (let round = 0; round < (from[k] ? 8 : 40); round++) {
      const next = new Float64Array(width);
      for (const row of centred) {
        const along = dot(row, axis);
        for (let i = 0; i < width; i++) next[i] += along * row[i];
      }
      for (const other of axes) {
        const along = dot(next, other);
        for (let i = 0; i < width; i++) next[i] -= along * other[i];
      }
      const norm = Math.hypot(...next);
      if (!norm) break;
      axis = next.map((v) => v / norm);
    }
    axes.push(axis);
  }
  let all = 0;
  for (const row of centred) all += dot(row, row);
  const places = centred.map((row) => axes.map((axis) => dot(row, axis)));
  for (const place of places) kept += place[0] ** 2 + place[1] ** 2;
  return { places, axes, mean, share: all ? kept / all : 0 };
}
