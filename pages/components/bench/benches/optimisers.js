// Optimisers: up to eight descents from one start, on one surface, with the same batches.

import { make } from "../../common.js";
import { OPTIMISERS, stableRate } from "../../trajectory/optimisers.js";
import { MAX_BRANCHES } from "../../trajectory/session.js";
import { curvatureAt, distance, surfaceOf } from "../../trajectory/surfaces.js";
import { TRAINING } from "../../trajectory/trajectory.js";
import { Contours } from "../contours.js";
import { COLOURS, SHARED } from "../form.js";
import { Plot } from "../plot.js";
import { raceScript } from "../race_script.js";
import { FirstBelow, few, lead, namesOf, trouble } from "../race_words.js";
import { LANES, PRESETS, SMALL } from "../races.js";

const TITLES = {
  parabola: "Parabola", noisy: "Parabola with noisy batches", regression: "The loss of a line through 15 points",
  logistic: "The loss of a logistic model of 100 points", plane: "A plane through a trained network", rosenbrock: "Rosenbrock's valley", beale: "Beale's function",
  himmelblau: "Himmelblau's function, four minima", saddle: "Saddle between two minima",
  rastrigin: "Rastrigin's function, many minima",
};
const NETWORKS = [["lenet_relu", "LeNet with ReLU, MNIST"], ["mlp", "Perceptron 300-100, MNIST"]];
/** In units: a circle, a square, triangles, a diamond, crosses, a bar. */
const SHAPES = [
  "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0-1 0Z", "M-.9-.9H.9V.9H-.9Z", "M0-1.2L1.1.8H-1.1Z",
  "M0-1.3L1.3 0 0 1.3-1.3 0Z", "M0 1.2L1.1-.8H-1.1Z",
  "M-.4-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
  "M-1.1-.6L-.6-1.1 0-.5.6-1.1 1.1-.6.5 0 1.1.6.6 1.1 0 .5-.6 1.1-1.1.6-.5 0Z", "M-1.3-.5H1.3V.5H-1.3Z",
];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 3], [14, 4], [3, 5], [1, 3]];
const LEAST = 1e-15; // of what is drawn in the chart
const MOVE = 0.7; // pixels from one place of a path to the next that is drawn
const REST = 250; // milliseconds without a change until the surface is drawn finely
const NEAR = 28; // pixels around the start that a finger may miss
const ofPoints = ({ surface }) => surface === "regression" || surface === "logistic";
const isParabola = ({ surface }) => surface === "parabola" || surface === "noisy";
const SVG = "http://www.w3.org/2000/svg";

export class Optimisers {
  static defaults = {
    ...TRAINING, surface: "parabola", condition: 20, angle: 30, noise: 0.2, batch_size: 0,
    network: "lenet_relu", start: null, threshold: 1e-6, off: [], seed: 0,
    stop_steps: 1000, stop_loss: 0, stop_patience: 0,
  };

  static shown = ["threshold", "off"];
  static watched = ["x", "y", "loss"];
  static race = true;
  static speed = 60;

  static controls = [
    { name: "condition", label: "Condition number κ", kind: "number", low: 1, high: 1000, log: true, from: 0, to: 3, when: isParabola },
    { name: "noise", label: "Noise of a batch σ", kind: "number", low: 0, high: 2, step: 0.05,
      when: ({ surface }) => surface === "noisy", help: "How far a batch's minimum lies from the true one." },
    { name: "batch_size", label: "Points a step", kind: "number", low: 0, high: 100, step: 1, whole: true,
      when: ofPoints, help: "0 takes all of them; all optimisers get the same ones." },
    { name: "network", label: "Network", kind: "choice", options: NETWORKS, when: ({ surface }) => surface === "plane" },
    SHARED.optimiser,
    { ...SHARED.rate, mark: ({ optimiser, momentum }, bench) => bench.limit({ optimiser, momentum }) },
    { ...SHARED.momentum, group: undefined,
      mark: ({ optimiser }, bench) => (optimiser === "momentum" ? bench.bestMomentum : null) },
    { ...SHARED.alpha, group: undefined }, { ...SHARED.beta1, group: undefined },
    { ...SHARED.beta2, group: undefined },
    { name: "angle", label: "Turned by (degrees)", kind: "number", low: 0, high: 90, step: 1, group: "Surface and batches", when: isParabola },
    { ...SHARED.seed, group: "Surface and batches", help: "Of the noise and the batches.",
      when: (settings) => settings.surface === "noisy" || ofPoints(settings) },
    { name: "threshold", label: "Small is below", kind: "number", low: 1e-12, high: 1e6, log: true, from: -12, to: 2,
      group: "Surface and batches", help: "The table says after how many steps a loss is that small." },
    { ...SHARED.clip, group: "Surface and batches" },
    SHARED.stop_steps, SHARED.stop_loss, SHARED.stop_patience,
  ];

