// A small network on points: loss and gradient in plain loops over typed arrays, in double
// precision. Points lie feature by feature (all first features, then all second ones, …), so that
// every inner loop goes over neighbours and its steps do not wait for each other. Nothing is
// allocated in a step. core/foundations/networks.py is the same in PyTorch, and a test holds both
// to the same numbers.

import { normal, order, stream, uniform } from "./random.js";

const EPSILON = 1e-5;
const RUNNING = 0.1;
const LEAK = 0.01;

export const ACTIVATIONS = ["linear", "relu", "leaky_relu", "tanh", "sigmoid"];
export const INITIALISATIONS = [
  "zeros", "normal", "uniform", "xavier_normal", "kaiming_normal", "sparse",
];
export const LOSSES = ["mse", "bce", "cross_entropy"];

export class Network {
  /**
   * @param settings `inputs`, `hidden` (units of each hidden layer), `outputs`, `activation`,
   *   `batch_norm`, `loss`: see PlaneSettings in core/foundations/networks.py
   * @param room points at once, at most
   */
  constructor(settings, room) {
    this.settings = settings;
    this.room = room;
    this.sizes = [settings.inputs, ...settings.hidden, settings.outputs];
    this.layers = [];
    let [at, running] = [0, 0];
    for (let l = 1; l < this.sizes.length; l++) {
      const [inputs, outputs] = [this.sizes[l - 1], this.sizes[l]];
      const last = l === this.sizes.length - 1;
      const normed = Boolean(settings.batch_norm) && !last;
      const layer = { inputs, outputs, last, normed, weights: at, bias: at + inputs * outputs };
      at = layer.bias + outputs;
      if (normed) {
        Object.assign(layer, { gamma: at, beta: at + outputs, running });
        at += 2 * outputs;
        running += 2 * outputs;
      }
      const start = layer.weights;
      layer.forwards = { at: start, row: inputs, column: 1, bias: layer.bias, inputs, outputs };
      layer.linear = { ...layer.forwards, bias: -1 };
      layer.backwards = { at: start, row: 1, column: inputs, bias: -1, inputs: outputs, outputs: inputs };
      const numbers = () => new Float64Array(outputs * room);
      layer.outputsOf = numbers(); // after the activation
      layer.sums = normed ? numbers() : layer.outputsOf; // before it; then standardised
      layer.delta = numbers(); // of the loss by each of its sums
      layer.mean = new Float64Array(outputs);
      layer.variance = new Float64Array(outputs);
      this.layers.push(layer);
    }
    this.size = at; // numbers that are learnt, in one flat array
    this.running = running; // statistics of batch norm, in another
    this.batch = 0; // n of the last pass
  }

  /** Weights before the first step; biases are `bias`, and batch norm's factors 1. */
  initial() {
    const { initialisation, scale, bias, seed, start } = this.settings;
    if (start) return Float64Array.from(start);
    const weights = new Float64Array(this.size);
    this.layers.forEach((layer, l) => {
      const { inputs, outputs } = layer;
      const of = stream("weights", l);
      const spread = {
        normal: scale,
        sparse: scale,
        xavier_normal: Math.sqrt(2 / (inputs + outputs)),
        kaiming_normal: Math.sqrt(2 / inputs),
      }[initialisation];
      for (let i = 0; i < inputs * outputs; i++) {
        if (spread) weights[layer.weights + i] = spread * normal(seed, of, i);
        if (initialisation === "uniform") {
          weights[layer.weights + i] = scale * (2 * uniform(seed, of, i) - 1);
        }
      }
      if (initialisation === "sparse") {
        for (let o = 0; o < outputs; o++) { // half of each unit's weights, drawn, are 0
          const drawn = order(seed, stream("sparse", l * 1024 + o), inputs);
          for (const i of drawn.subarray(0, inputs >> 1)) weights[layer.weights + o * inputs + i] = 0;
        }
      }
      weights.fill(bias, layer.bias, layer.bias + outputs);
      if (layer.normed) weights.fill(1, layer.gamma, layer.gamma + outputs);
    });
    return weights;
  }

