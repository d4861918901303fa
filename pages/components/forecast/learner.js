// A small recurrent network that learns in the browser: one layer, backpropagation through all of
// a series, Adam, and clipping of the gradient's norm (Pascanu et al. 2013).

import { sigmoid } from "../recurrent.js";
import { apply, firstTest, scalingOf } from "./forecaster.js";

export const TIMES = { rnn: 1, gru: 3, lstm: 4 };

/** Random numbers in [0, 1) by a seed (mulberry32). */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Learner {
  /**
   * @param {number[]} values - a series; its first 70 % is learnt from.
   * @param {{kind: string, hidden: number, lags: number, rate: number, clip: number, seed: number}}
   *   settings - `clip` is the gradient's largest norm, 0 clips none.
   */
  constructor(values, settings) {
    Object.assign(this, settings);
    const known = firstTest(values.length);
    this.scaling = scalingOf(values, known, true);
    const scaled = apply(this.scaling, values.slice(0, known));
    this.inputs = [];
    this.targets = [];
    for (let end = this.lags; end < scaled.length; end++) {
      this.inputs.push(scaled.slice(end - this.lags, end));
      this.targets.push(scaled[end]);
    }
    const { hidden: H, lags: L } = this, rows = TIMES[this.kind] * H;
    const sizes = { ih: rows * L, hh: rows * H, bIh: rows, bHh: rows, out: H, bias: 1 };
    const next = random(settings.seed), reach = 1 / Math.sqrt(H);
    this.weights = Object.fromEntries(Object.entries(sizes).map(([name, size]) =>
      [name, Float64Array.from({ length: size }, () => (2 * next() - 1) * reach)]));
    this.first = like(this.weights);
    this.second = like(this.weights);
    this.steps = 0;
  }

  count() {
    return Object.values(this.weights).reduce((sum, { length }) => sum + length, 0);
  }

  forward() {
    const { kind, hidden: H, lags: L, weights: w } = this, rows = TIMES[kind] * H;
    let h = new Float64Array(H), c = new Float64Array(H);
    return this.inputs.map((x) => {
      const a = new Float64Array(rows), b = new Float64Array(rows);
      for (let r = 0; r < rows; r++) {
        a[r] = w.bIh[r];
        b[r] = w.bHh[r];
        for (let k = 0; k < L; k++) a[r] += w.ih[r * L + k] * x[k];
        for (let k = 0; k < H; k++) b[r] += w.hh[r * H + k] * h[k];
      }
      const step = { x, before: h, cellBefore: c, b };
      const out = new Float64Array(H), cell = new Float64Array(H), gate = new Float64Array(rows);
      for (let u = 0; u < H; u++) {
        if (kind === "rnn") out[u] = gate[u] = Math.tanh(a[u] + b[u]);
        else if (kind === "gru") {
          const r = gate[u] = sigmoid(a[u] + b[u]);
          const z = gate[H + u] = sigmoid(a[H + u] + b[H + u]);
          const n = gate[2 * H + u] = Math.tanh(a[2 * H + u] + r * b[2 * H + u]);
          out[u] = (1 - z) * n + z * h[u];
        } else {
          const i = gate[u] = sigmoid(a[u] + b[u]);
          const f = gate[H + u] = sigmoid(a[H + u] + b[H + u]);
          const g = gate[2 * H + u] = Math.tanh(a[2 * H + u] + b[2 * H + u]);
          const o = gate[3 * H + u] = sigmoid(a[3 * H + u] + b[3 * H + u]);
          cell[u] = f * c[u] + i * g;
          out[u] = o * Math.tanh(cell[u]);
        }
      }
      let said = w.bias[0];
      for (let u = 0; u < H; u++) said += w.out[u] * out[u];
      h = out;
      c = cell;
      return Object.assign(step, { h, c, gate, said });
    });
  }

  /**
   * Backwards through all steps.
   *
   * @param {number[]} slopes - of what is differentiated with respect to each output.
   * @returns gradients of the weights, and of the inputs at each step as the norm of each.
   */
  backward(trace, slopes) {
    const { kind, hidden: H, lags: L, weights: w } = this, rows = TIMES[kind] * H;
    const gradients = like(w), reached = new Float64Array(trace.length);
    let toH = new Float64Array(H), toC = new Float64Array(H);
    for (let t = trace.length - 1; t >= 0; t--) {
      const { x, before, cellBefore, b, h, c, gate } = trace[t], slope = slopes[t];
      gradients.bias[0] += slope;
      const dA = new Float64Array(rows), dB = new Float64Array(rows);
      const nextH = new Float64Array(H), nextC = new Float64Array(H);
      for (let u = 0; u < H; u++) {
        gradients.out[u] += slope * h[u];
        const dh = toH[u] + slope * w.out[u];
        if (kind === "rnn") dA[u] = dB[u] = dh * (1 - h[u] * h[u]);
        else if (kind === "gru") {
          const r = gate[u], z = gate[H + u], n = gate[2 * H + u];
          const dn = dh * (1 - z) * (1 - n * n), dz = dh * (before[u] - n) * z * (1 - z);
          dA[u] = dB[u] = dn * b[2 * H + u] * r * (1 - r);
          dA[H + u] = dB[H + u] = dz;
          dA[2 * H + u] = dn;
          dB[2 * H + u] = dn * r;
          nextH[u] += dh * z;
        } else {
          const [i, f, g, o] = [gate[u], gate[H + u], gate[2 * H + u], gate[3 * H + u]];
          const squashed = Math.tanh(c[u]);
          const dc = toC[u] + dh * o * (1 - squashed * squashed);
          dA[u] = dc * g * i * (1 - i);
          dA[H + u] = dc * cellBefore[u] * f * (1 - f);
          dA[2 * H + u] = dc * i * (1 - g * g);
          dA[3 * H + u] = dh * squashed * o * (1 - o);
          for (let k = 0; k < 4; k++) dB[k * H + u] = dA[k * H + u];
          nextC[u] = dc * f;
        }
      }
      const toX = new Float64Array(L);
      for (let r = 0; r < rows; r++) {
        gradients.bIh[r] += dA[r];
        gradients.bHh[r] += dB[r];
        for (let k = 0; k < L; k++) {
          gradients.ih[r * L + k] += dA[r] * x[k];
          toX[k] += dA[r] * w.ih[r * L + k];
        }
        for (let k = 0; k < H; k++) {
          gradients.hh[r * H + k] += dB[r] * before[k];
          nextH[k] += dB[r] * w.hh[r * H + k];
        }
      }
      reached[t] = Math.hypot(...toX);
      [toH, toC] = [nextH, nextC];
    }
    return { gradients, reached };
  }

  /** One step of Adam; returns the mean squared error and the gradient's norm before clipping. */
  step() {
    const trace = this.forward(), n = trace.length;
    const errors = trace.map(({ said }, t) => said - this.targets[t]);
    const loss = errors.reduce((sum, e) => sum + e * e, 0) / n;
    const { gradients } = this.backward(trace, errors.map((e) => (2 * e) / n));
    let norm = 0;
    for (const list of Object.values(gradients)) for (const g of list) norm += g * g;
    norm = Math.sqrt(norm);
    const factor = this.clip && norm > this.clip ? this.clip / norm : 1;
    this.steps += 1;
    const c1 = 1 - 0.9 ** this.steps, c2 = 1 - 0.999 ** this.steps;
    for (const [name, list] of Object.entries(this.weights)) {
      const [first, second] = [this.first[name], this.second[name]];
      for (let k = 0; k < list.length; k++) {
        const g = gradients[name][k] * factor;
        first[k] = 0.9 * first[k] + 0.1 * g;
        second[k] = 0.999 * second[k] + 0.001 * g * g;
        list[k] -= (this.rate * first[k]) / c1 / (Math.sqrt(second[k] / c2) + 1e-8);
      }
    }
    return { loss, norm };
  }

  /** How much the last forecast moves with what was seen so many steps before, the nearest first. */
  reach(most = 36) {
    const trace = this.forward(), slopes = trace.map(() => 0);
    slopes[slopes.length - 1] = 1;
    return [...this.backward(trace, slopes).reached].reverse().slice(0, most);
  }

  /** As Python packs a finished network. */
  packed() {
    const { kind, hidden, lags, weights: w } = this, rows = TIMES[kind] * hidden;
    const named = {
      "cells.weight_ih_l0": [w.ih, [rows, lags]], "cells.weight_hh_l0": [w.hh, [rows, hidden]],
      "cells.bias_ih_l0": [w.bIh, [rows]], "cells.bias_hh_l0": [w.bHh, [rows]],
      "out.weight": [w.out, [1, hidden]], "out.bias": [w.bias, [1]],
    };
    const weights = Object.fromEntries(Object.entries(named).map(([name, [data, shape]]) =>
      [name, { data: [...data], shape }]));
    return { kind, lags, layers: 1, hidden, changes: true, whole: false, weights };
  }
}

const like = (weights) => Object.fromEntries(Object.entries(weights).map(([name, list]) =>
  [name, new Float64Array(list.length)]));