  static presets = PRESETS;

  constructor(frame) {
    this.frame = frame;
    this.picture = make("canvas", { tabIndex: 0 });
    this.picture.setAttribute("role", "application");
    this.plot = new Plot(this.picture);
    this.contours = new Contours();
    this.first = new FirstBelow();
    this.source = make("select", { ariaLabel: "Surface" });
    for (const [value, textContent] of Object.entries(TITLES)) this.source.append(make("option", { value, textContent }));
    this.source.addEventListener("change", () => this.#choose(this.source.value));
    this.what = make("p", { className: "note" });
    this.lanes = make("table", { className: "lanes" });
    this.add = make("button", { type: "button", className: "add", textContent: "Add an optimiser" });
    this.add.addEventListener("click", () => this.#add());
    frame.stage.append(
      make("label", { className: "source" }, make("span", { textContent: "Surface" }), this.source),
      make("figure", { className: "race" }, this.picture,
        make("figcaption", { textContent: "Press on the surface to begin there, or drag the ring." })),
      this.what,
    );
    this.lead = make("p", { className: "verdict" });
    frame.find(".player").append(this.lead, this.lanes, this.add);
    this.#hands();
  }

  // ---- the surface

  #choose(surface) {
    this.frame.preset({ surface, ...SMALL[surface] });
    this.frame.say(`${TITLES[surface]}.`);
  }

  check(settings) {
    const { surface, start, off, batch_size: batch } = settings;
    if (!(surface in TITLES)) throw new Error("The surface of this link is not one of those here.");
    const place = Array.isArray(start) && start.length === 2 && start.every((v) => typeof v === "number" && Math.abs(v) <= 1e3);
    if (start !== null && !place) throw new Error("A start is two numbers between -1,000 and 1,000.");
    const places = Array.isArray(off) && off.length <= MAX_BRANCHES && off.every((i) => Number.isInteger(i) && i >= 0 && i < MAX_BRANCHES);
    if (!places) throw new Error("What is switched off in this link is damaged.");
    if (!Number.isInteger(batch)) throw new Error("“Points a step” is a whole number.");
    return settings;
  }

  branches({ surface }) {
    return LANES[surface];
  }

  /** What a problem needs to know of the surface. */
  #data(settings) {
    const { surface: name, condition, angle, noise, seed, batch_size: batch, network, start } = settings;
    const { points, classes, planes } = this.frame.data;
    const data = { name, seed };
    if (isParabola(settings)) Object.assign(data, { condition, angle });
    if (name === "noisy") data.noise = noise;
    if (name === "regression") Object.assign(data, { points, batch });
    if (name === "logistic") Object.assign(data, { classes, batch });
    if (name === "plane") data.grid = planes[network];
    data.start = start ?? surfaceOf(data).start;
    return data;
  }

  problem(settings) {
    const data = this.#data(settings);
    this.data = data;
    this.surface = surfaceOf(data);
    this.last = Math.max(-1, ...(this.frame.chosen?.branches.map(({ id }) => id) ?? []));
    return { kind: "surface", surface: data };
  }

