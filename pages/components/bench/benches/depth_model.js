// What the bench Depth measures in a deep network, and what it says of it: without a page.

import { Network } from "../../trajectory/network.js";
import { order, stream } from "../../trajectory/random.js";
import { TRAINING } from "../../trajectory/trajectory.js";
import { standardised } from "../preprocessing.js";
import { list, pytorchScript } from "../script.js";

export const POINTS = 128; // of the batch that is looked at
export const MAX_DEPTH = 20;
export const MAX_WIDTH = 48;
const DEAD = 0.01; // a unit is dead where its slope is below this share of the largest, for all points
const STEADY = 3; // a factor, from the first layer to the last, that is no trend yet

/** Settings before any is changed. */
export const DEFAULTS = {
  ...TRAINING, set: "wine", depth: 10, width: 32, activation: "tanh", initialisation: "xavier_normal",
  scale: 0.1, bias: 0, batch_norm: false, seed: 1, by: "sums", rate: 0.1,
};

/** The points of a table, each column with mean 0 and σ 1, and the problem of the engine. */
export function taskOf(settings, tables) {
  const { set, depth, width, activation, initialisation, scale, bias, batch_norm, seed } = settings;
  const table = tables[set];
  const all = table.labels.length;
  const places = [...order(0, stream("points"), all)].slice(0, POINTS);
  const columns = table.columns.map((_, c) => standardised(table.numbers.map((row) => row[c])).values);
  const n = places.length;
  const x = new Float64Array(columns.length * n);
  columns.forEach((column, c) => places.forEach((i, p) => { x[c * n + p] = Math.round(column[i] * 1000) / 1000; }));
  const y = Float64Array.from(places, (i) => table.labels[i]);
  const network = {
    inputs: columns.length, hidden: Array(depth).fill(width), outputs: table.classes.length, activation,
    initialisation, scale, bias, batch_norm, seed, loss: "cross_entropy",
  };
  return { network, x, y, n, title: table.title, problem: { kind: "network", network, train: { x, y }, test: null } };
}

/** By how much an output follows the sum it is made of, from the output. */
const SLOPES = {
  linear: () => 1,
  relu: (a) => (a > 0 ? 1 : 0),
  leaky_relu: (a) => (a > 0 ? 1 : 0.01),
  tanh: (a) => 1 - a * a,
  sigmoid: (a) => 4 * a * (1 - a), // of its largest, a quarter
};

/** Variance over the points, in the mean of the units. */
function spread(a, units, n) {
  let sum = 0;
  for (let o = 0; o < units; o++) {
    let mean = 0;
    for (let p = o * n; p < o * n + n; p++) mean += a[p];
    mean /= n;
    for (let p = o * n; p < o * n + n; p++) sum += (a[p] - mean) ** 2;
  }
  return sum / (units * n);
}

function meanSquare(a, from, to) {
  let sum = 0;
  for (let i = from; i < to; i++) sum += a[i] * a[i];
  return sum / (to - from);
}

export class Layers {
  constructor({ network, x, y, n }) {
    this.network = new Network(network, n);
    Object.assign(this, { x, y, n });
    this.gradient = new Float64Array(this.network.size);
  }