  /** Batch norm's means and variances before the first step. */
  initialRunning() {
    const running = new Float64Array(this.running);
    for (const { normed, running: at, outputs } of this.layers) {
      if (normed) running.fill(1, at + outputs, at + 2 * outputs);
    }
    return running;
  }

  /**
   * The outputs for points, unit by unit; hidden units' stand in `layers[l].outputsOf`.
   * @param running batch norm's statistics; null in training, where the batch's own are taken
   * @param dropout null, or `{ share, seed, step }`
   */
  forward(weights, x, n, running = null, dropout = null) {
    const { activation } = this.settings;
    let fed = x;
    let unit = 0;
    this.batch = n;
    for (const layer of this.layers) {
      layer.input = fed;
      multiply(weights, layer.forwards, fed, layer.sums, n);
      if (layer.last) break;
      if (layer.normed) normalise(weights, layer, n, running);
      const sums = layer.normed ? layer.outputsOf : layer.sums;
      activate(activation, sums, layer.outputsOf, layer.outputs * n);
      fed = dropout ? this.#drop(layer, n, dropout, unit) : layer.outputsOf;
      unit += layer.outputs;
    }
    return this.layers.at(-1).sums;
  }

  #drop(layer, n, { share, seed, step }, unit) {
    layer.kept ??= new Float64Array(layer.outputs * this.room);
    layer.dropped ??= new Float64Array(layer.outputs * this.room);
    const of = stream("dropout", step);
    for (let i = 0; i < layer.outputs * n; i++) {
      layer.kept[i] = uniform(seed, of, unit * n + i) >= share ? 1 / (1 - share) : 0;
      layer.dropped[i] = layer.outputsOf[i] * layer.kept[i];
    }
    return layer.dropped;
  }

  /** The mean loss of the outputs of the last pass; with `delta`, its gradient by them too. */
  #loss(y, n, delta) {
    const { loss, outputs } = this.settings;
    const z = this.layers.at(-1).sums;
    const all = outputs * n;
    let sum = 0;
    if (loss === "mse") {
      for (let i = 0; i < all; i++) {
        const off = z[i] - y[i];
        sum += off * off;
        if (delta) delta[i] = (2 * off) / all;
      }
      return sum / all;
    }
    if (loss === "bce") {
      for (let i = 0; i < all; i++) {
        const small = Math.exp(-Math.abs(z[i])); // neither overflows nor loses digits
        sum += Math.max(z[i], 0) - z[i] * y[i] + Math.log1p(small);
        if (delta) delta[i] = ((z[i] >= 0 ? 1 : small) / (1 + small) - y[i]) / all;
      }
      return sum / all;
    }
    for (let p = 0; p < n; p++) {
      let top = -Infinity;
      for (let k = 0; k < outputs; k++) top = Math.max(top, z[k * n + p]);
      let total = 0;
      for (let k = 0; k < outputs; k++) total += Math.exp(z[k * n + p] - top);
      sum += top + Math.log(total) - z[y[p] * n + p];
      if (delta) {
        for (let k = 0; k < outputs; k++) {
          delta[k * n + p] = (Math.exp(z[k * n + p] - top) / total - (y[p] === k ? 1 : 0)) / n;
        }
      }
    }
    return sum / n;
  }

  /** The mean loss of points with finished weights: no dropout, batch norm's running statistics. */
  loss(weights, running, x, y, n) {
    this.forward(weights, x, n, running);
    return this.#loss(y, n, null);
  }

  /**
   * The loss in training and its gradient; the penalty is in the gradient, not in the loss.
   * @param options `l1` and `l2`: l1 · Σ|w| + l2 · Σw² over weights, not biases, is added to what is
   *   made small; `dropout`: null, or `{ share, seed, step }`
   * @param out a flat array for the gradient
   */
  gradient(weights, x, y, n, { dropout = null, l1 = 0, l2 = 0 }, out) {
    out.fill(0);
    this.forward(weights, x, n, null, dropout);
    const loss = this.#loss(y, n, this.layers.at(-1).delta);
    this.backward(weights, n, out, dropout);
    if (l1 || l2) this.#penalise(weights, l1, l2, out);
    return loss;
  }

  /**
   * From the last layer's `delta` (of a loss by the outputs of the last pass) to all layers'.
   * @param out a flat array to which the gradient by the weights is added, or null
   * @param byInputs where the gradient by the inputs is written, or null
   */
  backward(weights, n, out, dropout = null, byInputs = null) {
    const { layers } = this;
    for (let l = layers.length - 1; l >= 0; l--) {
      if (out) outer(layers[l].delta, layers[l], layers[l].input, n, out);
      if (l > 0) this.#back(weights, layers[l], layers[l - 1], n, dropout, out);
    }
    if (byInputs) multiply(weights, layers[0].backwards, layers[0].delta, byInputs, n);
  }

  // ---- second derivatives, of networks without batch norm: how the passes change along a direction
  // (Pearlmutter 1994). `forward` and `backward` come before.

  /**
   * How the outputs of the last pass change.
   * @param along a direction of the weights, or null
   * @param inputs of the inputs, or null; one of both is given
   */
  tangentForward(weights, n, along, inputs) {
    let moved = inputs;
    for (const layer of this.layers) {
      layer.moved = moved;
      layer.tangent ??= new Float64Array(layer.outputs * this.room);
      layer.other ??= new Float64Array(Math.max(layer.inputs, layer.outputs) * this.room);
      const { tangent, other, outputs } = layer;
      if (moved) multiply(weights, layer.linear, moved, tangent, n);
      if (along) {
        const into = moved ? other : tangent;
        multiply(along, layer.forwards, layer.input, into, n);
        if (moved) for (let i = 0; i < outputs * n; i++) tangent[i] += other[i];
      }
      if (!layer.last) slope(this.settings.activation, layer.outputsOf, tangent, outputs * n);
      moved = tangent;
    }
    return moved;
  }

  /**
   * How the gradients change, from the last layer's `turned`: how its `delta` changes.
   * @param out a flat array to which the change of the gradient by the weights is added
   * @param byInputs where that by the inputs is written, or null
   */
  tangentBackward(weights, n, along, out, byInputs = null) {
    const { layers } = this;
    const { activation } = this.settings;
    for (let l = layers.length - 1; l >= 0; l--) {
      const layer = layers[l];
      const all = layer.inputs * n;
      outer(layer.turned, layer, layer.input, n, out);
      if (layer.moved) outer(layer.delta, layer, layer.moved, n, out, false);
      const into = l > 0 ? this.turnedOf(layers[l - 1]) : byInputs;
      if (!into) return;
      multiply(weights, layer.backwards, layer.turned, into, n);
      if (along) {
        multiply(along, layer.backwards, layer.delta, layer.other, n);
        for (let i = 0; i < all; i++) into[i] += layer.other[i];
      }
      if (l === 0) return;
      const before = layers[l - 1];
      slope(activation, before.outputsOf, into, all);
      if (activation !== "tanh" && activation !== "sigmoid") continue; // no curvature
      multiply(weights, layer.backwards, layer.delta, layer.other, n);
      bend(activation, before.outputsOf, before.tangent, layer.other, into, all);
    }
  }

  /** Where the change of a layer's `delta` stands. */
  turnedOf(layer) {
    layer.turned ??= new Float64Array(layer.outputs * this.room);
    return layer.turned;
  }

  #penalise(weights, l1, l2, out) {
    for (const layer of this.layers) {
      for (let i = layer.weights; i < layer.bias; i++) {
        out[i] += l1 * Math.sign(weights[i]) + 2 * l2 * weights[i];
      }
    }
  }

  /** From a layer's deltas to those of the layer before. */
  #back(weights, layer, before, n, dropout, out) {
    const { delta } = before;
    multiply(weights, layer.backwards, layer.delta, delta, n);
    if (dropout) for (let i = 0; i < layer.inputs * n; i++) delta[i] *= before.kept[i];
    slope(this.settings.activation, before.outputsOf, delta, layer.inputs * n);
    if (before.normed) normaliseBack(weights, before, n, out);
  }

  /** Batch norm's statistics after a step, from those before it and the last pass in training. */
  nextRunning(running, next) {
    const n = this.batch;
    for (const { normed, running: at, outputs, mean, variance } of this.layers) {
      if (!normed) continue;
      for (let o = 0; o < outputs; o++) {
        const [first, second] = [at + o, at + outputs + o];
        const unbiased = (variance[o] * n) / Math.max(n - 1, 1);
        next[first] = running[first] + RUNNING * (mean[o] - running[first]);
        next[second] = running[second] + RUNNING * (unbiased - running[second]);
      }
    }
  }
}