  /** Second derivatives: everywhere, or at the minimum that is nearest to a place; or null. */
  #curvature([x, y] = this.data.start) {
    const { curvature, minima } = this.surface;
    if (curvature || !minima.length) return curvature ?? null;
    const away = minima.map(([a, b]) => Math.hypot(a - x, b - y));
    return curvatureAt(this.surface, minima[away.indexOf(Math.min(...away))]);
  }

  /** The largest stable rate where the surface is a parabola; null elsewhere. */
  limit(training) {
    return stableRate(this.surface?.curvature?.high, training)?.limit ?? null;
  }

  get bestMomentum() {
    const curvature = this.surface?.curvature;
    if (!curvature) return null;
    const root = Math.sqrt(curvature.high / curvature.low);
    return ((root - 1) / (root + 1)) ** 2;
  }

  // ---- the picture

  /** What is seen: the surface's view, wider or higher where the picture is, at one scale. */
  #window() {
    const [left, right, bottom, top] = this.surface.view;
    const { clientWidth: width, clientHeight: height } = this.picture;
    if (this.data.name === "regression" || !width || !height) return { x: [left, right], y: [bottom, top] };
    const aspect = (width - 56) / Math.max(height - 44, 1);
    const [across, up] = [right - left, top - bottom];
    const [wide, high] = [Math.max(across, up * aspect) / 2, Math.max(up, across / aspect) / 2];
    const [x, y] = [(left + right) / 2, (bottom + top) / 2];
    return { x: [x - wide, x + wide], y: [y - high, y + high] };
  }

  /** Whether a state is of the surface before: its branches had other numbers. */
  #late({ branches }) {
    return branches.every(({ id }) => id <= this.last);
  }

  draw(state) {
    const { settings } = this.frame;
    if (this.#late(state)) return;
    this.source.value = settings.surface;
    this.source.title = this.surface.formula;
    this.plot.begin({ ...this.#window(), labels: this.surface.axes });
    this.#ground();
    const { inks } = this.plot;
    for (const minimum of this.surface.minima) this.#cross(minimum, inks.text);
    const shown = this.#shown(state);
    const ordered = shown.toSorted((a, b) => (a.i === state.active) - (b.i === state.active));
    for (const lane of ordered) this.#path(lane, lane.i === state.active);
    this.plot.dot(this.data.start, { colour: inks.text, radius: 7, hollow: true });
    for (const lane of ordered) this.#head(lane, inks);
    this.#say(state, shown);
    const note = this.#note();
    if (this.what.textContent !== note) this.what.textContent = note;
  }

  /** The surface: coarse at once, while a hand may still change it, and fine a moment later. */
  #ground() {
    const { plot, picture } = this;
    const size = [picture.clientWidth - 56, picture.clientHeight - 44];
    const key = JSON.stringify([{ ...this.data, start: 0 }, plot.range, size, plot.inks.ground]);
    if (this.painted !== key) {
      this.painted = key;
      this.#paint(size.map((length) => length / 2));
      clearTimeout(this.finer);
      this.finer = setTimeout(() => {
        if (!picture.isConnected) return;
        this.#paint(size);
        this.frame.redraw();
      }, REST);
    }
    plot.drawField();
  }

  #paint(size) {
    const { plot } = this;
    const pixels = size.map((length) => Math.max(Math.round(length), 20));
    this.contours.paint(this.surface, plot.range, pixels, isDark(plot.inks.ground));
    plot.small = this.contours.canvas;
  }

  #cross([x, y], colour) {
    const { plot } = this;
    plot.inside((context) => {
      const [px, py] = [plot.px(x), plot.py(y)];
      Object.assign(context, { strokeStyle: colour, lineWidth: 2 });
      context.beginPath();
      for (const [dx, dy] of [[5, 5], [5, -5]]) {
        context.moveTo(px - dx, py - dy);
        context.lineTo(px + dx, py + dy);
      }
      context.stroke();
    });
  }

  /** The lanes that are not switched off, with what is known of each. */
  #shown(state) {
    const names = namesOf(state.branches.map(({ segments }) => segments));
    const { off } = this.frame.settings;
    const lowest = this.surface.minima.length ? this.surface.lowest : 0;
    return state.branches.map((branch, i) => {
      const ended = branch.diverged !== null && state.step >= branch.diverged;
      const { training } = branch.segments.findLast(({ from }) => from <= state.step) ?? branch.segments[0];
      return { i, branch, name: names[i], above: branch.train - lowest, ended, diverged: branch.diverged, training };
    }).filter(({ i }) => !off.includes(i));
  }

  /** The path; of one that has ended only until it leaves the picture. */
  #path({ i, branch: { rows, step }, ended }, active) {
    const { plot } = this;
    const outside = ([, , x, y]) =>
      x < plot.range.x[0] || x > plot.range.x[1] || y < plot.range.y[0] || y > plot.range.y[1];
    plot.inside((context) => {
      Object.assign(context, { strokeStyle: COLOURS[i], lineWidth: active ? 2.5 : 1.75, lineJoin: "round" });
      context.setLineDash(DASHES[i]);
      context.beginPath();
      let [fromX, fromY] = [Infinity, Infinity];
      for (let k = 0; k <= step && k < rows.length; k++) {
        const [px, py] = [plot.px(rows[k][2]), plot.py(rows[k][3])];
        if (Math.abs(px - fromX) + Math.abs(py - fromY) < MOVE) continue;
        // far outside, canvases lose their way
        const [x, y] = [px, py].map((value) => Math.min(Math.max(value, -5e3), 1e4));
        if (k) context.lineTo(x, y);
        else context.moveTo(x, y);
        [fromX, fromY] = [px, py];
        if (ended && outside(rows[k])) break;
      }
      context.stroke();
    });
  }

  #head({ i, branch: { weights }, ended }, inks) {
    const { plot } = this;
    plot.inside((context) => {
      context.translate(plot.px(weights[0]), plot.py(weights[1]));
      context.scale(6, 6);
      Object.assign(context, { fillStyle: COLOURS[i], strokeStyle: inks.ground, lineWidth: 0.35, globalAlpha: ended ? 0.5 : 1 });
      const shape = new Path2D(SHAPES[i]);
      context.fill(shape);
      context.stroke(shape);
    });
  }

  #say({ step }, shown) {
    const [x, y] = this.data.start.map((value) => few(value));
    const [across, up] = this.surface.axes;
    const label = `${this.surface.title} with the paths of ${shown.length} optimisers at step ${step}. The start is at ${across} = ${x}, ${up} = ${y}; arrows move it, with shift further.`;
    if (this.label !== label && (!this.frame.player?.playing || !this.label)) {
      this.picture.setAttribute("aria-label", label);
      this.label = label;
    }
  }

  #note() {
    const { name } = this.data;
    if (name === "plane") {
      const { variant, images, losses } = this.data.grid;
      const title = NETWORKS.find(([name]) => name === variant)[1];
      return `The weights of a network (${title}) as trained, in the middle, and a plane of two random directions around them, each filter as long as the network's own (Li et al. 2018); biases stay. The loss is the mean cross-entropy of ${images.toLocaleString("en")} test images, computed at ${losses.length} × ${losses.length} places and interpolated between them (bicubic). A plane shows two of many directions: what is a minimum here need not be one of the network.`;
    }
    const batches = name === "noisy"
      ? " Every step sees a batch: the same parabola with its minimum elsewhere. Table and chart show the true loss."
      : this.data.batch ? " Table and chart show the loss of all points." : "";
    const standard = name === "logistic"
      ? " The two features are standardised, and the bias b is held where the likelihood is greatest." : "";
    return `${this.surface.formula}. × marks ${this.surface.minima.length > 1 ? "the lowest places" : "the lowest place"}; contour lines are spaced by ratios of the loss.${standard}${batches}`;
  }

  // ---- the lanes

  #add() {
    const { branches } = this.frame.chosen;
    if (branches.length >= MAX_BRANCHES) {
      this.frame.say(`There are ${MAX_BRANCHES} at most: remove one.`);
      return;
    }
    this.frame.add({ ...TRAINING, optimiser: "sgd", rate: 0.01 });
    this.frame.say(`Number ${branches.length + 1} is SGD with a rate of 0.01: choose its settings.`);
  }

  dropped(branch) {
    const { off } = this.frame.settings;
    this.frame.change({ off: off.filter((i) => i !== branch).map((i) => (i > branch ? i - 1 : i)) });
  }

  #switch(i) {
    const { off } = this.frame.settings;
    this.frame.change({ off: off.includes(i) ? off.filter((one) => one !== i) : [...off, i].sort() });
  }

  #table(state) {
    const { threshold, off } = this.frame.settings;
    const names = namesOf(state.branches.map(({ segments }) => segments));
    const known = this.surface.minima.length > 0;
    const lowest = known ? this.surface.lowest : 0;
    const head = ["", "Optimiser", "Rate", known ? "Loss − lowest" : "Loss", known ? "To the minimum" : "", `Below ${few(threshold)}`, ""];
    this.#rows(state.branches.length, head);
    state.branches.forEach((branch, i) => {
      const row = this.rows[i];
      const { weights, train, diverged, rows, id } = branch;
      const ended = diverged !== null && state.step >= diverged;
      const { training } = branch.segments.findLast(({ from }) => from <= state.step) ?? branch.segments[0];
      // a row is the loss of the batch, the gradient's norm, x, y and the loss
      const below = this.first.find(id, { length: rows.length, at: (k) => rows[k][4] - lowest }, threshold);
      const stable = stableRate(this.surface.curvature?.high, training);
      const unstable = stable && training.rate > stable.limit;
      const said = ended ? `${this.surface.edge ? "left" : "diverged"} at step ${diverged.toLocaleString("en")}` : below !== null && below <= state.step ? `after ${below.toLocaleString("en")}` : unstable ? `above ${stable.formula}` : "–";
      const texts = [names[i], few(training.rate), few(train - lowest < 0 ? 0 : train - lowest), known ? few(distance(this.surface, weights[0], weights[1])) : "", said];
      row.cells.forEach((cell, k) => { if (cell.textContent !== texts[k]) cell.textContent = texts[k]; });
      row.element.classList.toggle("off", off.includes(i));
      row.element.classList.toggle("bad", Boolean(ended || unstable));
      row.element.setAttribute("aria-current", String(i === state.active));
      row.pick.setAttribute("aria-pressed", String(i === state.active));
      row.box.checked = !off.includes(i);
      row.box.setAttribute("aria-label", `Show ${names[i]}`);
      row.drop.setAttribute("aria-label", `Remove ${names[i]}`);
      row.drop.hidden = state.branches.length < 2;
    });
    this.add.hidden = state.branches.length >= MAX_BRANCHES;
  }

  #rows(count, head) {
    const text = JSON.stringify([count, head]);
    if (this.made === text) return;
    this.made = text;
    const top = make("tr", {}, ...head.map((textContent) => make("th", { textContent, scope: "col" })));
    this.rows = Array.from({ length: count }, (_, i) => this.#row(i));
    this.lanes.replaceChildren(top, ...this.rows.map(({ element }) => element));
  }

  #row(i) {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => this.#switch(i));
    const name = make("span", {});
    const pick = make("button", { type: "button", className: "pick", title: "Its settings are those in the form" }, swatch(i), name);
    pick.addEventListener("click", () => this.frame.ask({ do: "pick", branch: i }));
    const drop = make("button", { type: "button", className: "remove", textContent: "×" });
    drop.addEventListener("click", () => this.frame.ask({ do: "drop", branch: i }));
    const cells = Array.from({ length: 4 }, () => make("td", {}));
    const element = make("tr", {}, make("td", {}, box), make("th", { scope: "row" }, pick), ...cells, make("td", {}, drop));
    return { element, box, pick, drop, cells: [name, ...cells] };
  }

  /** The chart: losses above the lowest one, of all that are shown. */
  lines(state) {
    if (this.#late(state)) return { all: [], label: "loss", legend: "", said: "Loss over steps." };
    const known = this.surface.minima.length > 0;
    const lowest = known ? this.surface.lowest : 0;
    const shown = this.#shown(state);
    return {
      all: shown.map(({ i, branch }) => ({
        rows: thin(branch.measures).map(([step, train]) => [step, train - lowest]),
        length: branch.length, colour: COLOURS[i], dash: DASHES[i], active: i === state.active,
      })),
      low: LEAST,
      label: known ? "loss − lowest" : "loss",
      legend: known
        ? `Loss above the lowest one, on a logarithmic scale, down to ${few(LEAST)}`
        : "Loss on a logarithmic scale",
      said: lead(shown, state.step, known),
    };
  }

  // ---- hands and keys

  #hands() {
    const { picture } = this;
    const begin = (event) => {
      const place = this.plot.at(event).map((value) => Number(value.toPrecision(4)));
      this.#begin(place);
    };
    const near = ({ clientX, clientY }) => {
      const { left, top } = picture.getBoundingClientRect();
      const [x, y] = this.data.start;
      return Math.hypot(this.plot.px(x) - clientX + left, this.plot.py(y) - clientY + top) <= NEAR;
    };
    let pressed = false;
    // a finger on the ring drags it; elsewhere it scrolls the page, and a tap begins there
    picture.addEventListener("touchstart", (event) => {
      if (event.touches.length === 1 && near(event.touches[0])) event.preventDefault();
    }, { passive: false });
    picture.addEventListener("pointerdown", (event) => {
      if (event.button || (event.pointerType === "touch" && !near(event))) return;
      pressed = true;
      picture.setPointerCapture(event.pointerId);
      if (event.pointerType !== "touch") begin(event);
    });
    picture.addEventListener("pointermove", (event) => pressed && begin(event));
    picture.addEventListener("click", begin);
    for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { pressed = false; });
    picture.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const { x, y } = this.plot.range;
      const by = event.shiftKey ? 12 : 60;
      const [a, b] = this.data.start;
      this.#begin([a + (step[0] * (x[1] - x[0])) / by, b + (step[1] * (y[1] - y[0])) / by].map((value) => Number(value.toPrecision(4))));
    });
  }

  #begin([x, y]) {
    const { edge } = this.surface;
    const { x: across, y: up } = this.plot.range;
    const inside = edge
      ? Math.max(Math.abs(x), Math.abs(y)) <= edge
      : x >= across[0] && x <= across[1] && y >= up[0] && y <= up[1];
    if (inside && [x, y].every(Number.isFinite)) this.frame.change({ start: [x, y] });
  }

  // ---- numbers and words

  /** After the canvases have been measured: what is written to the page would be laid out before. */
  numbers(state) {
    if (this.#late(state)) return [];
    this.#words(state);
    const { training } = state.branches[state.active].segments.at(-1);
    const curvature = this.#curvature(state.branches[state.active].weights);
    if (this.data.grid) {
      const { images, losses } = this.data.grid;
      const middle = losses[(losses.length - 1) / 2][(losses.length - 1) / 2];
      return [["The plane", ""], ["Loss as trained", few(middle)], ["Test images", images.toLocaleString("en")],
        ["Lowest place of the grid", few(Math.min(...losses.flat()))]];
    }
    const { low, high } = curvature;
    const condition = high / low;
    const rows = [[this.surface.curvature ? "Curvature" : "At the nearest minimum", ""],
      ["Largest, λ", few(high)], ["Smallest", few(low)], ["Condition number κ", few(condition)],
      ["SGD: stable below 2/λ", few(2 / high)], ["SGD: best rate", few(2 / (low + high))],
      ["Momentum: best β", few(((Math.sqrt(condition) - 1) / (Math.sqrt(condition) + 1)) ** 2)],
      ["with the rate", few((2 / (Math.sqrt(low) + Math.sqrt(high))) ** 2)]];
    const stable = stableRate(curvature?.high, training);
    if (stable && training.optimiser !== "sgd") {
      rows.push([`${OPTIMISERS[training.optimiser].title}, β = ${training.momentum}: stable below ${stable.formula}`, few(stable.limit)]);
    }
    return rows;
  }

  /** The table of lanes, and above it who is ahead and who cannot come to rest. */
  #words(state) {
    this.#table(state);
    const shown = this.#shown(state);
    const troubles = shown.map((lane) => trouble(lane, this.#curvature(lane.branch.weights), this.surface));
    const verdict = [lead(shown, state.step, this.surface.minima.length > 0), ...troubles.filter(Boolean)].join(" ");
    if (this.lead.textContent !== verdict) this.lead.textContent = verdict;
  }

  diverged(state) {
    const lane = this.#shown(state).find(({ i }) => i === state.active);
    const all = "All have ended.";
    return lane?.ended ? `${all} ${trouble(lane, this.#curvature(lane.branch.weights), this.surface)}` : all;
  }

  divergence() {
    return "";
  }

  script(settings, segments, step) {
    const { branches } = this.frame.chosen;
    const names = namesOf(branches.map((branch) => branch.segments));
    const lanes = branches.map((branch, i) => ({ name: names[i], segments: branch.segments }));
    return raceScript(this.data, lanes.filter((_, i) => !settings.off.includes(i)), Math.max(this.frame.chosen.step, step));
  }

  /** The picture, the chart below it, and whose line is whose. */
  canvas() {
    const chart = this.frame.chart.canvas;
    const { picture } = this;
    const ratio = picture.width / picture.clientWidth;
    const shown = this.#shown(this.frame.chosen);
    const line = 20 * ratio;
    const below = picture.height + line * (shown.length + 1);
    const canvas = make("canvas", { width: picture.width, height: below + chart.height });
    const context = canvas.getContext("2d");
    context.fillStyle = this.plot.inks.ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0);
    context.drawImage(chart, 0, below);
    context.font = `${13 * ratio}px sans-serif`;
    shown.forEach(({ i, name, above }, k) => {
      const y = picture.height + line * (k + 1);
      Object.assign(context, { strokeStyle: COLOURS[i], lineWidth: 2.5 * ratio });
      context.setLineDash(DASHES[i].map((part) => part * ratio));
      context.beginPath();
      context.moveTo(12 * ratio, y - 4 * ratio);
      context.lineTo(60 * ratio, y - 4 * ratio);
      context.stroke();
      context.fillStyle = this.plot.inks.text;
      context.fillText(`${name}: ${few(above)}`, 70 * ratio, y);
    });
    return canvas;
  }
}

/** About as many rows as can be seen. */
function thin(rows, most = 600) {
  const every = Math.max(Math.ceil(rows.length / most), 1);
  return every === 1 ? rows : rows.filter((_, i) => i % every === 0 || i === rows.length - 1);
}

function swatch(i) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "-12 -5 24 10");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  Object.entries({ d: "M-12 0H12", stroke: COLOURS[i], "stroke-width": 2, "stroke-dasharray": DASHES[i].join(" ") })
    .forEach(([name, value]) => line.setAttribute(name, value));
  const shape = document.createElementNS(SVG, "path");
  Object.entries({ d: SHAPES[i], fill: COLOURS[i], transform: "scale(4)" })
    .forEach(([name, value]) => shape.setAttribute(name, value));
  svg.append(line, shape);
  return svg;
}

function isDark(colour) {
  const parts = colour.match(/^#(..)(..)(..)/)?.slice(1).map((one) => parseInt(one, 16)) ?? colour.match(/\d+/g)?.map(Number) ?? [255, 255, 255];
  return parts[0] + parts[1] + parts[2] < 380;
}
