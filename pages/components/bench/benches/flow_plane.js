// Noise and points in the plane: on the left the field that is known exactly, on the right that of a
// small network which learns it.

import { make } from "../../common.js";
import { PROCESSES, arrows, noised } from "../../trajectory/flow.js";
import { Brush, POINTS } from "../brush.js";
import { sideBySide } from "../downloads.js";
import { arrows as drawArrows, cross, dots } from "../marks.js";
import { EXTENT } from "../plane_sets.js";
import { inks } from "../plot.js";
import { EXACT, FlowBench, controls } from "./flow_bench.js";
import { PLANE, PLANE_PRESETS } from "./flow_model.js";

const LATTICE = 15; // arrows in a row
const VERTICES = 20; // of a trail, at most
const TRAILS = 150; // at most
const WALK = 60; // steps of the way into noise, where it is random

const places = new Float64Array(2 * LATTICE * LATTICE);
for (let i = 0; i < LATTICE * LATTICE; i++) {
  places[i] = ((2 * (i % LATTICE) + 1) / LATTICE - 1) * EXTENT;
  places[LATTICE * LATTICE + i] = ((2 * Math.floor(i / LATTICE) + 1) / LATTICE - 1) * EXTENT;
}

const STILL = "Arrows: where places go on the way back (against the velocity), or up the slope of log p (the score). Point at a plane for its numbers there; by keys: arrows move a cross, 1 paints, 0 erases, Escape looks, Enter puts.";

export class FlowPlane extends FlowBench {
  static defaults = PLANE;

  static controls = controls(
    [POINTS],
    [{
      name: "width", label: "Width of a bump", kind: "number", low: 0, high: 0.5, step: 0.01, group: "Picture",
      help: "Points are drawn from normal distributions around the set’s centres; with a width of 0 there are no other points than these.",
    }],
  );

  static presets = PLANE_PRESETS;

  constructor(frame) {
    super(frame);
    const canvas = (label) => {
      const made = make("canvas", { tabIndex: 0, ariaLabel: label });
      made.setAttribute("role", "application");
      return made;
    };
    this.left = canvas("The plane with the exact field: arrows move the cross, Enter paints or erases");
    this.right = canvas("The plane with the network’s field: arrows move the cross, Enter paints or erases");
    const figure = (drawn, text) => make("figure", {}, drawn, make("figcaption", { textContent: text }));
    this.pictures.append(
      figure(this.left, "Exact field. Grey: real points."), figure(this.right, "The network’s field, as it learns; where hardly any points pass, it has seen none."),
    );
    this.brush = new Brush(frame, [this.left, this.right]);
    this.pictures.before(this.brush.tools);
  }

  // ---- what is seen

  paint({ set, settings, t, exact, learnt, field, colour }) {
    // Both planes take longer than a frame: while it plays they take turns.
    this.turn = 1 - (this.turn ?? 0);
    const due = (plane) => !this.frame.player.playing || this.turn === plane;
    const sides = this.#exactArrows(set, settings.arrows, t);
    const forth = settings.way === "forth" ? this.#forth(set, settings, t) : null;
    const shared = { set, t, forth, scale: (settings.arrows === "score" ? 1 : -1) / sides.most }; // back is against the velocity
    if (due(0)) this.#draw(this.left, { ...shared, paths: exact, colour: EXACT, arrows: sides.arrows });
    if (due(1)) {
      const seen = arrows(field, settings.arrows, t, places, LATTICE * LATTICE);
      this.#draw(this.right, { ...shared, paths: learnt, colour, arrows: seen });
    }
    this.#read(set, settings, t, field);
  }