// ---- loops. Four outputs by four inputs at a time: sixteen products for twelve loads and stores, in
// which numbers of a row wait for none before them.

/**
 * z = W x + b for n points, or Wᵀ x.
 * @param at where W begins in the weights; `row` and `column` are the steps from a row and a column
 *   to the next
 * @param bias where b begins; below 0 there is none
 */
function multiply(weights, { at, row, column, bias, inputs, outputs }, x, z, n) {
  let o = 0;
  for (; o + 3 < outputs; o += 4) {
    for (let k = o; k < o + 4; k++) z.fill(bias < 0 ? 0 : weights[bias + k], k * n, (k + 1) * n);
    const w = at + o * row;
    let i = 0;
    for (; i + 3 < inputs; i += 4) tile(weights, w + i * column, row, column, x, i * n, z, o * n, n);
    for (; i < inputs; i++) {
      const first = w + i * column;
      const w0 = weights[first];
      const w1 = weights[first + row];
      const w2 = weights[first + 2 * row];
      const w3 = weights[first + 3 * row];
      const from = i * n;
      const z0 = o * n;
      const z1 = z0 + n;
      const z2 = z1 + n;
      const z3 = z2 + n;
      for (let p = 0; p < n; p++) {
        const a = x[from + p];
        z[z0 + p] += w0 * a;
        z[z1 + p] += w1 * a;
        z[z2 + p] += w2 * a;
        z[z3 + p] += w3 * a;
      }
    }
  }
  for (; o < outputs; o++) {
    const to = o * n;
    z.fill(bias < 0 ? 0 : weights[bias + o], to, to + n);
    const w = at + o * row;
    let i = 0;
    for (; i + 3 < inputs; i += 4) {
      const w0 = weights[w + i * column];
      const w1 = weights[w + (i + 1) * column];
      const w2 = weights[w + (i + 2) * column];
      const w3 = weights[w + (i + 3) * column];
      const x0 = i * n;
      const x1 = x0 + n;
      const x2 = x1 + n;
      const x3 = x2 + n;
      for (let p = 0; p < n; p++) {
        z[to + p] += w0 * x[x0 + p] + w1 * x[x1 + p] + (w2 * x[x2 + p] + w3 * x[x3 + p]);
      }
    }
    for (; i < inputs; i++) {
      const w0 = weights[w + i * column];
      const from = i * n;
      for (let p = 0; p < n; p++) z[to + p] += w0 * x[from + p];
    }
  }
}