  /**
   * One pass forward and one backward over the batch, as in training.
   * @param clip the longest gradient; 0 for any
   * @returns `{loss, norm, factor, layers, bounded}`: the norm of the gradient and what it is shortened by; of
   *   each layer `variance` (of outputs, over the points), `sums` (mean square of the gradient of a
   *   point's loss by the units' sums), `weights` (that of the mean loss by the weights), `dead`
   *   units, the share of outputs where the activation is `flat`, and where the numbers are
   */
  measure(weights, clip) {
    const { network, x, y, n, gradient } = this;
    const loss = network.gradient(weights, x, y, n, {}, gradient);
    const norm = Math.sqrt(meanSquare(gradient, 0, gradient.length) * gradient.length);
    const factor = clip > 0 && norm > clip ? clip / norm : 1;
    const slope = SLOPES[network.settings.activation];
    const layers = network.layers.map((layer) => {
      const { outputs: units, outputsOf, sums, last, delta } = layer;
      const a = last ? sums : outputsOf;
      let [dead, flat] = [0, 0];
      for (let o = 0; o < units && !last; o++) {
        let off = 0;
        for (let p = o * n; p < o * n + n; p++) if (!(slope(a[p]) >= DEAD)) off += 1;
        if (off === n) dead += 1;
        flat += off / (n * units);
      }
      return {
        units, dead, flat, last, outputs: a, delta, from: layer.weights, to: layer.bias,
        variance: spread(a, units, n),
        sums: meanSquare(delta, 0, units * n) * n * n,
        weights: meanSquare(gradient, layer.weights, layer.bias) * factor * factor,
      };
    });
    const bounded = ["tanh", "sigmoid"].includes(network.settings.activation);
    return { loss, norm, factor, layers, bounded };
  }
}

/** Shares of numbers between two bounds, bin by bin; what lies beyond is in the last ones. */
export function histogram(numbers, from, to, [low, high], bins, factor = 1) {
  const counts = new Float64Array(bins);
  const by = bins / (high - low);
  for (let i = from; i < to; i++) {
    const bin = Math.floor((numbers[i] * factor - low) * by);
    counts[bin < 0 ? 0 : bin >= bins ? bins - 1 : bin] += 1;
  }
  for (let b = 0; b < bins; b++) counts[b] /= to - from;
  return counts;
}

const raised = (power) => String(power).replaceAll("-", "⁻").replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);

/** A size in two digits, with a power of ten where it is far from 1. */
export function said(v) {
  if (v === 0 || (v >= 0.001 && v < 10_000)) return String(Number(v.toPrecision(2)));
  const [digits, power] = v.toExponential(1).split("e");
  return `${digits}·10${raised(Number(power))}`;
}

/** What becomes of a size from one layer to another, in words. */
function trend(first, last, steps, { what, from, to, none }) {
  if (!(first > 0) || !(last > 0)) return none;
  const ratio = last / first;
  const ends = `${said(first)} in layer ${from}, ${said(last)} in layer ${to}.`;
  if (steps < 1 || (ratio < STEADY && ratio > 1 / STEADY)) return `${what} stays within a factor of ${STEADY}: ${ends}`;
  const verb = ratio < 1 ? "shrinks" : "grows";
  return `${what} ${verb} by a factor of ${said(ratio ** (1 / steps))} a layer, in the geometric mean: ${ends}`;
}

/** What is seen, in sentences. */
export function seenText({ loss, norm, factor, layers, bounded }, clip) {
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) return "The numbers are too large to be computed.";
  const hidden = layers.filter(({ last }) => !last);
  const [first, deepest] = [hidden[0], hidden.at(-1)];
  const depth = hidden.length;
  const root = Math.sqrt;
  const sentences = [
    trend(root(first.variance), root(deepest.variance), depth - 1, {
      what: "The spread (σ) of activations over the points", from: 1, to: depth,
      none: `In layer ${depth} all points look the same: its activations have no spread.`,
    }),
  ];
  if (deepest.variance > 0 && root(deepest.variance) < 1e-3) {
    sentences.push(`Layer ${depth} hardly tells one point from another.`);
  }
  sentences.push(
    trend(root(deepest.sums), root(first.sums), depth - 1, {
      what: "Going back, the gradient by the units' sums", from: depth, to: 1,
      none: "No gradient reaches the first layer.",
    }),
  );
  const flat = hidden.reduce((sum, layer) => sum + layer.flat, 0) / depth;
  if (bounded && flat > 0.05) {
    sentences.push(`Saturated: ${Math.round(100 * flat)} % of the outputs lie where the slope is below 1 % of the largest.`);
  }
  const dead = hidden.reduce((sum, layer) => sum + layer.dead, 0);
  const units = hidden.reduce((sum, layer) => sum + layer.units, 0);
  sentences.push(
    dead
      ? `Dead: ${dead} of ${units} hidden units, through which less than 1 % of the largest slope passes, whatever the point.`
      : "No hidden unit is dead.",
  );
  if (clip > 0) {
    sentences.push(
      factor < 1
        ? `The whole gradient has a norm of ${said(norm)} and is shortened to ${said(clip)}, by ${said(factor)} in every layer alike.`
        : `The whole gradient has a norm of ${said(norm)}, which is not above ${said(clip)}: it is left as it is.`,
    );
  }
  return sentences.join(" ");
}

