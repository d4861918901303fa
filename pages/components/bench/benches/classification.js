// Classification: points of up to four classes, and a network (or logistic regression) that tells them
// apart; its answer over the plane, every unit's own, and its weights as lines to drag.

import { clamp, make } from "../../common.js";
import { Network } from "../../trajectory/network.js";
import { MAX_BRANCHES } from "../../trajectory/session.js";
import { Diagram, unitName } from "../diagram.js";
import { sideBySide } from "../downloads.js";
import { SHARED } from "../form.js";
import {
  COLOURS, Plane, SIDE, css, lattice, paintAnswer, paintUnit, reach,
} from "../plane.js";
import { EXTENT, LETTERS, MAX_CLASSES, MAX_PAINTED, SEEDED, rounded, seeded } from "../plane_sets.js";
import { inks } from "../plot.js";
import {
  DEFAULTS, PRESETS, check, lossText, modelText, mostFrequent, percent, placeText,
  pointText, rightOf, script, taskOf,
} from "./classification_model.js";

const BRUSH = 0.22; // between two painted points, and how far the eraser reaches
const NEAR = 0.12; // a point within this is what the sentence is about
const MAX_LAYERS = 4;
const MAX_UNITS = 8;
const UNDER = 140; // a unit's strength under the points
const ROOM = 2000; // points, at most
const INPUTS = lattice();
const STILL =
  "Blue is below 0, orange above; the wider a line, the larger its weight. Drag one up or down to change it. " +
  "A unit that is pressed stands on the plane.";

const SETS = [
  ...Object.entries(SEEDED).map(([name, { title }]) => [name, title]),
  ["painted", "Painted by hand"],
  ["iris", "Iris: three species"], ["wine", "Wine: three growers"],
  ["cancer", "Breast tumours: malignant or benign"], ["tips", "Restaurant bills: lunch or dinner"],
  ["upload", "Your table (uploaded below)"],
];
const isSeeded = ({ set }) => set in SEEDED;
const deep = ({ hidden }) => hidden.length > 0;

/** Another set begins with its own columns; painting begins with what stands there. */
function asChosen(set, before) {
  if (set === "upload" && !Classification.tables.upload) {
    throw new Error("Upload or paste a table below the bench first.");
  }
  const painted = set === "painted" && before.painted.length < 2;
  return {
    first: "", second: "",
    ...(painted ? { painted: isSeeded(before) ? seeded(before.set, before) : [[-1, 0, 0], [1, 0, 1]] } : {}),
  };
}

const CONTROLS = [
  { name: "set", label: "Points", kind: "choice", options: SETS, also: asChosen },
  SHARED.rate, SHARED.optimiser,
  { name: "count", label: "Points", kind: "number", low: 10, high: 600, step: 10, whole: true, group: "Points", when: isSeeded },
  { name: "noise", label: "Noise", kind: "number", low: 0, high: 1, step: 0.05, group: "Points", when: isSeeded },
  {
    name: "share", label: "Share to test with", kind: "number", low: 0, high: 0.8, step: 0.05, group: "Points",
    help: "About this share of the points, drawn by their place, is not learnt from.",
  },
  {
    name: "preprocessing", label: "Preprocessing", kind: "choice", group: "Points",
    options: [["none", "none"], ["scale", "mean 0, σ 1"], ["pca", "PCA: turned"], ["whiten", "whitened"]],
    help: "Found on the points to learn from, done to all. Tables have mean 0 and σ 1 before.",
    when: ({ set }) => set !== "painted",
  },
  {
    name: "points_seed", label: "Seed of the points", kind: "number", low: 0, high: 2 ** 31 - 1, to: 99,
    step: 1, whole: true, group: "Points", help: "Of the points, and of which are tested.",
  },
  {
    name: "hidden", label: "Hidden units, layer by layer", kind: "list", low: 1, high: MAX_UNITS,
    most: MAX_LAYERS, group: "Network", help: "“8, 8” is two layers of eight; empty is logistic regression.",
  },
  {
    name: "activation", label: "Activation", kind: "choice", group: "Network", when: deep,
    options: [["tanh", "tanh"], ["relu", "ReLU"], ["leaky_relu", "leaky ReLU"], ["sigmoid", "sigmoid"], ["linear", "none (linear)"]],
  },
  { ...SHARED.initialisation },
  {
    name: "scale", label: "Size of first weights", kind: "number", low: 0, high: 10, to: 2, step: 0.05, group: "Network",
    help: "σ of normal and sparse weights; uniform ones lie between minus and plus this.",
    when: ({ initialisation }) => ["normal", "uniform", "sparse"].includes(initialisation),
  },
  { name: "batch_norm", label: "Batch norm", kind: "check", group: "Network", when: deep },
  { ...SHARED.seed, group: "Network", help: "Of first weights, batches and dropout." },
  SHARED.momentum, SHARED.batch, SHARED.clip, SHARED.l1, SHARED.l2, { ...SHARED.dropout, when: deep },
  SHARED.stop_steps, SHARED.stop_loss, SHARED.stop_patience,
];

