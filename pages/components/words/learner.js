// The text's network, learnt in the browser: embedding 10, two words of context, Lin 20-128, ReLU,
// Lin 128-V; cross-entropy, SGD 1e-2, weight decay 1e-5, one example a step, in order.

import { normal, stream, uniform } from "../trajectory/random.js";
import { RARE } from "./predictor.js";

export const MAX_WORDS = 100_000;
export const MAX_CHARACTERS = 2_000_000;
export const MAX_KNOWN = 3000;
const WIDTH = 10, CONTEXT = 2, UNITS = 128, RATE = 1e-2, DECAY = 1e-5;

/**
 * The words of a text and their numbers, the most frequent first. Beyond 3,000 words the others are
 * joined into one. Throws a sentence for a text that cannot be learnt.
 */
export function prepare(text) {
  if (text.length > MAX_CHARACTERS) throw new Error(TOO_LONG);
  const words = text.split(/\s+/).filter(Boolean);
  if (words.length > MAX_WORDS) throw new Error(TOO_LONG);
  if (words.length <= CONTEXT) {
    throw new Error("Three words are the least: two that are seen, and one that follows.");
  }
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const sorted = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1));
  const joined = sorted.length > MAX_KNOWN ? sorted.length - MAX_KNOWN : 0;
  const known = joined ? [RARE, ...sorted.slice(0, MAX_KNOWN)] : sorted;
  const numbers = new Map(known.map((word, i) => [word, i]));
  return { known, joined, stream: Int32Array.from(words, (word) => numbers.get(word) ?? 0) };
}
const TOO_LONG = `That text is too long to be learnt here: ${MAX_WORDS.toLocaleString("en")} words `
  + "are the most. Take a part of it.";

export class Learner {
  /**
   * @param stream numbers of the text's words
   * @param size of the vocabulary
   * @param seed of the initial weights, which are as PyTorch's: the embedding normal, the layers
   *   even up to 1 / √inputs
   * @param weights to begin with instead
   */
  constructor(stream_, size, seed, weights = null) {
    this.stream = stream_;
    this.size = size;
    const inputs = CONTEXT * WIDTH;
    const even = (layer, count, fan) => Float64Array.from({ length: count }, (_, i) =>
      (2 * uniform(seed, stream("weights", layer), i) - 1) / Math.sqrt(fan));
    const made = weights ?? {
      "embedding.weight": Float64Array.from({ length: size * WIDTH }, (_, i) =>
        normal(seed, stream("weights", 0), i)),
      "hidden.weight": even(1, UNITS * inputs, inputs), "hidden.bias": even(2, UNITS, inputs),
      "out.weight": even(3, size * UNITS, UNITS), "out.bias": even(4, size, UNITS),
    };
    [this.E, this.W, this.b, this.V, this.c] = ["embedding.weight", "hidden.weight", "hidden.bias",
      "out.weight", "out.bias"].map((name) => Float64Array.from(made[name]));
    this.epoch = 0;
    this.at = CONTEXT; // the word that is to be said next
    this.sum = 0;
    this.steps = 0;
    this.x = new Float64Array(inputs);
    this.h = new Float64Array(UNITS);
    this.p = new Float64Array(size);
    this.dh = new Float64Array(UNITS);
    this.dx = new Float64Array(inputs);
  }

  /** One example. Gives the mean loss of the epoch when that has ended, else null. */
  step() {
    const { stream: words, E, W, b, V, c, x, h, p, dh, dx, size, at } = this;
    const inputs = x.length;
    for (let k = 0; k < CONTEXT; k++) {
      const from = words[at - CONTEXT + k] * WIDTH;
      for (let i = 0; i < WIDTH; i++) x[k * WIDTH + i] = E[from + i];
    }
    for (let u = 0, n = 0; u < UNITS; u++) {
      let sum = b[u];
      for (let i = 0; i < inputs; i++) sum += W[n++] * x[i];
      h[u] = sum > 0 ? sum : 0;
    }
    let most = -Infinity, all = 0;
    for (let v = 0, n = 0; v < size; v++) {
      let sum = c[v];
      for (let u = 0; u < UNITS; u++) sum += V[n++] * h[u];
      p[v] = sum;
      if (sum > most) most = sum;
    }
    const target = words[at], logit = p[target];
    for (let v = 0; v < size; v++) all += p[v] = Math.exp(p[v] - most);
    this.sum += Math.log(all) + most - logit;
    this.steps++;

    // backwards, each weight changed once its old value has been used; decay shrinks all of them
    const kept = 1 - RATE * DECAY;
    dh.fill(0);
    for (let v = 0, n = 0; v < size; v++) {
      const g = p[v] / all - (v === target ? 1 : 0), move = RATE * g;
      for (let u = 0; u < UNITS; u++, n++) {
        dh[u] += g * V[n];
        V[n] = kept * V[n] - move * h[u];
      }
      c[v] = kept * c[v] - move;
    }
    dx.fill(0);
    for (let u = 0, n = 0; u < UNITS; u++) {
      const g = h[u] > 0 ? dh[u] : 0, move = RATE * g;
      for (let i = 0; i < inputs; i++, n++) {
        dx[i] += g * W[n];
        W[n] = kept * W[n] - move * x[i];
      }
      b[u] = kept * b[u] - move;
    }
    for (let n = 0; n < E.length; n++) E[n] *= kept;
    for (let k = 0; k < CONTEXT; k++) {
      const to = words[at - CONTEXT + k] * WIDTH;
      for (let i = 0; i < WIDTH; i++) E[to + i] -= RATE * dx[k * WIDTH + i];
    }
    return this.#forward();
  }

  #forward() {
    if (++this.at < this.stream.length) return null;
    const loss = this.sum / (this.stream.length - CONTEXT);
    this.at = CONTEXT;
    this.sum = 0;
    this.epoch++;
    return loss;
  }

  /** The weights as `predictor.js` takes them. */
  weights() {
    const one = (values, ...shape) => ({ shape, values: Float32Array.from(values) });
    return {
      "embedding.weight": one(this.E, this.size, WIDTH),
      "hidden.weight": one(this.W, UNITS, CONTEXT * WIDTH), "hidden.bias": one(this.b, UNITS),
      "out.weight": one(this.V, this.size, UNITS), "out.bias": one(this.c, this.size),
    };
  }
}

/** What followed two words in a text, by their numbers: counts by the word that followed. */
export function followers(stream, [first, second]) {
  const found = new Map();
  for (let i = CONTEXT; i < stream.length; i++) {
    if (stream[i - 2] === first && stream[i - 1] === second)
      found.set(stream[i], (found.get(stream[i]) ?? 0) + 1);
  }
  return found;
}