/** Settings that keep the layers alive, or that fail in a way worth seeing, each of which a test runs. */
export const PRESETS = [
  { name: "tanh, Xavier", settings: {}, reason: "Weights with a variance of 2 / (inputs + outputs) (Glorot and Bengio 2010): after ten layers a third of the spread is still there." },
  { name: "tanh, weights too small", settings: { initialisation: "normal", scale: 0.05 }, reason: "σ = 0.05 with 32 inputs: each layer keeps 0.05 · √32 = 0.28 of the spread, and the last ones see almost nothing." },
  { name: "Batch norm helps", settings: { initialisation: "normal", scale: 0.05, batch_norm: true }, reason: "The same small weights: batch norm brings each layer's sums back to a variance of 1." },
  { name: "tanh, weights too large", settings: { initialisation: "normal", scale: 1 }, reason: "σ = 1: more than half of the outputs lie where tanh is flat, near −1 and 1; going back, gradients grow all the same." },
  { name: "ReLU, Kaiming", settings: { activation: "relu", initialisation: "kaiming_normal" }, reason: "2 / inputs as variance of weights makes up for the half that ReLU cuts off (He et al. 2015)." },
  { name: "ReLU, Xavier", settings: { activation: "relu" }, reason: "Made for tanh: with ReLU about half of the mean square is lost in each layer." },
  { name: "ReLU, biases of −1", settings: { activation: "relu", initialisation: "kaiming_normal", bias: -1 }, reason: "Many units are below 0 for every point: they are dead, and no gradient reaches their weights." },
  { name: "Sigmoid, ten layers", settings: { activation: "sigmoid" }, reason: "The slope of a sigmoid is a quarter at most: going back, the gradient vanishes." },
  { name: "Exploding, and clipped", settings: { activation: "linear", initialisation: "normal", scale: 0.4, clip: 1 }, reason: "Each layer multiplies the spread by 0.4 · √32 = 2.3. Clipping shortens the step, but all layers alike." },
];

/** A PyTorch script that prints variances and mean squares, layer by layer, after so many steps. */
export function script(settings, tables, segments, step) {
  const { network, x, y, n, title } = taskOf(settings, tables);
  const rows = Array.from({ length: n }, (_, p) =>
    Array.from({ length: network.inputs }, (_, c) => x[c * n + p])).flat();
  return pytorchScript({
    title: `${title.replaceAll(/["\\]/g, "")}: ${settings.depth} layers of ${settings.width} units.`,
    data: [
      `x = torch.tensor(${list(rows)}).double().view(-1, ${network.inputs})`,
      `y = torch.tensor(${list(y)})`,
    ],
    network, segments, step,
    after: [
      "# one pass forward and one backward over all points, as in training",
      "model.train()",
      "sums, outputs, h = [], [], x",
      "for module in model:",
      "    h = module(h)",
      "    if isinstance(module, nn.Linear):",
      "        h.retain_grad()",
      "        sums.append(h)",
      "    if module is model[-1] or not isinstance(module, (nn.Linear, nn.BatchNorm1d)):",
      "        outputs.append(h)",
      "(nn.functional.cross_entropy(h, y) * len(x)).backward()",
      'print("variances", [a.var(0, unbiased=False).mean().item() for a in outputs])',
      'print("gradients", [(s.grad**2).mean().item() for s in sums])',
    ],
  });
}