export class Classification {
  static defaults = { ...DEFAULTS, stop_steps: 2000, stop_loss: 0, stop_patience: 0 };

  static controls = CONTROLS;

  static tables = {};

  static presets = PRESETS;

  static keys =
    "Space plays. On the plane: arrows move the cross, Enter paints or erases there, 1 to 4 choose a class, 0 the " +
    "eraser, Escape to look. On the network: ← and → choose a weight, ↑ and ↓ change it.";

  constructor(frame) {
    this.frame = frame;
    this.#tables(frame.data);
    this.tool = "look"; // or a class's number, or "erase"
    this.place = null; // of the pointer, or of the keys' cross
    this.pinned = null; // the unit that is on the plane instead of the answer
    this.glanced = null; // one under the pointer
    this.known = 1;
    this.#build();
  }

  /** A table that was uploaded comes with Python's next answer, and is taken at once. */
  news(data) {
    const { upload: before } = this.tables;
    const { upload } = this.#tables(data);
    if (upload && upload.print !== before?.print) {
      this.frame.change({ set: "upload", table: upload.print, first: "", second: "" });
    } else if (!upload && this.frame.settings.set === "upload") {
      this.frame.change({ set: DEFAULTS.set });
    }
  }

  #tables({ tables = {} }) {
    this.tables = Classification.tables = tables; // the form has no other way to know them
    return tables;
  }

  check(settings) {
    return check(settings, this.tables);
  }

  problem(settings) {
    this.task = taskOf(settings, this.tables);
    const { network, classes } = this.task;
    const print = JSON.stringify([network, classes]);
    if (this.print !== print) {
      this.print = print;
      this.network = new Network(network, Math.max(SIDE * SIDE, ROOM));
      this.probe = new Network(network, 1);
      this.diagram.set(this.network, classes);
      this.pinned = this.glanced = null;
      this.#layers(settings);
      this.#shown();
    }
    this.#toolbar(settings);
    this.#axes(settings);
    return this.task.problem;
  }

  // ---- the stage

  #build() {
    const canvas = (className, label) => make("canvas", { className, tabIndex: 0, ariaLabel: label });
    this.planeCanvas = canvas("plane", "The plane of both features");
    this.planeCanvas.setAttribute("role", "application");
    this.netCanvas = canvas("network", "");
    this.tools = make("div", { className: "tools", role: "group", ariaLabel: "What the pointer does" });
    this.reading = make("p", { className: "reading", ariaLive: "polite" });
    this.weight = make("p", { className: "reading", textContent: STILL });
    this.shown = make("select", {});
    this.shown.addEventListener("change", () => this.#pin(this.shown.value));
    this.first = make("select", {});
    this.second = make("select", {});
    for (const [name, select] of [["first", this.first], ["second", this.second]]) {
      select.addEventListener("change", () => this.frame.change({ [name]: select.value }));
    }
    const labelled = (text, element) => make("label", {}, make("span", { textContent: text }), element);
    this.columns = make("div", { className: "columns" }, labelled("→", this.first), labelled("↑", this.second));
    this.first.ariaLabel = "Feature to the right";
    this.second.ariaLabel = "Feature upwards";
    this.layers = make("div", { className: "layers", role: "group", ariaLabel: "Hidden layers and their units" });
    this.frame.stage.classList.add("classification");
    this.frame.stage.append(
      make("div", { className: "half" }, this.tools, this.planeCanvas, this.columns,
        make("div", { className: "columns" }, labelled("On the plane", this.shown)), this.reading),
      make("div", { className: "half" }, this.layers, this.netCanvas, this.weight),
      make("details", { className: "keys" }, make("summary", { textContent: "Keys" }),
        make("p", { className: "note", textContent: Classification.keys })),
    );
    this.plane = new Plane(this.planeCanvas, {
      down: (place, event) => this.#down(place, event),
      move: (place) => this.#move(place),
      up: () => { this.painting = null; },
      leave: () => this.#leave(),
    });
    this.planeCanvas.addEventListener("keydown", (event) => this.#key(event));
    this.diagram = new Diagram(this.netCanvas, {
      edit: (index, value) => this.#edit(index, value),
      look: (unit, pin) => this.#look(unit, pin),
      say: (sentence) => { this.weight.textContent = sentence || STILL; },
      redraw: () => this.frame.redraw(),
    });
  }

  #toolbar({ set }) {
    const own = isSeeded({ set }) || set === "painted";
    const names = own ? LETTERS.slice(0, MAX_CLASSES) : this.task.classes;
    const print = JSON.stringify([names, own]);
    if (this.toolsPrint === print) return;
    this.toolsPrint = print;
    const button = (tool, text, icon = "") => {
      const made = make("button", { type: "button", innerHTML: icon, disabled: !own && tool !== "look" });
      made.append(text);
      made.dataset.tool = tool;
      made.addEventListener("click", () => this.#take(tool));
      return made;
    };
    const buttons = names.map((name, k) => button(k, name, symbol(k)));
    if (own) buttons.unshift(button("look", "Look"));
    if (own) buttons.push(button("erase", "Erase"), this.#clearing());
    this.tools.replaceChildren(...buttons);
    this.#take(own ? this.tool : "look");
  }

  #clearing() {
    const clear = make("button", { type: "button", textContent: "Clear", title: "Two points are left to begin with" });
    clear.addEventListener("click", () => this.#painted([[-1, 0, 0], [1, 0, 1]]));
    return clear;
  }

  #take(tool) {
    this.tool = tool;
    for (const button of this.tools.children) {
      if (button.dataset.tool) button.setAttribute("aria-pressed", String(button.dataset.tool === String(tool)));
    }
    this.planeCanvas.style.touchAction = tool === "look" ? "pan-y" : "none";
  }

  #axes({ set, first, second }) {
    const table = this.tables[set];
    this.columns.hidden = !table;
    if (!table) return;
    const print = JSON.stringify(table.columns);
    if (this.columns.print !== print) {
      this.columns.print = print;
      for (const select of [this.first, this.second]) {
        select.replaceChildren(...table.columns.map((name) => make("option", { value: name, textContent: name })));
      }
    }
    this.first.value = first || table.first;
    this.second.value = second || table.second;
  }

  /** Above the network: how many layers, and how many units in each. */
  #layers({ hidden }) {
    const change = (next) => this.frame.change({ hidden: next });
    const button = (text, label, act, possible) => {
      const made = make("button", { type: "button", textContent: text, ariaLabel: label, title: label, disabled: !possible });
      made.addEventListener("click", () => {
        act();
        this.layers.querySelector(`[aria-label="${label}"]`)?.focus();
      });
      return made;
    };
    const cell = (...children) => make("div", {}, ...children);
    const columns = hidden.map((units, l) => {
      const set = (n) => change(hidden.with(l, n));
      const of = `in layer ${l + 1}`;
      return cell(
        button("−", `One unit less ${of}`, () => set(units - 1), units > 1),
        make("span", { textContent: units }),
        button("+", `One unit more ${of}`, () => set(units + 1), units < MAX_UNITS),
      );
    });
    const ends = [
      cell(button("− layer", "One hidden layer less", () => change(hidden.slice(0, -1)), hidden.length > 0)),
      cell(button("+ layer", "One hidden layer more", () => change([...hidden, hidden.at(-1) ?? 4]), hidden.length < MAX_LAYERS)),
    ];
    this.layers.style.gridTemplateColumns = `repeat(${hidden.length + 2}, minmax(0, 1fr))`;
    this.layers.replaceChildren(ends[0], ...columns, ends[1]);
    this.netCanvas.style.height = `${this.diagram.height}px`;
  }

  /** The choice of what is on the plane. */
  #shown() {
    const { sizes, layers } = this.network;
    const options = [make("option", { value: "", textContent: "the answer" })];
    for (let l = 1; l < sizes.length; l++) {
      for (let o = 0; o < sizes[l]; o++) {
        options.push(make("option", { value: `${l},${o}`, textContent: unitName(layers, l, o, this.task.classes) }));
      }
    }
    this.shown.replaceChildren(...options);
  }

  #pin(value) {
    const [layer, output] = value.split(",").map(Number);
    this.pinned = value ? { layer, output } : null;
    this.shown.value = value;
    this.frame.redraw();
  }

  #look(unit, pin) {
    const key = (one) => (one ? `${one.layer},${one.output}` : "");
    if (pin) {
      this.glanced = null;
      this.#pin(key(unit) === key(this.pinned) || unit.layer === 0 ? "" : key(unit));
    } else if (key(unit) !== key(this.glanced)) {
      this.glanced = unit;
      this.frame.redraw();
    } else if (!unit) this.frame.redraw();
  }

  // ---- the hand

  #down(place, event) {
    this.place = place;
    if (this.tool !== "look") {
      event.preventDefault();
      this.planeCanvas.setPointerCapture(event.pointerId);
      this.painting = place;
      this.#put(place);
    } else this.frame.redraw();
  }

  #move(place) {
    this.place = place;
    if (this.painting) {
      const far = Math.hypot(place[0] - this.painting[0], place[1] - this.painting[1]);
      if (far >= BRUSH) {
        this.painting = place;
        this.#put(place);
      }
    }
    this.frame.redraw();
  }

  #leave() {
    this.place = null;
    this.frame.redraw();
  }

  /** Paints a point, or erases those near. */
  #put([x, y]) {
    const { points } = this.task;
    if (this.tool === "erase") {
      const left = points.filter(([px, py]) => Math.hypot(px - x, py - y) > BRUSH);
      if (left.length < 2) this.frame.say("Two points stay: paint others first.");
      else if (left.length < points.length) this.#painted(left);
    } else if (points.length >= MAX_PAINTED) {
      this.frame.say(`There are ${MAX_PAINTED} points, which is the most: erase some.`);
    } else this.#painted([...points, [rounded(x), rounded(y), this.tool]]);
  }

  #painted(points) {
    this.frame.change({ set: "painted", painted: points });
  }

  #key(event) {
    const { key, shiftKey } = event;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    const tool = { Escape: "look", 0: "erase" }[key] ?? (/^[1-4]$/.test(key) ? Number(key) - 1 : null);
    if (move) {
      const by = shiftKey ? 0.5 : 0.1;
      const [x, y] = this.place ?? [0, 0];
      this.place = [clamp(x + move[0] * by, -EXTENT, EXTENT), clamp(y + move[1] * by, -EXTENT, EXTENT)];
      this.frame.redraw();
    } else if (tool !== null) {
      const button = this.tools.querySelector(`[data-tool="${tool}"]`);
      if (button && !button.disabled) this.#take(tool);
    } else if (key === "Enter" && this.tool !== "look") this.#put(this.place ?? [0, 0]);
    else return;
    event.preventDefault();
  }

  /** A weight set by hand: on a branch of its own, which stands still. */
  #edit(index, value) {
    const { frame } = this;
    frame.player.play(false);
    if (frame.chosen.branches.length >= MAX_BRANCHES) {
      frame.say(`There are ${MAX_BRANCHES} branches: this one goes on with the new weight.`);
    }
    frame.ask({ do: "edit", edits: [[index, value]] });
  }

  // ---- what is seen

  draw(state) {
    const { weights, running, diverged } = state.branches[state.active];
    const { network, task } = this;
    if (weights.length !== network.size) return; // those of other settings, on their way out
    if (state.branches.length > this.known && state.step) {
      this.frame.say(`Branch ${state.branches.length} begins here, at step ${state.step}.`);
    }
    this.known = state.branches.length;
    this.measured = {
      train: rightOf(network, weights, running, task.train),
      test: rightOf(network, weights, running, task.test),
      learnt: task.train.points.length, tested: task.test.points.length, frequent: mostFrequent(task),
      weights, running, diverged,
    };
    const z = network.forward(weights, INPUTS, SIDE * SIDE, running);
    const { text: ink, ground: paper, accent } = inks(this.planeCanvas);
    const looked = this.glanced ?? this.pinned;
    this.plane.draw({
      z, outputs: network.settings.outputs, ink, paper, axes: task.axes, cursor: this.place,
      parts: [task.train.points, task.test.points],
      paint: (pixels) => this.#paint(z, looked, pixels),
    });
    this.diagram.looked = looked;
    this.diagram.draw({ weights, inputs: INPUTS, ink, paper, accent });
    this.#read();
  }

  #paint(z, looked, pixels) {
    const { layers, settings } = this.network;
    if (!looked) return paintAnswer(z, settings.outputs, pixels);
    const { layer: l, output: o } = looked;
    const a = l ? layers[l - 1].outputsOf : INPUTS;
    const bounded = l && l < layers.length ? settings.activation : "";
    return paintUnit(a, o * SIDE * SIDE, reach(bounded, a, o * SIDE * SIDE), pixels, UNDER);
  }

  /** What is said of the place under the cross. */
  #read() {
    const { place, task, measured, probe } = this;
    const still = "Point at the plane: logit, odds and probability there.";
    this.reading.textContent = place ? this.#said(place, task, measured, probe) : still;
  }

  #said([x, y], { points, classes, axes }, { weights, running }, probe) {
    const logits = [...probe.forward(weights, Float64Array.of(x, y), 1, running)].slice(0, probe.settings.outputs);
    const own = ({ mean, spread }, v) => Number((mean + v * spread).toPrecision(3));
    const there = `At ${axes[0].name} ${own(axes[0], x)}, ${axes[1].name} ${own(axes[1], y)}`.replaceAll("-", "−");
    const near = points.find(([px, py]) => Math.hypot(px - x, py - y) < NEAR);
    const point = near ? ` ${pointText(this.#logitsAt(near), near[2], classes)}` : "";
    return `${there}: ${placeText(logits, classes)}.${point}`;
  }

  #logitsAt([x, y]) {
    const { probe, measured: { weights, running } } = this;
    return [...probe.forward(weights, Float64Array.of(x, y), 1, running)].slice(0, probe.settings.outputs);
  }

  numbers(state) {
    const { train, test } = state.branches[state.active];
    const { measured } = this;
    if (!measured) return [];
    const { learnt, tested, frequent } = measured;
    const share = (right, all) => (all ? `${percent(right / all)} (${right})` : "–");
    const loss = (value) => (Number.isFinite(value) ? value.toFixed(4) : "–");
    return [
      ["Points", `train ${learnt}`, `test ${tested}`],
      ["Loss", loss(train), loss(test)],
      ["Accuracy", share(measured.train, learnt), share(measured.test, tested)],
      [`Always ${frequent.name}`, share(frequent.train, learnt), share(frequent.test, tested)],
    ];
  }

  verdict(state) {
    const { train } = state.branches[state.active];
    const { measured, network, task } = this;
    if (!measured || !Number.isFinite(train)) return "";
    const said = [lossText(train)];
    const counts = new Set(task.train.y);
    if (counts.size < 2) said.unshift("There are points of one class only to learn from: paint another.");
    if (!network.settings.hidden.length && network.settings.outputs === 1) said.push(modelText(measured.weights, task));
    return said.join(" ");
  }

  divergence() {
    const { rate, clip } = this.frame.settings;
    return `The learning rate ${rate} is too large here: take a smaller one${clip ? "" : ", or shorten the gradient"}.`;
  }

  script(settings, segments, step) {
    return script(settings, this.tables, segments, step);
  }

  /** The plane and the network, side by side. */
  canvas() {
    return sideBySide(this.planeCanvas, this.netCanvas);
  }
}

/** A class's sign for its button. */
function symbol(k) {
  const shapes = [
    '<circle cx="6" cy="6" r="4.6"/>', '<rect x="1.6" y="1.6" width="8.8" height="8.8"/>',
    '<path d="M6 .8 11.4 10.4H.6z"/>', '<path d="M6 .2 11.8 6 6 11.8.2 6z"/>',
  ];
  return `<svg viewBox="0 0 12 12" aria-hidden="true" fill="${css(COLOURS[k])}">${shapes[k]}</svg>`;
}
