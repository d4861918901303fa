// Networks that forecast, on plain arrays: the same numbers as `core/models/series_scaling.py`,
// `core/models/recurrent.py` and `core/metrics/forecast_errors.py` give in PyTorch and NumPy.

import { affine, sigmoid } from "../recurrent.js";

export const SEASON = 12;
export const MAX_ORIGINS = 120;
const MIN_SCALE = 1e-6, LEAST_ERRORS = 10, BAND = 0.8;
export const GATES = {
  rnn: ["h"], gru: ["r", "z", "n", "h"], lstm: ["i", "f", "g", "o", "c", "h"],
  seasonal: ["i", "f", "g", "o", "c", "h"],
};
export const NAMES = {
  i: "input gate", f: "forget gate", g: "candidate", o: "output gate", c: "cell", h: "output",
  r: "reset gate", z: "update gate", n: "candidate",
};

/** The first step that is not learnt from. */
export const firstTest = (n) => 2 + Math.floor((n - 2) * 0.7);

// ---- scaling

/** How a series becomes what a network reads; `known` steps are measured, or the whole. */
export function scalingOf(values, known, changes, whole = false) {
  const seen = whole ? values : values.slice(0, known);
  const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  if (!changes) {
    const range = Math.max(...seen) - Math.min(...seen);
    return { changes, logarithm: false, offset: 0, scale: atLeast(range, largest), first: 0 };
  }
  const logarithm = values.every((v) => v > 0);
  const moved = diff(logarithm ? seen.map(Math.log) : seen);
  const offset = moved.reduce((a, b) => a + b, 0) / (moved.length || 1);
  const variance = moved.reduce((a, b) => a + (b - offset) ** 2, 0) / (moved.length || 1);
  const scale = atLeast(Math.sqrt(variance), logarithm ? 1 : largest);
  return { changes, logarithm, offset, scale, first: 1 };
}

const atLeast = (scale, largest) => Math.max(scale, MIN_SCALE * Math.max(1, largest));
const diff = (values) => values.slice(1).map((v, i) => v - values[i]);

/** What a network reads of a series. */
export function apply(scaling, values) {
  if (!scaling.changes) return values.map((v) => v / scaling.scale);
  const moved = diff(scaling.logarithm ? values.map(Math.log) : values);
  return moved.map((v) => (v - scaling.offset) / scaling.scale);
}

/** The value that follows on `last` if a network reads `read`. */
export function undo(scaling, last, read) {
  if (!scaling.changes) return read * scaling.scale;
  const change = read * scaling.scale + scaling.offset;
  return scaling.logarithm ? last * Math.exp(change) : last + change;
}

// ---- one step of each cell

function cell(kind, weights, x, state) {
  const units = state.h.length, times = { rnn: 1, gru: 3 }[kind] ?? 4;
  const a = affine(weights.ih, weights.bIh, x, new Float64Array(times * units));
  const b = affine(weights.hh, weights.bHh, state.h, new Float64Array(times * units));
  const next = Object.fromEntries(GATES[kind].map((name) => [name, new Float64Array(units)]));
  for (let u = 0; u < units; u++) {
    const sum = (gate) => a[gate * units + u] + b[gate * units + u];
    if (kind === "rnn") next.h[u] = Math.tanh(sum(0));
    else if (kind === "gru") {
      next.r[u] = sigmoid(sum(0));
      next.z[u] = sigmoid(sum(1));
      next.n[u] = Math.tanh(a[2 * units + u] + next.r[u] * b[2 * units + u]);
      next.h[u] = (1 - next.z[u]) * next.n[u] + next.z[u] * state.h[u];
    } else {
      next.i[u] = sigmoid(sum(0));
      next.f[u] = sigmoid(sum(1));
      next.g[u] = Math.tanh(sum(2));
      next.o[u] = sigmoid(sum(3));
      next.c[u] = next.f[u] * state.c[u] + next.i[u] * next.g[u];
      next.h[u] = next.o[u] * Math.tanh(next.c[u]);
    }
  }
  return next;
}

/** A finished network as Python packs it. */
export class Network {
  constructor({ kind, lags, layers, hidden, changes, whole, weights }) {
    Object.assign(this, { kind, lags, hidden, changes, whole });
    this.seasonal = kind === "seasonal";
    const data = (name) => Float64Array.from(weights[name].data);
    this.cells = Array.from({ length: layers }, (_, k) => ({
      ih: data(`cells.weight_ih_l${k}`), hh: data(`cells.weight_hh_l${k}`),
      bIh: data(`cells.bias_ih_l${k}`), bHh: data(`cells.bias_hh_l${k}`),
    }));
    this.dense = Object.fromEntries(["linear", "out", "limits"]
      .filter((name) => weights[`${name}.weight`])
      .map((name) => [name, { weight: data(`${name}.weight`), bias: data(`${name}.bias`) }]));
  }

  start() {
    return this.cells.map(() => ({
      h: new Float64Array(this.hidden), c: new Float64Array(this.hidden),
    }));
  }

