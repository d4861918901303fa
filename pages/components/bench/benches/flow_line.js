// Noise and points on a line: the density at every time as a picture, ways through it, and the slope of
// its logarithm at one time, exactly and as a small network says it.

import { clamp, make } from "../../common.js";
import { LEAST_TIME, PROCESSES, arrows, noised } from "../../trajectory/flow.js";
import { EXTENT, rounded } from "../plane_sets.js";
import { Plot, inks } from "../plot.js";
import { EXACT, FlowBench, controls } from "./flow_bench.js";
import { LEAST_WIDTH, LINE, LINE_PRESETS, MOST_BUMPS, MOST_WIDTH } from "./flow_model.js";

const CELLS = 96; // of the density's picture, both ways
const FULL = 0.8; // a density that is drawn in full colour
const PROFILE = 0.24; // share of the width for the bumps
const MOST_WAYS = 48;
const WALK = 60; // steps of the way into noise
const KNOB = 7;
const NEAR = 18; // pixels
const WIDER = 0.006; // by a pixel
const CURVE = 121; // places of a curve
const places = Float64Array.from({ length: CURVE }, (_, i) => ((2 * i) / (CURVE - 1) - 1) * EXTENT);
const STILL =
  "Drag a bump: up and down moves it, left and right makes it narrower or wider. Drag in the picture to move the time. Keys: ↑ ↓ move a bump, ← → its width, + − its share, Enter takes the next.";

export class FlowLine extends FlowBench {
  static defaults = LINE;

  static controls = controls([], [{
    name: "by", label: "Ways by", kind: "choice", options: [["exact", "the exact field"], ["network", "the network’s field"]],
  }]);

  static presets = LINE_PRESETS;

  constructor(frame) {
    super(frame);
    this.bump = 0; // the chosen one
    this.view = make("canvas", { tabIndex: 0, ariaLabel: "Density over time, and its bumps" });
    this.view.setAttribute("role", "application");
    this.curve = make("canvas", { className: "lines" });
    this.curve.setAttribute("role", "img");
    this.caption = make("figcaption", {});
    this.pictures.classList.add("line");
    this.pictures.append(
      make("figure", { className: "density" }, this.view, make("figcaption", {
        textContent: "The darker, the denser (by the square root), from noise on the left to points on the right. The line is the time; beside it the density there.",
      })),
      make("figure", {}, this.curve, this.caption),
    );
    this.plot = new Plot(this.curve);
    this.#toolbar();
    this.#hear();
  }

  #toolbar() {
    const button = (text, act) => {
      const made = make("button", { type: "button", textContent: text });
      made.addEventListener("click", act);
      return made;
    };
    this.more = button("Add a bump", () => this.#set([...this.bumps, [0, 0.3, 0.3]]));
    this.less = button("Remove the bump", () => this.#set(this.bumps.filter((_, i) => i !== this.bump)));
    this.pictures.before(make("div", { className: "tools", role: "group", ariaLabel: "Bumps" }, this.more, this.less));
  }

  get bumps() {
    return this.frame.settings.bumps;
  }

  prepared({ bumps }) {
    this.bump = Math.min(this.bump, bumps.length - 1);
    this.more.disabled = bumps.length >= MOST_BUMPS;
    this.less.disabled = bumps.length < 2;
    this.heat = null;
  }

  #set(bumps) {
    this.frame.change({ bumps });
  }