function tile(weights, w, row, column, x, x0, z, z0, n) {
  const a0 = weights[w];
  const a1 = weights[w + column];
  const a2 = weights[w + 2 * column];
  const a3 = weights[w + 3 * column];
  const b0 = weights[w + row];
  const b1 = weights[w + row + column];
  const b2 = weights[w + row + 2 * column];
  const b3 = weights[w + row + 3 * column];
  const c0 = weights[w + 2 * row];
  const c1 = weights[w + 2 * row + column];
  const c2 = weights[w + 2 * row + 2 * column];
  const c3 = weights[w + 2 * row + 3 * column];
  const d0 = weights[w + 3 * row];
  const d1 = weights[w + 3 * row + column];
  const d2 = weights[w + 3 * row + 2 * column];
  const d3 = weights[w + 3 * row + 3 * column];
  const x1 = x0 + n;
  const x2 = x1 + n;
  const x3 = x2 + n;
  const z1 = z0 + n;
  const z2 = z1 + n;
  const z3 = z2 + n;
  for (let p = 0; p < n; p++) {
    const i0 = x[x0 + p];
    const i1 = x[x1 + p];
    const i2 = x[x2 + p];
    const i3 = x[x3 + p];
    z[z0 + p] += a0 * i0 + a1 * i1 + (a2 * i2 + a3 * i3);
    z[z1 + p] += b0 * i0 + b1 * i1 + (b2 * i2 + b3 * i3);
    z[z2 + p] += c0 * i0 + c1 * i1 + (c2 * i2 + c3 * i3);
    z[z3 + p] += d0 * i0 + d1 * i1 + (d2 * i2 + d3 * i3);
  }
}

