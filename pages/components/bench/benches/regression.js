// Regression: points, a line or polynomial that learns, and the loss over its two weights.

import { clamp, make } from "../../common.js";
import { OPTIMISERS, stableRate } from "../../trajectory/optimisers.js";
import { TRAINING } from "../../trajectory/trajectory.js";
import { SHARED } from "../form.js";
import { thinned } from "../loss_chart.js";
import { Plot, short } from "../plot.js";
import { REFITS, curve, learnt, refits, scriptOf, sine, truth } from "./regression_model.js";

const MOST_POINTS = 2000;
const LARGEST = 1e6; // of a coordinate
const GRID = 120; // places across at which curves are drawn
const FIELD = 96;
const NEAR = { mouse: 10, pen: 14, touch: 22 };
const TWICE = 350; // milliseconds between two presses that are one
const CURVE = { id: "curve", title: "A sine with noise", x: "x", y: "y" };

export class Regression {
  static defaults = {
    ...TRAINING, rate: 0.001, source: "text15", points: [], degree: 1, scaled: false, test: 0,
    count: 12, noise: 0.25, refits: false, start: null, initialisation: "zeros", seed: 0,
    stop_steps: 1000, stop_loss: 0, stop_patience: 0,
  };

  static kept = ["source", "points"];

  static controls = [
    { name: "degree", label: "Degree", kind: "number", low: 1, high: 12, step: 1, whole: true,
      also: (degree, { degree: before }) => (degree > 1 && before === 1 ? { scaled: true, start: null } : {}) },
    SHARED.rate,
    SHARED.optimiser,
    { name: "scaled", label: "Scale the features", kind: "check", group: "Points and features",
      help: "Each power of x gets mean 0 and standard deviation 1 on the training points." },
    { name: "test", label: "Share of test points", kind: "number", low: 0, high: 0.5, step: 0.05,
      group: "Points and features", help: "They are not learnt from: hollow in the picture." },
    { name: "refits", label: "Bias and variance", kind: "check", group: "Points and features",
      help: `Fits the closed form to ${REFITS} other samples.` },
    { name: "count", label: "Points", kind: "number", low: 2, high: 200, step: 1, whole: true,
      group: "Points and features", when: ({ source }) => source === "curve" },
    { name: "noise", label: "Noise σ", kind: "number", low: 0, high: 1, step: 0.05,
      group: "Points and features", when: ({ source }) => source === "curve" },
    SHARED.l2, { ...SHARED.l1, group: "Regularisation" },
    SHARED.momentum, SHARED.batch, SHARED.clip, SHARED.seed,
    { ...SHARED.initialisation, group: "Training",
      options: SHARED.initialisation.options.filter(([name]) => ["zeros", "normal", "uniform"].includes(name)) },
    SHARED.stop_steps, SHARED.stop_loss, SHARED.stop_patience,
  ];

  static presets = [
    { name: "The text's line", settings: { source: "text15" },
      reason: "SGD with a rate of 0.001, 1,000 steps. The slope is found at once, the intercept hardly: the loss is 336 times as curved in one direction as in the other." },
    { name: "Features scaled", settings: { source: "text15", scaled: true, rate: 0.1 },
      reason: "With mean 0 and standard deviation 1 the loss is a round bowl, and a hundred times the rate is stable." },
    { name: "Rate just too large", settings: { source: "text15", rate: 0.024, stop_steps: 20000 },
      reason: "Above 2/λ each step overshoots the valley by more than the last one." },
    { name: "Momentum in a valley", settings: { source: "text15", optimiser: "momentum", rate: 0.005 },
      reason: "Along the valley the steps add up, across it they cancel." },
    { name: "Overfitting", settings: { source: "curve", degree: 9, scaled: true, rate: 0.003, optimiser: "adam", test: 0.25, stop_steps: 20000, refits: true, count: 16 },
      reason: "Nine powers and twelve points to learn from: the closed form goes through the noise. Stopped early, descent is smoother than it." },
    { name: "Ridge", settings: { source: "curve", degree: 9, scaled: true, rate: 0.02, optimiser: "adam", test: 0.25, stop_steps: 5000, refits: true, count: 16, l2: 0.01 },
      reason: "A penalty on the weights: here the variance falls to a sixth, and the bias hardly changes." },
  ];