  /** Those of the exact field, which does not learn, and a length that nine in ten are below. */
  #exactArrows(set, kind, t) {
    const kept = this.kept;
    if (kept?.set === set && kept.kind === kind && kept.t === t) return kept;
    const n = LATTICE * LATTICE;
    const found = arrows(set.exact, kind, t, places, n);
    const lengths = Float64Array.from({ length: n }, (_, i) => Math.hypot(found[i], found[n + i])).sort();
    this.kept = { set, kind, t, arrows: found, most: lengths[Math.floor(0.9 * n)] || 1 };
    return this.kept;
  }

  /** Points on their way into noise: on lines of their own, or as each step adds noise. */
  #forth(set, { process, back, seed }, t) {
    if (back === "anew") {
      if (this.walked?.set !== set || this.walked.process !== process) {
        this.walked = { set, process, places: noised(set.real, process, { steps: WALK, n: set.n, d: 2, seed }) };
      }
      const all = this.walked.places;
      return all.slice(0, Math.round(t * WALK) + 1);
    }
    const [alpha, sigma] = PROCESSES[process](t);
    const straight = (a, s) => set.real.map((x, i) => a * x + s * set.start[i]);
    const between = process === "straight" ? [] : Array.from({ length: 8 }, (_, k) => PROCESSES[process](((k + 1) / 9) * t));
    return [set.real, ...between.map(([a, s]) => straight(a, s)), straight(alpha, sigma)];
  }

  #draw(canvas, { set, t, paths, forth, colour, arrows: field, scale }) {
    const context = canvas.getContext("2d");
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const side = canvas.clientWidth;
    if (!side) return;
    const pixels = Math.round(side * ratio);
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    const { text, ground } = inks(canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = ground;
    context.fillRect(0, 0, side, side);
    const half = side / 2;
    const [px, py] = [(x) => half + (x / EXTENT) * half, (y) => half - (y / EXTENT) * half];
    const size = side > 260 ? 2.3 : 1.6;
    drawArrows(context, places, field, {
      n: LATTICE * LATTICE, scale, px, py, most: (0.85 * side) / LATTICE, colour: text,
    });
    const { n } = set;
    if (!forth) dots(context, set.real, n, { px, py, colour: text, alpha: 0.3, size: size * 0.8 });
    const trail = forth ?? (paths ? this.#trail(paths, t) : null);
    if (!trail) return;
    this.#trails(context, trail, n, { px, py, colour });
    dots(context, trail.at(-1), n, { px, py, colour, alpha: 0.95, size });
    if (this.brush.place) cross(context, px(this.brush.place[0]), py(this.brush.place[1]), text);
  }

  /** Where the points were from noise to a time, at few of the steps, and where they are. */
  #trail(paths, t) {
    const reached = (1 - t) * paths.steps;
    const every = Math.max(1, Math.ceil(paths.steps / VERTICES));
    const found = [];
    for (let step = 0; step < reached - 1e-9; step += every) found.push(paths.places[step]);
    return [...found, paths.at(t)];
  }

  #trails(context, trail, n, { px, py, colour }) {
    context.strokeStyle = colour;
    context.globalAlpha = 0.3;
    context.lineWidth = 1;
    context.beginPath();
    for (let p = 0; p < n; p += Math.ceil(n / TRAILS)) {
      trail.forEach((at, k) => {
        if (k) context.lineTo(px(at[p]), py(at[n + p]));
        else context.moveTo(px(at[p]), py(at[n + p]));
      });
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  #read(set, { arrows: kind }, t, field) {
    if (!this.brush.place) {
      if (this.reading.textContent !== STILL) this.reading.textContent = STILL;
      return;
    }
    const at = Float64Array.from(this.brush.place);
    const said = (one) => [...arrows(one, kind, t, at, 1)].map((v) => v.toFixed(2)).join(", ");
    const [x, y] = this.brush.place.map((v) => v.toFixed(2));
    this.reading.textContent =
      `At (${x}, ${y}), t = ${t.toFixed(2)}: ${kind} exactly (${said(set.exact)}), by the network (${said(field)}).`.replaceAll("-", "−");
  }

  /** Both planes side by side. */
  canvas() {
    return sideBySide(this.left, this.right, 16);
  }
}