/** Adds gradients by weights and biases: sums over points, two outputs by four inputs at a time. */
function outer(delta, { weights: at, bias, inputs, outputs }, x, n, out, biased = true) {
  let o = 0;
  for (; biased && o < outputs; o++) {
    let sum = 0;
    for (let p = o * n; p < o * n + n; p++) sum += delta[p];
    out[bias + o] += sum;
  }
  for (o = 0; o + 1 < outputs; o += 2) {
    let i = 0;
    for (; i + 3 < inputs; i += 4) {
      outerTile(delta, o * n, x, i * n, n, out, at + o * inputs + i, inputs);
    }
    for (; i < inputs; i++) {
      out[at + o * inputs + i] += along(delta, o * n, x, i * n, n);
      out[at + (o + 1) * inputs + i] += along(delta, (o + 1) * n, x, i * n, n);
    }
  }
  for (; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) out[at + o * inputs + i] += along(delta, o * n, x, i * n, n);
  }
}

function outerTile(delta, d0, x, x0, n, out, to, row) {
  let [a0, a1, a2, a3] = [0, 0, 0, 0];
  let [b0, b1, b2, b3] = [0, 0, 0, 0];
  const d1 = d0 + n;
  const x1 = x0 + n;
  const x2 = x1 + n;
  const x3 = x2 + n;
  for (let p = 0; p < n; p++) {
    const a = delta[d0 + p];
    const b = delta[d1 + p];
    const i0 = x[x0 + p];
    const i1 = x[x1 + p];
    const i2 = x[x2 + p];
    const i3 = x[x3 + p];
    a0 += a * i0;
    a1 += a * i1;
    a2 += a * i2;
    a3 += a * i3;
    b0 += b * i0;
    b1 += b * i1;
    b2 += b * i2;
    b3 += b * i3;
  }
  out[to] += a0;
  out[to + 1] += a1;
  out[to + 2] += a2;
  out[to + 3] += a3;
  out[to + row] += b0;
  out[to + row + 1] += b1;
  out[to + row + 2] += b2;
  out[to + row + 3] += b3;
}

/** The sum of products of two rows. */
function along(a, from, b, start, n) {
  let even = 0;
  let odd = 0;
  let p = 0;
  for (; p + 1 < n; p += 2) {
    even += a[from + p] * b[start + p];
    odd += a[from + p + 1] * b[start + p + 1];
  }
  return p < n ? even + odd + a[from + p] * b[start + p] : even + odd;
}

function activate(name, z, a, all) {
  if (name === "tanh") for (let i = 0; i < all; i++) a[i] = tanh(z[i]);
  else if (name === "relu") for (let i = 0; i < all; i++) a[i] = z[i] > 0 ? z[i] : z[i] * 0;
  else if (name === "leaky_relu") for (let i = 0; i < all; i++) a[i] = z[i] > 0 ? z[i] : LEAK * z[i];
  else if (name === "sigmoid") for (let i = 0; i < all; i++) a[i] = 1 / (1 + exponential(-z[i]));
  else for (let i = 0; i < all; i++) a[i] = z[i];
}