  constructor(frame) {
    this.frame = frame;
    const box = (label, role) => make("canvas", { tabIndex: 0, role, ariaLabel: label });
    this.picture = box("", "application");
    this.surface = box("", "application");
    this.source = make("select", { ariaLabel: "Points" });
    this.what = make("p", { className: "note" });
    this.pair = make("div", { className: "plots" },
      make("figure", {}, this.picture, make("figcaption", { textContent: "Dashed: the closed form. Drag a point, press to add one, twice to remove it." })),
      make("figure", { className: "over" }, this.surface, make("figcaption", { textContent: "Loss over slope and intercept: press to begin there." })),
    );
    frame.stage.append(make("label", { className: "source" }, make("span", { textContent: "Points" }), this.source), this.pair, this.what);
    this.plot = new Plot(this.picture);
    this.over = new Plot(this.surface);
    this.selected = -1;
    this.source.addEventListener("change", () => this.#choose(this.source.value));
    this.#hands();
    this.news(frame.data);
  }

  // ---- points

  get sets() {
    const { sets, own } = this.frame.data;
    return [...sets, CURVE, ...(own ? [{ ...own, id: "own" }] : [])];
  }

  /** What Python says: sets, and points that were brought. */
  news({ own, sets }) {
    const said = own ? JSON.stringify(own) : "";
    const options = this.sets.map(({ id, title }) => make("option", { value: id, textContent: title }));
    options.push(make("option", { value: "edited", textContent: "Edited by hand", hidden: true }));
    this.source.replaceChildren(...options);
    if (said && said !== this.said && sets) this.#choose("own");
    this.said = said;
    this.source.value = this.frame.settings.source;
  }

  #choose(source) {
    const text = source === "text15";
    this.shown = null;
    this.frame.change({
      source, start: null, scaled: !text, rate: text ? 0.001 : 0.1,
      points: source === "own" ? this.sets.find(({ id }) => id === "own").points : [],
    });
  }

