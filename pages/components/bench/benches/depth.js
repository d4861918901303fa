// Depth: what a deep network's layers make of a batch of points, and what gradient comes back to them,
// before any training and at every step of it.

import { make } from "../../common.js";
import { SHARED } from "../form.js";
import { Plot, inks, short, ticks } from "../plot.js";
import {
  DEFAULTS, Layers, MAX_DEPTH, MAX_WIDTH, POINTS, PRESETS, histogram, said, script, seenText, taskOf,
} from "./depth_model.js";

const BINS = 61;
const WIDE = 3; // times the largest root mean square of a layer is what an axis shows
const PAD = { left: 30, right: 62, top: 8, bottom: 20 };
const SETS = [
  ["wine", "Wine: 12 measurements, 3 growers"], ["cancer", "Breast tumours: 10 measurements"],
  ["iris", "Iris: 4 measurements, 3 species"],
];

export class Depth {
  static defaults = { ...DEFAULTS, stop_steps: 1000, stop_loss: 0, stop_patience: 0 };

  static controls = [
    {
      name: "activation", label: "Activation", kind: "choice",
      options: [["tanh", "tanh"], ["relu", "ReLU"], ["leaky_relu", "leaky ReLU"], ["sigmoid", "sigmoid"], ["linear", "none (linear)"]],
    },
    { ...SHARED.initialisation, group: undefined },
    {
      name: "scale", label: "Size of first weights", kind: "number", low: 0, high: 10, log: true, from: -3, to: 0.5,
      help: "σ of normal and sparse weights; uniform ones lie between minus and plus this.",
      when: ({ initialisation }) => ["normal", "uniform", "sparse"].includes(initialisation),
    },
    { name: "depth", label: "Hidden layers", kind: "number", low: 1, high: MAX_DEPTH, step: 1, whole: true },
    { name: "batch_norm", label: "Batch norm", kind: "check" },
    { name: "width", label: "Units of each", kind: "number", low: 2, high: MAX_WIDTH, step: 1, whole: true, group: "Network and points" },
    { name: "bias", label: "First biases", kind: "number", low: -2, high: 2, step: 0.1, group: "Network and points" },
    { name: "set", label: "Points", kind: "choice", options: SETS, group: "Network and points" },
    { ...SHARED.seed, group: "Network and points", help: "Of first weights and batches." },
    {
      name: "by", label: "Gradients", kind: "choice", group: "Gradients",
      options: [["sums", "by the units' sums"], ["weights", "by the weights"]],
    },
    { ...SHARED.clip, group: "Gradients" },
    { ...SHARED.rate, group: "Training" }, { ...SHARED.optimiser, group: "Training" },
    SHARED.momentum, SHARED.batch, SHARED.stop_steps, SHARED.stop_loss, SHARED.stop_patience,
  ];

  static presets = PRESETS;

  static keys = "";

  static shown = ["by"];

  static plays = false; // what it shows needs no training

  constructor(frame) {
    this.frame = frame;
    const canvas = (className) => make("canvas", { className, role: "img" });
    const figure = (drawn, text) => make("figure", {}, drawn, make("figcaption", { textContent: text }));
    this.outputs = canvas("ridges");
    this.gradients = canvas("ridges");
    this.spreads = canvas("lines");
    this.sentence = make("p", { className: "seen" });
    this.gradientCaption = make("figcaption", {});
    frame.stage.classList.add("depth");
    frame.stage.append(
      figure(this.outputs, `Activations, layer by layer, of ${POINTS} points. The height is the square root of a share, by the largest of each layer.`),
      make("figure", {}, this.gradients, this.gradientCaption),
      this.sentence,
      figure(this.spreads, "Blue: variance of the activations over the points. Orange, dashed: mean square of the gradient. On a logarithmic scale."),
    );
    this.plot = new Plot(this.spreads);
  }

  check(settings) {
    return settings;
  }

  problem(settings) {
    this.task = taskOf(settings, this.frame.data.tables);
    this.layers = new Layers(this.task);
    this.measured = null;
    return this.task.problem;
  }