  /** Outputs after one more step, and the state of each layer with its gates. */
  step(given, states) {
    const kind = this.seasonal ? "lstm" : this.kind, { linear, out, limits } = this.dense;
    const past = given.slice(0, this.lags);
    let x = given;
    if (this.seasonal) {
      const year = past[this.lags - Math.min(SEASON, this.lags)];
      x = [past[this.lags - 1], year, ...given.slice(this.lags)];
    }
    const next = this.cells.map((weights, k) => {
      const state = cell(kind, weights, x, states[k]);
      x = state.h;
      return state;
    });
    let middle = 0;
    if (linear) middle += affine(linear.weight, linear.bias, past, [0])[0];
    if (out) middle += affine(out.weight, out.bias, x, [0])[0];
    if (!limits) return { outputs: [middle], states: next };
    const widths = affine(limits.weight, limits.bias, x, [0, 0]).map((w) =>
      (w > 20 ? w : Math.log1p(Math.exp(w))));
    return { outputs: [middle, middle - widths[0], middle + widths[1]], states: next };
  }

  scaling(values, whole = this.whole) {
    return scalingOf(values, firstTest(values.length), this.changes, whole);
  }

  /** The first step that it can forecast. */
  earliest(scaling) {
    return this.lags + scaling.first;
  }
}

const season = (step) => {
  const angle = (2 * Math.PI * (step % SEASON)) / SEASON;
  return [Math.sin(angle), Math.cos(angle)];
};

/**
 * The network along a series, fed with it: for each step that it can forecast, what it says of it
 * and its states after what came before.
 */
export function read(network, scaling, values) {
  const scaled = apply(scaling, values), start = network.earliest(scaling), found = [];
  let states = network.start();
  for (let origin = start; origin <= values.length; origin++) {
    const end = origin - scaling.first, window = scaled.slice(end - network.lags, end);
    const given = network.seasonal ? [...window, ...season(origin)] : window;
    const said = network.step(given, states);
    states = said.states;
    found.push({ origin, window, ...said });
  }
  return found;
}

/**
 * The steps from an origin on, each time fed with the forecasts themselves: of each what is `named`
 * (the value, and limits one step ahead where the network has some), and the states before it.
 *
 * @param steps what `read` gives.
 */
export function roll(network, scaling, values, steps, origin, horizon) {
  const from = steps[origin - steps[0].origin], found = [];
  let { outputs, states, window } = from, last = values[origin - 1];
  for (let h = 0; h < horizon; h++) {
    if (h) {
      window = [...window.slice(1), outputs[0]];
      const given = network.seasonal ? [...window, ...season(origin + h)] : window;
      ({ outputs, states } = network.step(given, states));
    }
    const named = outputs.map((read) => undo(scaling, last, read));
    found.push({ named, states });
    [last] = named;
  }
  return found;
}

// ---- errors

/** At most so many of the numbers from `from` to `to`, evenly. */
export function thinned(from, to) {
  const count = Math.max(0, to - from + 1);
  if (count <= MAX_ORIGINS) return Array.from({ length: count }, (_, i) => from + i);
  return Array.from({ length: MAX_ORIGINS }, (_, i) =>
    from + roundEven((i * (count - 1)) / (MAX_ORIGINS - 1)));
}

const roundEven = (x) => {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2) : Math.round(x);
};

/** The unit of MASE: the mean error of the seasonal rule on what is known. */
export function naiveError(values, known) {
  const lag = known > SEASON ? SEASON : 1;
  let sum = 0;
  for (let i = lag; i < known; i++) sum += Math.abs(values[i] - values[i - lag]);
  return sum / Math.max(1, known - lag) || 1;
}

/** Errors one step ahead and a year ahead over rolling origins in the last 30 %. */
export function measure(network, scaling, values, steps = read(network, scaling, values)) {
  const n = values.length, start = firstTest(n), unit = naiveError(values, start);
  const origins = thinned(start, n - SEASON);
  const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
  const scores = origins.map((origin) => mean(
    roll(network, scaling, values, steps, origin, SEASON)
      .map(({ named: [v] }, h) => Math.abs(v - values[origin + h]))) / unit);
  const single = [];
  for (let t = start; t < n; t++) {
    single.push(Math.abs(undo(scaling, values[t - 1],
      steps[t - steps[0].origin].outputs[0]) - values[t]));
  }
  const mase = mean(scores);
  return {
    mase, spread: Math.sqrt(mean(scores.map((s) => (s - mase) ** 2))), origins: origins.length,
    oneStep: mean(single) / unit, tested: n - start,
  };
}

/** Limits by horizon: where the middle errors lay in the part that is learnt from. */
export function bandOf(network, scaling, values, steps, horizon) {
  const ratio = values.every((v) => v > 0), start = firstTest(values.length);
  const from = Math.max(network.earliest(scaling), 2 * SEASON);
  const origins = thinned(from, start - horizon);
  if (origins.length < LEAST_ERRORS) return null;
  const errors = Array.from({ length: horizon }, () => []);
  for (const origin of origins) {
    roll(network, scaling, values, steps, origin, horizon).forEach(({ named: [v] }, h) =>
      errors[h].push(ratio ? values[origin + h] / v : values[origin + h] - v));
  }
  if (errors.some((list) => list.some((e) => !Number.isFinite(e) || (ratio && e <= 0)))) return null;
  const limit = (share) => errors.map((list) => quantile(list, share));
  return { ratio, low: limit((1 - BAND) / 2), high: limit((1 + BAND) / 2) };
}

function quantile(list, share) {
  const sorted = [...list].sort((a, b) => a - b), at = share * (sorted.length - 1);
  const low = Math.floor(at), high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}