  #points(settings) {
    const { source, points } = settings;
    if (source === "curve") return sine(settings);
    return points.length ? points : this.sets.find(({ id }) => id === source).points;
  }

  check(settings) {
    const { points, start, source, degree } = settings;
    const fine = (pair) =>
      Array.isArray(pair) && pair.length === 2 && pair.every((v) => typeof v === "number" && Math.abs(v) <= LARGEST);
    if (!Array.isArray(points) || points.length > MOST_POINTS || !points.every(fine)) {
      throw new Error(`Points are up to ${MOST_POINTS.toLocaleString("en")} pairs of numbers between ±${LARGEST.toLocaleString("en")}.`);
    }
    if (start !== null && !(fine(start) && degree === 1)) throw new Error("A start is a slope and an intercept.");
    const known = points.length ? ["own", "edited"] : this.sets.map(({ id }) => id).filter((id) => id !== "own");
    if (!known.includes(source)) throw new Error("The points of this link are not here.");
    return settings;
  }

  // ---- what is learnt

  problem(settings) {
    this.model = learnt(settings, this.#points(settings));
    this.#fit(settings);
    this.refitted = settings.refits ? refits(this.model, settings) : null;
    this.painted = null;
    return this.model.problem;
  }

  /** The part of the plane that is seen; it stays while a point is dragged. */
  #fit({ source }) {
    const { points } = this.model;
    if (this.shown?.source !== source || !points.every(([x, y]) => this.#inside(x, y))) {
      const range = (k) => {
        const all = points.map((point) => point[k]);
        const [low, high] = [Math.min(...all), Math.max(...all)];
        const room = (high - low) * 0.12 || Math.abs(high) * 0.2 || 1;
        return [low - room, high + room];
      };
      if (!(this.held >= 0)) this.shown = { source, x: range(0), y: range(1) };
    }
    const [low, high] = this.shown.x;
    this.model.places = Float64Array.from({ length: GRID + 1 }, (_, i) => low + ((high - low) * i) / GRID);
    this.model.grid = this.model.features(this.model.places);
  }

  #inside(x, y) {
    const { x: across, y: up } = this.shown;
    return x >= across[0] && x <= across[1] && y >= up[0] && y <= up[1];
  }

  #losses({ weights, bias }) {
    const { columns, ys, tested, columnsTested } = this.model;
    const mean = (made, wanted) => wanted.reduce((sum, y, i) => sum + (made[i] - y) ** 2, 0) / wanted.length;
    const test = tested.length ? mean(curve(columnsTested, weights, bias), tested.map(([, y]) => y)) : NaN;
    return { train: mean(curve(columns, weights, bias), ys), test };
  }

  // ---- the picture

  draw(state, colours) {
    const { points, parts, places, grid, closed } = this.model;
    const { settings } = this.frame;
    this.source.value = settings.source;
    const { x, y } = this.sets.find(({ id }) => id === settings.source) ?? { x: "x", y: "y" };
    this.pair.classList.toggle("two", settings.degree === 1);
    this.what.textContent = this.sets.find(({ id }) => id === settings.source)?.source ?? "";
    this.plot.begin({ ...this.shown, labels: [x, y] });
    const { text } = this.plot.inks;
    const along = (values) => Array.from(places, (place, i) => [place, values[i]]);
    for (const one of this.refitted?.curves ?? []) this.plot.line(along(one), { colour: text, width: 1, alpha: 0.16 });
    if (this.refitted?.known) this.plot.line(along(places.map(truth)), { colour: text, width: 1, dash: [1, 3] });
    this.plot.line(along(curve(grid, closed.weights, closed.bias)), { colour: text, width: 1.5, dash: [6, 5], alpha: 0.8 });
    const ordered = [...state.branches.keys()].sort((i, k) => (i === state.active) - (k === state.active));
    for (const i of ordered) {
      const { weights } = state.branches[i];
      const d = settings.degree;
      this.plot.line(along(curve(grid, weights.subarray(0, d), weights[d])), { colour: colours[i], width: i === state.active ? 3 : 2 });
    }
    for (const i of parts.train) this.plot.dot(points[i], { colour: text, radius: points.length > 150 ? 2 : 4, ring: i === this.selected ? this.plot.inks.accent : null });
    for (const i of parts.test) this.plot.dot(points[i], { colour: text, hollow: true, ring: i === this.selected ? this.plot.inks.accent : null });
    const said = `${points.length} points${this.selected >= 0 ? `; chosen: ${points[this.selected]?.map(short).join(", ")}` : ""}`;
    this.picture.setAttribute("aria-label", `Points and ${settings.degree === 1 ? "line" : "polynomial"}: ${said}. Page up and down choose a point, arrows move it, Delete removes it, Enter adds one.`);
    if (settings.degree === 1) this.#drawSurface(state, colours);
  }

  /** Slopes and intercepts that are seen: around the closed form, with the start. */
  #window() {
    const { closed: { weights: [w], bias }, network } = this.model;
    const [startW, startB] = network.start ?? [0, 0];
    const room = (best, from) => 1.25 * Math.max(Math.abs(best - from), 0.3 * Math.abs(best), 0.05);
    const [across, up] = [room(w, startW), room(bias, startB)];
    return { x: [w - across, w + across], y: [bias - up, bias + up] };
  }

  #drawSurface(state, colours) {
    const { closed, columns: [xs], ys } = this.model;
    this.seen ??= this.#window();
    if (!this.painted) this.seen = this.pressed ? this.seen : this.#window();
    const { l2 } = this.frame.settings;
    this.over.begin({ ...this.seen, labels: ["slope w", "intercept b"] });
    const [a, b] = [closed.weights[0], closed.bias];
    if (this.painted !== this.over.inks.ground) {
      this.painted = this.over.inks.ground;
      const dark = luminance(this.painted) < 0.5;
      const n = ys.length;
      const mean = (of) => ys.reduce((sum, _, i) => sum + of(i), 0) / n;
      const [xx, mx] = [mean((i) => xs[i] ** 2) + l2, mean((i) => xs[i])];
      const above = (w, c) => xx * (w - a) ** 2 + 2 * mx * (w - a) * (c - b) + (c - b) ** 2;
      const corner = Math.max(...this.seen.x.flatMap((w) => this.seen.y.map((c) => above(w, c))));
      this.over.field(FIELD, (w, c) => shade(above(w, c) / corner, dark));
    }
    this.over.drawField();
    const { inks } = this.over;
    const far = [this.seen.x, this.seen.y].map(([low, high]) => 20 * (high - low));
    state.branches.forEach(({ rows, step, weights }, i) => {
      const path = thinned(rows.slice(0, step + 1), 1500).map((row) => [row[2], row[3]]);
      path.push([weights[0], weights[1]]);
      const gone = path.findIndex(([w, c]) => Math.abs(w - a) > far[0] || Math.abs(c - b) > far[1]);
      if (gone >= 0) path.length = gone + 1; // what diverges is drawn until it is far outside
      this.over.line(path, { colour: colours[i], width: 2 });
      this.over.dot(weights, { colour: colours[i], radius: 5, ring: inks.ground });
    });
    this.over.dot([a, b], { colour: inks.text, radius: 3 });
    const { weights } = state.branches[state.active];
    this.surface.setAttribute("aria-label", `Loss over slope and intercept; the branch is at ${short(weights[0])}, ${short(weights[1])}, the lowest place at ${short(a)}, ${short(b)}. Arrows move the start.`);
  }

  // ---- hands and keys

  #hands() {
    const { picture, surface } = this;
    const nearest = (event) => {
      const { left, top } = picture.getBoundingClientRect();
      const reach = NEAR[event.pointerType] ?? NEAR.touch;
      const away = this.model.points.map(([x, y]) => Math.hypot(this.plot.px(x) - event.clientX + left, this.plot.py(y) - event.clientY + top));
      const least = Math.min(...away);
      return least <= reach ? away.indexOf(least) : -1;
    };
    let [last, when, from] = [-1, 0, null];
    picture.addEventListener("touchstart", (event) => {
      if (event.touches.length === 1 && nearest(event.touches[0]) >= 0) event.preventDefault();
    }, { passive: false });
    picture.addEventListener("pointerdown", (event) => {
      const found = nearest(event);
      from = event.button ? null : { found, x: event.clientX, y: event.clientY, moved: false };
      if (found < 0 || event.button) return;
      this.held = this.selected = found;
      picture.setPointerCapture(event.pointerId);
      this.frame.redraw();
    });
    picture.addEventListener("pointermove", (event) => {
      if (!from) {
        picture.style.cursor = nearest(event) >= 0 ? "grab" : "crosshair";
        return;
      }
      from.moved ||= Math.hypot(event.clientX - from.x, event.clientY - from.y) > 4;
      if (this.held >= 0 && from.moved) this.#move(this.held, this.plot.at(event));
    });
    picture.addEventListener("pointerup", (event) => {
      if (!from) return;
      const { found, moved } = from;
      [from, this.held] = [null, -1];
      if (moved) return;
      const twice = found >= 0 && found === last && event.timeStamp - when < TWICE;
      [last, when] = [twice ? -1 : found, event.timeStamp];
      if (twice) this.#remove(found);
      else if (found < 0) {
        const place = this.plot.at(event);
        if (this.#inside(...place)) this.#add(place);
        [last, when] = [this.model.points.length - 1, event.timeStamp];
      }
    });
    picture.addEventListener("pointercancel", () => { [from, this.held] = [null, -1]; });
    picture.addEventListener("keydown", (event) => this.#key(event));
    const begin = (event) => {
      const place = this.over.at(event).map((value) => Number(value.toPrecision(4)));
      if (place.every(Number.isFinite)) this.frame.change({ start: place });
    };
    surface.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.pressed = true;
      surface.setPointerCapture(event.pointerId);
      begin(event);
    });
    surface.addEventListener("pointermove", (event) => this.pressed && begin(event));
    for (const end of ["pointerup", "pointercancel"]) surface.addEventListener(end, () => { this.pressed = false; });
    surface.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const { x, y } = this.seen;
      const [w, b] = this.frame.settings.start ?? [0, 0];
      const next = [w + (step[0] * (x[1] - x[0])) / 40, b + (step[1] * (y[1] - y[0])) / 40];
      this.frame.change({ start: next.map((value) => Number(value.toPrecision(4))) });
    });
  }

  #key(event) {
    const { key, shiftKey } = event;
    const n = this.model.points.length;
    const { x, y } = this.shown;
    const [across, up] = [x, y].map(([low, high]) => ((high - low) / 100) * (shiftKey ? 5 : 1));
    const moves = { ArrowLeft: [-across, 0], ArrowRight: [across, 0], ArrowUp: [0, up], ArrowDown: [0, -up] };
    if (key === "PageDown" || key === "PageUp") {
      this.selected = (this.selected + (key === "PageDown" ? 1 : -1) + n) % n;
      this.frame.redraw();
      this.frame.say(`Point ${this.selected + 1} of ${n}: ${this.model.points[this.selected].map(short).join(", ")}.`);
    } else if (moves[key] && this.selected >= 0) {
      const [px, py] = this.model.points[this.selected];
      this.#move(this.selected, [px + moves[key][0], py + moves[key][1]]);
    } else if ((key === "Delete" || key === "Backspace") && this.selected >= 0) this.#remove(this.selected);
    else if (key === "Enter") this.#add([(x[0] + x[1]) / 2, (y[0] + y[1]) / 2]);
    else return;
    event.preventDefault();
  }

  #edit(points) {
    const rounded = points.map((pair) => pair.map((value) => Number(clamp(value, -LARGEST, LARGEST).toPrecision(5))));
    if (this.shown) this.shown.source = "edited";
    this.frame.change({ source: "edited", points: rounded });
  }

  #move(place, [x, y]) {
    const { x: across, y: up } = this.shown;
    const moved = [clamp(x, ...across), clamp(y, ...up)];
    this.#edit(this.model.points.map((point, i) => (i === place ? moved : point)));
  }

  #add(point) {
    const { points } = this.model;
    if (points.length >= MOST_POINTS) {
      this.frame.say(`There are ${MOST_POINTS.toLocaleString("en")} points at most.`);
      return;
    }
    this.selected = points.length;
    this.#edit([...points, point]);
  }

  #remove(place) {
    const { points } = this.model;
    if (points.length < 2) {
      this.frame.say("One point has to stay.");
      return;
    }
    this.selected = -1;
    this.#edit(points.filter((_, i) => i !== place));
    this.frame.say(`Removed; ${points.length - 1} points are left.`);
  }

  // ---- numbers and words

  numbers({ branches, active }) {
    const { closed } = this.model;
    const { train, test, weights, norm } = branches[active];
    const { degree } = this.frame.settings;
    const best = this.#losses(closed);
    const rows = [["", "Now", "Closed form"], ["Train loss", digits(train), digits(best.train)]];
    if (!Number.isNaN(best.test)) rows.push(["Test loss", digits(test), digits(best.test)]);
    if (degree === 1) {
      rows.push(["Slope w", digits(weights[0]), digits(closed.weights[0])]);
      rows.push(["Intercept b", digits(weights[1]), digits(closed.bias)]);
    }
    rows.push(["Gradient norm", digits(norm), "0"]);
    if (this.refitted) {
      const { known, bias, variance } = this.refitted;
      rows.push(["Bias²", "", known ? digits(bias) : "not known"], ["Variance", "", digits(variance)]);
    }
    return rows;
  }

  #limit() {
    const { settings } = this.frame;
    const [curvature] = this.model.closed.eigenvalues;
    return { curvature, stable: stableRate(curvature, settings), settings };
  }

  verdict() {
    const { curvature, stable, settings } = this.#limit();
    const { eigenvalues } = this.model.closed;
    const last = eigenvalues.at(-1);
    const condition = last > eigenvalues[0] * 1e-14 ? digits(eigenvalues[0] / last, 3) : "beyond 10¹⁴";
    const parts = [`Largest curvature λ = ${digits(curvature)}, condition number ${condition}.`];
    const { title } = OPTIMISERS[settings.optimiser];
    const bound = stable && `${stable.formula} = ${digits(stable.limit, 3)}`;
    if (!stable) parts.push("No such bound on the rate is known for this optimiser.");
    else if (settings.rate > stable.limit) parts.push(`The rate ${short(settings.rate)} is above ${bound}: ${title} cannot come to rest, and without clipping it diverges.`);
    else parts.push(`With all points in each step, ${title} is stable at rates below ${bound}.`);
    if (this.refitted && !this.refitted.known) parts.push(`The variance is that of ${REFITS} samples drawn from the training points with replacement; the bias cannot be known without the truth.`);
    if (this.refitted?.known) parts.push(`Bias and variance are means over the range of x, of ${REFITS} fits to new noise at the same places; dotted: the truth.`);
    return parts.join(" ");
  }

  divergence() {
    const { curvature, stable, settings } = this.#limit();
    if (!stable || !(settings.rate > stable.limit)) return "The learning rate is too large for this loss.";
    return `The learning rate ${short(settings.rate)} is above the largest stable one, ${digits(stable.limit, 3)}, for the curvature λ = ${digits(curvature)}.`;
  }

  script(settings, segments, step) {
    return scriptOf(this.model, settings, segments, step);
  }

  /** Both pictures side by side. */
  canvas() {
    const parts = this.frame.settings.degree === 1 ? [this.picture, this.surface] : [this.picture];
    const canvas = make("canvas", { width: parts.reduce((sum, one) => sum + one.width, 0), height: Math.max(...parts.map((one) => one.height)) });
    let left = 0;
    for (const part of parts) {
      canvas.getContext("2d").drawImage(part, left, 0);
      left += part.width;
    }
    return canvas;
  }
}

function digits(value, count = 4) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(count - 2);
  return Number(value.toPrecision(count)).toLocaleString("en", { maximumSignificantDigits: count });
}

function luminance(colour) {
  const parts = colour.match(/^#(..)(..)(..)/)?.slice(1).map((one) => parseInt(one, 16)) ?? colour.match(/\d+/g)?.map(Number) ?? [255, 255, 255];
  return (parts[0] + parts[1] + parts[2]) / 765;
}

/** Bands of a share of the height, dark at the bottom of the valley in light pages. */
function shade(share, dark) {
  const band = Math.floor(Math.min(Math.sqrt(Math.max(share, 0)), 1) * 14) / 14;
  const [low, high] = dark ? [[66, 92, 140], [22, 26, 36]] : [[150, 186, 226], [246, 248, 251]];
  return low.map((value, c) => value + band * (high[c] - value));
}