  /** Changes the chosen bump. */
  #change([x, width, share]) {
    const bump = [
      rounded(x), Number(clamp(width, LEAST_WIDTH, MOST_WIDTH).toFixed(3)), Number(clamp(share, 0.02, 1).toFixed(2)),
    ];
    this.#set(this.bumps.map((one, i) => (i === this.bump ? bump : one)));
  }

  #hear() {
    const { view } = this;
    const place = ({ clientX, clientY }) => {
      const box = view.getBoundingClientRect();
      return [clientX - box.left, clientY - box.top];
    };
    view.addEventListener("pointerdown", (event) => {
      const [x, y] = place(event);
      const far = this.knobs?.map(([a, b]) => Math.hypot(a - x, b - y)) ?? [];
      const near = far.indexOf(Math.min(...far));
      view.setPointerCapture(event.pointerId);
      if (far[near] < NEAR) {
        this.bump = near;
        this.held = { x, y, bump: [...this.bumps[near]] };
      } else if (x < this.wide) this.held = "time";
      if (this.held === "time") this.moveTo(clamp(1 - x / this.wide, 0, 1));
      else this.frame.redraw();
    });
    view.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      if (this.held === "time") this.moveTo(clamp(1 - x / this.wide, 0, 1));
      else if (this.held) {
        const { bump } = this.held;
        const up = ((this.held.y - y) / view.clientHeight) * 2 * EXTENT;
        this.#change([bump[0] + up, bump[1] + WIDER * (x - this.held.x), bump[2]]);
      }
    });
    const up = () => {
      if (this.held === "time") this.settle();
      this.held = null;
    };
    view.addEventListener("pointerup", up);
    view.addEventListener("pointercancel", up);
    view.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const by = {
      ArrowUp: [0.05, 0, 0], ArrowDown: [-0.05, 0, 0], ArrowRight: [0, 0.02, 0], ArrowLeft: [0, -0.02, 0],
      "+": [0, 0, 0.05], "-": [0, 0, -0.05],
    }[event.key];
    if (by) this.#change(this.bumps[this.bump].map((v, k) => v + by[k]));
    else if (event.key === "Enter") {
      this.bump = (this.bump + 1) % this.bumps.length;
      this.frame.redraw();
    } else return;
    event.preventDefault();
  }

  // ---- what is seen

  paint(scene) {
    const { set, settings, t, exact, learnt, colour } = scene;
    const own = settings.by === "exact" ? EXACT : colour;
    const paths = settings.by === "exact" ? exact : learnt;
    this.#view(set, settings, t, paths, own);
    this.#curve(scene);
    const [x, width, share] = this.bumps[this.bump];
    this.reading.textContent = `${STILL} Bump ${this.bump + 1} of ${this.bumps.length}: at ${x.toFixed(2)}, width ${width.toFixed(2)}, share ${share.toFixed(2)} (of a sum that is made 1).`.replaceAll("-", "−");
  }

  /** log p at places and a time. */
  #logs(set, t, x = places) {
    const n = x.length;
    const [image, noise, logs] = [0, 1, 2].map(() => new Float64Array(n));
    set.mixture.expected(PROCESSES[set.process](t), x, n, image, noise, logs);
    return logs;
  }

  #heat(set, rgb) {
    const print = `${rgb} ${set.process}`;
    if (this.heat?.set === set && this.heat.print === print) return this.heat.canvas;
    const canvas = make("canvas", { width: CELLS, height: CELLS });
    const image = new ImageData(CELLS, CELLS);
    const rows = Float64Array.from({ length: CELLS }, (_, r) => (1 - (2 * r + 1) / CELLS) * EXTENT);
    for (let column = 0; column < CELLS; column++) {
      const logs = this.#logs(set, 1 - (column + 0.5) / CELLS, rows);
      for (let row = 0; row < CELLS; row++) {
        const at = 4 * (row * CELLS + column);
        rgb.forEach((c, k) => { image.data[at + k] = c; });
        image.data[at + 3] = 215 * Math.sqrt(Math.min(Math.exp(logs[row]) / FULL, 1));
      }
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    this.heat = { set, print, canvas };
    return canvas;
  }

  #view(set, settings, t, paths, colour) {
    const { view } = this;
    const context = view.getContext("2d");
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [view.clientWidth, view.clientHeight];
    if (!width) return;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (view.width !== across || view.height !== down) Object.assign(view, { width: across, height: down });
    const { text, ground } = inks(view);
    const wide = Math.round(width * (1 - PROFILE));
    this.wide = wide;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = ground;
    context.fillRect(0, 0, width, height);
    context.drawImage(this.#heat(set, [123, 95, 201]), 0, 0, wide, height);
    const [px, py] = [(s) => (1 - s) * wide, (x) => (1 - x / EXTENT) * (height / 2)];
    this.#ways(context, set, settings, { t, paths, colour, px, py });
    this.#density(context, this.#logs(set, t), px(t), (0.1 * width) / FULL, { py, colour: text, fill: false });
    context.strokeStyle = text;
    context.globalAlpha = 0.5;
    context.strokeRect(px(t), 0, 0.01, height);
    context.globalAlpha = 1;
    const logs = this.#logs(set, 0);
    const tallest = Math.exp(Math.max(...logs));
    const scale = (PROFILE * width - 2 * KNOB - 6) / tallest;
    this.#density(context, logs, wide + 4, scale, { py, colour: text, fill: true });
    this.#knobs(context, set, { left: wide + 4, scale, py, colour: text, ground });
    context.fillStyle = text;
    context.globalAlpha = 0.75;
    context.font = `11px ${getComputedStyle(view).fontFamily}`;
    context.textBaseline = "bottom";
    context.textAlign = "left";
    context.fillText("noise, t = 1", 6, height - 5);
    context.textAlign = "right";
    context.fillText("points, t = 0", wide - 6, height - 5);
    context.globalAlpha = 1;
  }

  #ways(context, set, { way, process, seed }, { t, paths, colour, px, py }) {
    const ways = way === "forth" ? this.#walk(set, process, seed, t) : this.#back(paths, t);
    if (!ways) return;
    const n = Math.min(set.n, MOST_WAYS);
    context.strokeStyle = colour;
    context.globalAlpha = 0.6;
    context.lineWidth = 1;
    context.beginPath();
    for (let p = 0; p < n; p++) {
      ways.forEach(([s, at], k) => (k ? context.lineTo(px(s), py(at[p])) : context.moveTo(px(s), py(at[p]))));
    }
    context.stroke();
    context.fillStyle = colour;
    context.globalAlpha = 1;
    context.beginPath();
    const [s, at] = ways.at(-1);
    for (let p = 0; p < n; p++) {
      context.moveTo(px(s) + 2.5, py(at[p]));
      context.arc(px(s), py(at[p]), 2.5, 0, 2 * Math.PI);
    }
    context.fill();
  }

  #walk(set, process, seed, t) {
    if (this.walked?.set !== set) {
      this.walked = { set, places: noised(set.real, process, { steps: WALK, n: set.n, d: 1, seed }) };
    }
    return this.walked.places.slice(0, Math.round(t * WALK) + 1).map((at, k) => [k / WALK, at]);
  }

  #back(paths, t) {
    if (!paths) return null;
    const { steps, places: at } = paths;
    const found = [];
    for (let k = 0; k / steps < 1 - t - 1e-9; k++) found.push([1 - k / steps, at[k]]);
    return [...found, [t, paths.at(t)]];
  }

  #density(context, logs, left, scale, { py, colour, fill }) {
    context.beginPath();
    context.moveTo(left, py(places[0]));
    logs.forEach((log, i) => context.lineTo(left + scale * Math.exp(log), py(places[i])));
    context.lineTo(left, py(places.at(-1)));
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 1.5;
    context.globalAlpha = fill ? 0.12 : 0.9;
    if (fill) context.fill();
    context.globalAlpha = 0.9;
    context.stroke();
    context.globalAlpha = 1;
  }

  #knobs(context, set, { left, scale, py, colour, ground }) {
    const at = Float64Array.from(this.bumps, ([x]) => x);
    const logs = this.#logs(set, 0, at);
    this.knobs = this.bumps.map(([x], i) => [left + scale * Math.exp(logs[i]), py(x)]);
    this.knobs.forEach(([x, y], i) => {
      context.beginPath();
      context.arc(x, y, KNOB, 0, 2 * Math.PI);
      context.fillStyle = i === this.bump ? colour : ground;
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.fill();
      context.stroke();
    });
  }

  #curve({ set, settings: { arrows: kind }, t, field, colour }) {
    const [known, said] = [set.exact, field].map((one) => arrows(one, kind, t, places, CURVE));
    const sizes = known.map(Math.abs).sort(); // beyond the bumps it is large, and not of interest
    const most = 1.3 * Math.max(sizes[Math.floor(0.7 * CURVE)], 0.5);
    this.plot.begin({ x: [-EXTENT, EXTENT], y: [-most, most], labels: ["x", kind] });
    const line = (values) => Array.from(values, (v, i) => [places[i], v]);
    this.plot.line([[-EXTENT, 0], [EXTENT, 0]], { colour: this.plot.inks.line, width: 1 });
    this.plot.line(line(known), { colour: EXACT, width: 3 });
    this.plot.line(line(said), { colour, dash: [6, 4] });
    const name = kind === "score" ? "The score, the slope of log p by x," : "The velocity, dx/dt,";
    this.caption.textContent = `${name} at t = ${(kind === "score" ? Math.max(t, LEAST_TIME) : t).toFixed(2)}: exactly as a line, by the network dashed. Where there are hardly any points the network has seen none.`;
    this.curve.ariaLabel = this.caption.textContent;
  }

  /** Both pictures below each other. */
  canvas() {
    const { view, curve } = this;
    const both = make("canvas", { width: Math.max(view.width, curve.width), height: view.height + curve.height });
    const context = both.getContext("2d");
    context.fillStyle = inks(view).ground;
    context.fillRect(0, 0, both.width, both.height);
    context.drawImage(view, 0, 0);
    context.drawImage(curve, 0, view.height);
    return both;
  }
}