  draw(state, colours) {
    const { weights } = state.branches[state.active];
    if (weights.length !== this.layers.network.size) return; // those of other settings
    const { clip, by } = this.frame.settings;
    const known = this.measured && this.of?.weights === weights && this.of.clip === clip;
    if (!known) this.measured = this.layers.measure(weights, clip);
    this.of = { weights, clip };
    const hidden = this.measured.layers.filter(({ last }) => !last);
    this.#ridges(this.outputs, hidden.map(({ outputs, units, dead }) => ({
      numbers: outputs, from: 0, to: units * POINTS, note: dead ? `dead ${dead}` : "", factor: 1,
    })), this.#reach(hidden), colours[0]);
    const { factor } = this.measured;
    const parts = hidden.map(({ delta, units, from, to, sums, weights: squares }) =>
      by === "sums"
        ? { numbers: delta, from: 0, to: units * this.task.n, size: sums, factor: this.task.n }
        : { numbers: this.layers.gradient, from, to, size: squares, factor });
    const most = WIDE * Math.sqrt(Math.max(...parts.map(({ size }) => size))) || 1;
    this.#ridges(this.gradients, parts.map((part) => ({ ...part, note: said(Math.sqrt(part.size)) })), [-most, most], colours[1]);
    this.gradientCaption.textContent = by === "sums"
      ? "Gradient of each point's loss by the units' sums; its root mean square on the right."
      : `Gradient of the mean loss by the weights${clip ? ", clipped" : ""}; its root mean square on the right.`;
    this.#variances(hidden, by, colours);
    this.#say();
  }

  /** The bounds of the axis of activations. */
  #reach(hidden) {
    const { activation } = this.task.network;
    if (activation === "tanh") return [-1, 1];
    if (activation === "sigmoid") return [0, 1];
    let most = 0;
    for (const { outputs, units } of hidden) {
      let sum = 0;
      for (let i = 0; i < units * POINTS; i++) sum += outputs[i] * outputs[i];
      most = Math.max(most, Math.sqrt(sum / (units * POINTS)));
    }
    const high = WIDE * most || 1;
    return activation === "relu" ? [0, high] : [-high, high];
  }

  #ridges(canvas, rows, range, colour) {
    const context = canvas.getContext("2d");
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
    const { text, ground, line } = inks(canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = ground;
    context.fillRect(0, 0, width, height);
    context.font = "11px sans-serif";
    context.textBaseline = "middle";
    const wide = width - PAD.left - PAD.right;
    const row = (height - PAD.top - PAD.bottom) / rows.length;
    const finite = range.every(Number.isFinite);
    rows.forEach((one, l) => {
      const base = PAD.top + (l + 1) * row;
      const shares = finite ? histogram(one.numbers, one.from, one.to, range, BINS, one.factor) : new Float64Array(BINS);
      const most = Math.max(...shares) || 1;
      context.fillStyle = colour;
      context.beginPath();
      context.moveTo(PAD.left, base);
      shares.forEach((share, b) => {
        const top = base - Math.sqrt(share / most) * row * 0.88;
        context.lineTo(PAD.left + (b * wide) / BINS, top);
        context.lineTo(PAD.left + ((b + 1) * wide) / BINS, top);
      });
      context.lineTo(PAD.left + wide, base);
      context.fill();
      context.strokeStyle = line;
      context.strokeRect(PAD.left, base - 0.5, wide, 0.01);
      context.fillStyle = text;
      context.textAlign = "right";
      context.fillText(l + 1, PAD.left - 6, base - row / 2);
      context.textAlign = "left";
      context.fillText(one.note, width - PAD.right + 6, base - row / 2);
    });
    if (finite) {
      context.textAlign = "center";
      const [low, high] = range;
      for (const value of ticks(low, high)) {
        const x = PAD.left + ((value - low) / (high - low)) * wide;
        context.fillText(short(value), x, height - PAD.bottom / 2 + 2);
      }
    }
  }

  #variances(hidden, by, colours) {
    const lines = [hidden.map(({ variance }) => variance), hidden.map((layer) => layer[by])];
    const seen = lines.flat().filter((v) => v > 0 && Number.isFinite(v));
    const [low, high] = seen.length ? [Math.min(...seen) / 2, Math.max(...seen) * 2] : [0.1, 1];
    this.plot.begin({ x: [0.7, hidden.length + 0.3], y: [low, high], labels: ["layer", "variance, mean square"], log: true });
    lines.forEach((values, i) => {
      const points = values.map((v, l) => [l + 1, v > 0 ? v : NaN]);
      this.plot.line(points, { colour: colours[i], dash: i ? [6, 4] : [] });
      for (const point of points) if (point[1] > 0) this.plot.dot(point, { colour: colours[i], radius: 3 });
    });
  }

  /** The sentence of what is seen, which those who cannot see it have instead of the pictures. */
  #say() {
    const { settings } = this.frame;
    const sentence = seenText(this.measured, settings.clip);
    if (this.sentence.textContent === sentence) return;
    this.sentence.textContent = sentence;
    this.outputs.ariaLabel = "Histograms of activations, layer by layer: described below them.";
    this.gradients.ariaLabel = "Histograms of gradients, layer by layer: described below them.";
    this.spreads.ariaLabel = "Variance and gradient over the layers: the numbers are in the table.";
  }

  numbers() {
    if (!this.measured) return [];
    const { by } = this.frame.settings;
    return [
      ["Layer", "variance", "gradient²", "dead"],
      ...this.measured.layers.filter(({ last }) => !last).map((layer, l) =>
        [l + 1, said(layer.variance), said(layer[by]), layer.dead]),
    ];
  }

  divergence() {
    return `The learning rate ${this.frame.settings.rate} is too large here: take a smaller one, smaller first weights, or clip the gradient.`;
  }

  script(settings, segments, step) {
    return script(settings, this.frame.data.tables, segments, step);
  }

  /** The three pictures below each other. */
  canvas() {
    const parts = [this.outputs, this.gradients, this.spreads];
    const all = make("canvas", { width: Math.max(...parts.map(({ width }) => width)), height: parts.reduce((sum, { height }) => sum + height, 0) });
    const context = all.getContext("2d");
    context.fillStyle = inks(this.outputs).ground;
    context.fillRect(0, 0, all.width, all.height);
    let top = 0;
    for (const part of parts) {
      context.drawImage(part, 0, top);
      top += part.height;
    }
    return all;
  }
}
