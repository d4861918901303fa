// Surfaces to race optimisers on: a loss of two numbers, its gradient, and what is known of its
// lowest places. The gradient of a step may be of a batch; all optimisers get the same ones.

import { normal, order, stream } from "./random.js";

/** Whoever is so many widths of the picture away from its middle has diverged. */
export const FAR = 20;

const TURN = 2 * Math.PI;

/**
 * Classical surfaces: `value(x, y)`, `slope(x, y, out)`, `view` (left, right, bottom, top), where
 * to `start`, `minima`, `formula`; `lowest` is the value at the minima, 0 if nothing is said.
 */
const CLASSICAL = {
  rosenbrock: {
    title: "Rosenbrock's valley",
    formula: "(1 − x)² + 100 (y − x²)²",
    python: "(1 - x)**2 + 100 * (y - x**2)**2",
    view: [-2.2, 2.2, -0.9, 2.4],
    start: [-1.5, 1.5],
    minima: [[1, 1]],
    value: (x, y) => (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    slope(x, y, out) {
      out[0] = -2 * (1 - x) - 400 * x * (y - x * x);
      out[1] = 200 * (y - x * x);
    },
  },
  beale: {
    title: "Beale's function",
    formula: "(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
    python: "(1.5 - x + x*y)**2 + (2.25 - x + x*y**2)**2 + (2.625 - x + x*y**3)**2",
    view: [-1.6, 4.4, -2.25, 2.25],
    start: [1, 1.5],
    minima: [[3, 0.5]],
    value: (x, y) =>
      (1.5 - x + x * y) ** 2 + (2.25 - x + x * y * y) ** 2 + (2.625 - x + x * y ** 3) ** 2,
    slope(x, y, out) {
      const [a, b, c] = [1.5 - x + x * y, 2.25 - x + x * y * y, 2.625 - x + x * y ** 3];
      out[0] = 2 * (a * (y - 1) + b * (y * y - 1) + c * (y ** 3 - 1));
      out[1] = 2 * x * (a + 2 * b * y + 3 * c * y * y);
    },
  },
  himmelblau: {
    title: "Himmelblau's function",
    formula: "(x² + y − 11)² + (x + y² − 7)²",
    python: "(x**2 + y - 11)**2 + (x + y**2 - 7)**2",
    view: [-7.2, 7.2, -5.4, 5.4],
    start: [-0.5, -1],
    minima: [
      [3, 2],
      [-2.805118086952745, 3.131312518250573],
      [-3.779310253377747, -3.283185991286170],
      [3.584428340330492, -1.848126526964404],
    ],
    value: (x, y) => (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2,
    slope(x, y, out) {
      const [a, b] = [x * x + y - 11, x + y * y - 7];
      out[0] = 4 * x * a + 2 * b;
      out[1] = 2 * a + 4 * y * b;
    },
  },
  saddle: {
    title: "Saddle between two minima",
    formula: "x²/2 + (y² − 1)²/4",
    python: "x**2 / 2 + (y**2 - 1)**2 / 4",
    view: [-2.4, 2.4, -1.8, 1.8],
    start: [1.9, 0.001],
    minima: [[0, 1], [0, -1]],
    value: (x, y) => (x * x) / 2 + (y * y - 1) ** 2 / 4,
    slope(x, y, out) {
      out[0] = x;
      out[1] = y * (y * y - 1);
    },
  },
  rastrigin: {
    title: "Rastrigin's function",
    formula: "20 + x² + y² − 10 cos 2πx − 10 cos 2πy",
    python: "20 + x**2 + y**2 - 10 * torch.cos(2 * torch.pi * x) - 10 * torch.cos(2 * torch.pi * y)",
    view: [-5.6, 5.6, -4.2, 4.2],
    start: [-3.3, 2.6],
    minima: [[0, 0]],
    value: (x, y) => 20 + x * x + y * y - 10 * (Math.cos(TURN * x) + Math.cos(TURN * y)),
    slope(x, y, out) {
      out[0] = 2 * x + 10 * TURN * Math.sin(TURN * x);
      out[1] = 2 * y + 10 * TURN * Math.sin(TURN * y);
    },
  },
};

/** A parabola, turned: its second derivatives are 1 along one axis and `condition` across it. */
function parabola({ condition, angle }) {
  const [c, s] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const a = c * c + condition * s * s;
  const b = c * s * (1 - condition);
  const d = s * s + condition * c * c;
  return {
    title: "Parabola",
    formula: "(u² + κ v²)/2",
    view: [-4.4, 4.4, -3.3, 3.3],
    start: [-3.4, 1.2],
    minima: [[0, 0]],
    curvature: { low: 1, high: condition },
    value: (x, y) => (a * x * x + 2 * b * x * y + d * y * y) / 2,
    slope(x, y, out) {
      out[0] = a * x + b * y;
      out[1] = b * x + d * y;
    },
  };
}

/** What the squared error of a line over some points is made of: means over them. */
function momentsOf(x, y) {
  const mean = (numbers) => numbers.reduce((sum, value) => sum + value, 0) / x.length;
  return {
    x: mean(x),
    y: mean(y),
    xx: mean(x.map((value) => value * value)),
    xy: mean(x.map((value, i) => value * y[i])),
    yy: mean(y.map((value) => value * value)),
  };
}

function squaredSlope(m, w, b, out) {
  out[0] = 2 * (w * m.xx + b * m.x - m.xy);
  out[1] = 2 * (w * m.x + b - m.y);
}

const squaredError = (m, w, b) =>
  w * w * m.xx + 2 * w * b * m.x + b * b - 2 * w * m.xy - 2 * b * m.y + m.yy;

/** The squared error of a line y = w x + b over points. */
function regression({ points: { x, y } }) {
  const m = momentsOf(x, y);
  const w = (m.xy - m.x * m.y) / (m.xx - m.x * m.x);
  const b = m.y - w * m.x;
  const root = Math.hypot(m.xx - 1, 2 * m.x); // of the derivatives 2 [[xx, x], [x, 1]]
  return {
    title: "A line through 15 points",
    formula: "mean of (w x + b − y)²",
    view: [w - 0.8, w + 0.8, b - 3, b + 3],
    start: [w - 0.6, b + 2],
    minima: [[w, b]],
    lowest: squaredError(m, w, b),
    axes: ["w", "b"],
    curvature: { low: m.xx + 1 - root, high: m.xx + 1 + root },
    value: (p, q) => squaredError(m, p, q),
    slope: (p, q, out) => squaredSlope(m, p, q, out),
  };
}

/**
 * The cross-entropy of a logistic model over points with two features, its bias held. `x` are the
 * features, `y` the classes, 0 or 1, and `best` the weights of the greatest likelihood.
 */
function logistic({ classes: { x, y, bias, best } }) {
  const all = x.map((_, i) => i);
  return {
    title: "A logistic model of 100 points",
    formula: "mean of log(1 + exp(−s (w₁ x₁ + w₂ x₂ + b))), s = ±1",
    view: [best[0] - 7, best[0] + 5, best[1] - 5, best[1] + 4],
    start: [-3, -1],
    minima: [best],
    lowest: crossEntropy({ x, y, bias }, all, best),
    axes: ["w₁", "w₂"],
    value: (p, q) => crossEntropy({ x, y, bias }, all, [p, q]),
    slope: (p, q, out) => crossEntropy({ x, y, bias }, all, [p, q], out),
  };
}

/** The loss over the points at `places`; its gradient is put into `out`. */
function crossEntropy({ x, y, bias }, places, [w1, w2], out = [0, 0]) {
  let sum = 0;
  out[0] = out[1] = 0;
  for (const i of places) {
    const logit = w1 * x[i][0] + w2 * x[i][1] + bias;
    sum += Math.max(logit, 0) - logit * y[i] + Math.log1p(Math.exp(-Math.abs(logit)));
    const error = (1 / (1 + Math.exp(-logit)) - y[i]) / places.length;
    out[0] += error * x[i][0];
    out[1] += error * x[i][1];
  }
  return sum / places.length;
}

/** Weights of four neighbours a part of the way from the second to the third (Catmull and Rom). */
function cubic(t, weights) {
  weights[0] = t * (-0.5 + t * (1 - 0.5 * t));
  weights[1] = 1 + t * t * (-2.5 + 1.5 * t);
  weights[2] = t * (0.5 + t * (2 - 1.5 * t));
  weights[3] = t * t * (-0.5 + 0.5 * t);
}

function cubicSlope(t, weights) {
  weights[0] = -0.5 + t * (2 - 1.5 * t);
  weights[1] = t * (-5 + 4.5 * t);
  weights[2] = 0.5 + t * (4 - 4.5 * t);
  weights[3] = t * (-1 + 1.5 * t);
}

/** A grid of losses between whose points is interpolated; beyond it nothing is known. */
export function plane({ grid: { losses, reach } }) {
  const side = losses.length;
  const [across, up, slopes] = [0, 0, 0].map(() => new Float64Array(4));
  const last = side - 2; // the last place with two neighbours on both sides, after the edge's own
  const place = (v) => ((v + reach) / (2 * reach)) * (side - 1);
  const cell = (at) => Math.min(Math.max(Math.floor(at), 1), last - 1);
  const inside = (x, y) => Math.abs(x) <= edge && Math.abs(y) <= edge;
  const edge = (reach * (side - 3)) / (side - 1);
  const sum = (i, j, wx, wy) => {
    let total = 0;
    for (let r = 0; r < 4; r++) {
      const row = losses[j - 1 + r];
      for (let c = 0; c < 4; c++) total += wy[r] * wx[c] * row[i - 1 + c];
    }
    return total;
  };
  return {
    title: "A plane through a trained network",
    formula: "mean cross-entropy at w + x d₁ + y d₂",
    view: [-edge * (4 / 3), edge * (4 / 3), -edge, edge],
    start: [-0.7 * edge, 0.75 * edge],
    minima: [],
    axes: ["d₁", "d₂"],
    edge,
    value(x, y) {
      if (!inside(x, y)) return NaN;
      const [px, py] = [place(x), place(y)];
      const [i, j] = [cell(px), cell(py)];
      cubic(px - i, across);
      cubic(py - j, up);
      return sum(i, j, across, up);
    },
    slope(x, y, out) {
      const [px, py] = [place(x), place(y)];
      const [i, j] = [cell(px), cell(py)];
      const scale = (side - 1) / (2 * reach);
      cubic(py - j, up);
      cubicSlope(px - i, slopes);
      out[0] = sum(i, j, slopes, up) * scale;
      cubic(px - i, across);
      cubicSlope(py - j, slopes);
      out[1] = sum(i, j, across, slopes) * scale;
    },
  };
}

const MADE = { parabola, noisy: parabola, regression, logistic, plane };

/**
 * A surface from plain data.
 * @param data `name`, and by it `condition` and `angle`, `points` ({x, y}), `classes` (see
 *   logistic), or `grid` ({losses by row, reach})
 */
export function surfaceOf(data) {
  const surface = CLASSICAL[data.name] ?? MADE[data.name](data);
  return { axes: ["x", "y"], lowest: 0, ...surface };
}

/** The second derivatives at a place, as their smallest and largest eigenvalue. */
export function curvatureAt({ slope }, [x, y]) {
  const [before, after, step] = [[0, 0], [0, 0], 1e-5];
  const rows = [[step, 0], [0, step]].map(([dx, dy]) => {
    slope(x - dx, y - dy, before);
    slope(x + dx, y + dy, after);
    return after.map((value, i) => (value - before[i]) / (2 * step));
  });
  const [[a, b], [, d]] = rows;
  const root = Math.hypot((a - d) / 2, b);
  return { low: (a + d) / 2 - root, high: (a + d) / 2 + root };
}

/** The distance to the nearest of the lowest places; NaN where none is known. */
export function distance({ minima }, x, y) {
  const all = minima.map(([a, b]) => Math.hypot(x - a, y - b));
  return all.length ? Math.min(...all) : NaN;
}

/** A descent on a surface, see problem.js. Watched are x, y and the surface's own loss there. */
export class SurfaceProblem {
  size = 2;
  running = 0;
  watched = 3;

  /**
   * @param surface data for `surfaceOf`; `start` ([x, y]); `seed`; `noise`, how far a batch moves
   *   the noisy parabola; `batch`, how many points of a line or a logistic model a step sees (0: all)
   */
  constructor({ surface: data }) {
    this.data = data;
    this.surface = surfaceOf(data);
    const [left, right, bottom, top] = this.surface.view;
    this.middle = [(left + right) / 2, (bottom + top) / 2];
    this.reach = [right - left, top - bottom].map((length) => FAR * length);
  }

  initial() {
    return Float64Array.from(this.data.start);
  }

  initialRunning() {
    return [];
  }

  nextRunning() {}

  exact() {
    return !this.#noise && !this.#parts;
  }

  get #parts() {
    const { batch } = this.data;
    return batch > 0 && batch < this.#count;
  }

  /** How many points the loss is a mean over; 0 where it is of no points. */
  get #count() {
    const { name, points, classes } = this.data;
    return name === "regression" ? points.x.length : name === "logistic" ? classes.x.length : 0;
  }

  get #noise() {
    return this.data.name === "noisy" ? this.data.noise : 0;
  }

  /** Whether the surface is known there, and the picture not far away. */
  #known([x, y]) {
    const { edge } = this.surface;
    if (edge) return Math.abs(x) <= edge && Math.abs(y) <= edge;
    return Math.abs(x - this.middle[0]) <= this.reach[0] && Math.abs(y - this.middle[1]) <= this.reach[1];
  }

  gradient(weights, step, training, out) {
    if (!this.#known(weights)) return NaN;
    if (this.#parts) return this.#ofBatch(weights, step, out);
    let [x, y] = weights;
    if (this.#noise) { // this batch's parabola has its minimum elsewhere
      const of = stream("noise", step);
      x -= this.#noise * normal(this.data.seed, of, 0);
      y -= this.#noise * normal(this.data.seed, of, 1);
    }
    this.surface.slope(x, y, out);
    return this.surface.value(x, y);
  }

  /** As batches are drawn in bench Regression: an order for each epoch, whole batches only. */
  #ofBatch(weights, step, out) {
    const { name, points, classes, batch, seed } = this.data;
    const batches = Math.floor(this.#count / batch);
    const start = (step % batches) * batch;
    const places = order(seed, stream("order", Math.floor(step / batches)), this.#count);
    const chosen = [...places.subarray(start, start + batch)];
    if (name === "logistic") return crossEntropy(classes, chosen, weights, out);
    const m = momentsOf(chosen.map((i) => points.x[i]), chosen.map((i) => points.y[i]));
    squaredSlope(m, ...weights, out);
    return squaredError(m, ...weights);
  }

  measure([x, y]) {
    return { train: this.surface.value(x, y), test: NaN };
  }

  measureTest() {
    return NaN;
  }

  watch([x, y], out) {
    out[0] = x;
    out[1] = y;
    out[2] = this.surface.value(x, y);
  }
}