const LOG2E = Math.LOG2E;
const [LN2_HIGH, LN2_LOW] = [6.93147180369123816490e-1, 1.90821492927058770002e-10];
const [S3, S4, S5, S6, S7] = [1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040];
const [S8, S9, S10, S11, S12] = [1 / 40320, 1 / 362880, 1 / 3628800, 1 / 39916800, 1 / 479001600];
const POWERS = Float64Array.from({ length: 129 }, (_, i) => 2 ** (i - 64));

/** As Math.exp between -44 and 44, and there beyond, to 1e-15 of it, in half the time. */
function exponential(x) {
  const z = x < -44 ? -44 : x > 44 ? 44 : x;
  const k = Math.floor(z * LOG2E + 0.5);
  const r = z - k * LN2_HIGH - k * LN2_LOW;
  // Taylor's series on ±ln 2 / 2, in pairs that do not wait for each other
  const q = r * r;
  const low = 1 + r + q * (0.5 + r * S3) + q * q * (S4 + r * S5 + q * (S6 + r * S7));
  const high = S8 + r * S9 + q * (S10 + r * S11 + q * S12);
  const fourth = q * q;
  return (low + fourth * fourth * high) * POWERS[k + 64];
}

/** As Math.tanh to 1e-15, in a third of the time. */
function tanh(z) {
  return 1 - 2 / (exponential(2 * z) + 1);
}

/** Gradients by the sums from those by the outputs, in place. */
function slope(name, a, delta, all) {
  if (name === "tanh") for (let i = 0; i < all; i++) delta[i] *= 1 - a[i] * a[i];
  else if (name === "relu") for (let i = 0; i < all; i++) delta[i] = a[i] > 0 ? delta[i] : 0;
  else if (name === "leaky_relu") for (let i = 0; i < all; i++) delta[i] *= a[i] > 0 ? 1 : LEAK;
  else if (name === "sigmoid") for (let i = 0; i < all; i++) delta[i] *= a[i] * (1 - a[i]);
}

/** Adds what the bend of the activation makes of a change of its inputs: φ''(z) ż e, φ' ż being known. */
function bend(name, a, moved, e, into, all) {
  if (name === "tanh") for (let i = 0; i < all; i++) into[i] -= 2 * a[i] * moved[i] * e[i];
  else for (let i = 0; i < all; i++) into[i] += (1 - 2 * a[i]) * moved[i] * e[i];
}

/** Batch norm (Ioffe and Szegedy 2015): `sums` becomes standardised, `outputsOf` scaled. */
function normalise(weights, layer, n, running) {
  const { sums, outputsOf, outputs, gamma, beta, mean, variance } = layer;
  for (let o = 0; o < outputs; o++) {
    const from = o * n;
    if (running) {
      mean[o] = running[layer.running + o];
      variance[o] = running[layer.running + outputs + o];
    } else {
      let sum = 0;
      for (let p = 0; p < n; p++) sum += sums[from + p];
      const middle = sum / n;
      let squares = 0;
      for (let p = 0; p < n; p++) squares += (sums[from + p] - middle) ** 2;
      mean[o] = middle;
      variance[o] = squares / n;
    }
    const [middle, factor] = [mean[o], 1 / Math.sqrt(variance[o] + EPSILON)];
    const [g, b] = [weights[gamma + o], weights[beta + o]];
    for (let p = 0; p < n; p++) {
      sums[from + p] = (sums[from + p] - middle) * factor;
      outputsOf[from + p] = g * sums[from + p] + b;
    }
  }
}

function normaliseBack(weights, { sums, outputs, gamma, beta, variance, delta }, n, out) {
  for (let o = 0; o < outputs; o++) {
    const from = o * n;
    let [sum, along] = [0, 0];
    for (let p = 0; p < n; p++) {
      sum += delta[from + p];
      along += delta[from + p] * sums[from + p];
    }
    out[beta + o] = sum;
    out[gamma + o] = along;
    const factor = weights[gamma + o] / Math.sqrt(variance[o] + EPSILON);
    for (let p = 0; p < n; p++) {
      delta[from + p] = factor * (delta[from + p] - sum / n - (sums[from + p] * along) / n);
    }
  }
}
