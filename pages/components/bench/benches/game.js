// The game in the plane: on the left what the discriminator takes each place for, and where it sends the
// fakes; on the right how the generator bends its noise.

import { make } from "../../common.js";
import { EVALUATION, looksAhead } from "../../trajectory/game.js";
import { Brush, POINTS } from "../brush.js";
import { sideBySide } from "../downloads.js";
import { COLOURS, SHARED } from "../form.js";
import { LossChart } from "../loss_chart.js";
import { arrows, cross, dots } from "../marks.js";
import { Plane, SIDE, lattice } from "../plane.js";
import { EXTENT } from "../plane_sets.js";
import { inks } from "../plot.js";
import {
  DEFAULTS, PRESETS, Shown, answer, check, gameTitle, lossLines, modeLines, neutral, numbersText, problemOf,
  scoreLines, verdictText,
} from "./game_model.js";
import { script } from "./game_script.js";

const [REAL, FAKE] = [[0, 163, 122], [140, 98, 216]]; // green and purple
const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
const WASH = 110; // alpha where D is surest
const LEAST_SURE = 0.02; // which is not made more of
const PULLED = 80; // fakes with an arrow
const [LINES, DOTS, REACH] = [13, 61, 2.2]; // of the grid of noise, each way, and how far it goes
const AXES = ["x₁", "x₂"].map((name) => ({ name, mean: 0, spread: 1 }));
const STILL = "Arrows: where the discriminator sends fakes, against the slope of the generator’s loss; the longest are drawn alike. Point at a plane for its score; by keys: arrows move a cross, 1 paints, 0 erases, Escape looks, Enter puts.";

const list = (name, label) => ({ name, label, kind: "list", low: 1, high: 48, most: 4, group: "Players" });

export class GameBench {
  static defaults = DEFAULTS;

  static controls = [
    POINTS,
    SHARED.game,
    { ...SHARED.rate, label: "Rate of the generator" },
    SHARED.rate_d,
    SHARED.weight_clip,
    SHARED.penalty,
    SHARED.frozen,
    { ...SHARED.turns, group: "Turns" },
    { ...SHARED.ahead, group: "Turns", help: "The generator’s gradient goes through so many steps of the discriminator." },
    { ...SHARED.rate_ahead, group: "Turns" },
    { name: "latent", label: "Numbers of noise", kind: "number", low: 1, high: 8, step: 1, whole: true, group: "Players" },
    list("hidden_g", "Generator’s hidden units"),
    list("hidden_d", "Discriminator’s hidden units"),
    {
      name: "activation", label: "Activation", kind: "choice", group: "Players",
      options: [["tanh", "tanh"], ["relu", "ReLU"], ["leaky_relu", "leaky ReLU"], ["sigmoid", "sigmoid"]],
    },
    { ...SHARED.optimiser, group: "Training", help: "Of both." }, SHARED.momentum, SHARED.alpha, SHARED.beta1, SHARED.beta2,
    { ...SHARED.batch, low: 8, high: 512, to: 256, step: 8, help: "Real points, and as many fakes." },
    { ...SHARED.seed, help: "Of first weights, noise and real points." },
    SHARED.stop_steps,
    {
      name: "width", label: "Width of a bump", kind: "number", low: 0, high: 0.5, step: 0.01, group: "Picture",
      help: "σ of the normal distributions around the set’s centres.",
    },
    { name: "count", label: "Fakes drawn", kind: "number", low: 20, high: EVALUATION, step: 20, whole: true, group: "Picture" },
  ];

  static presets = PRESETS;

  static shown = ["count"];

  static onwards = true;

  static watched = ["generator_loss", "score_real", "score_fake"];

  static measured = ["modes_found", "share_near_a_mode"];

  static speed = 600;

  static keys = "";

  static chip({ game, rate, rate_d: other, frozen, ahead }) {
    const more = [frozen === "none" ? "" : `${frozen} frozen`, looksAhead({ game, ahead }) ? `${ahead} unrolled` : ""];
    return [gameTitle(game), `G ${rate}`, `D ${other}`, ...more.filter(Boolean)].join(", ");
  }

  constructor(frame) {
    this.frame = frame;
    const canvas = (label) => {
      const made = make("canvas", { tabIndex: 0, ariaLabel: label });
      made.setAttribute("role", "application");
      return made;
    };
    this.left = canvas("The plane as the discriminator sees it: arrows move the cross, Enter paints or erases");
    this.right = canvas("The plane with the generator’s noise bent into it: arrows move the cross, Enter paints or erases");
    const figure = (drawn, ...text) => make("figure", {}, drawn, make("figcaption", {}, ...text));
    const key = (kind, text) => make("span", { className: `key ${kind}`, textContent: text });
    this.bent = make("span", {});
    this.pictures = make("div", { className: "flows game" },
      figure(this.left, key("real", "real"), key("fake", "fakes"), "Colour: what the discriminator takes a place for, the stronger the surer beside other places. On the line it has no opinion."),
      figure(this.right, this.bent));
    this.brush = new Brush(frame, [this.left, this.right]);
    this.reading = make("p", { className: "reading", ariaLive: "polite" });
    frame.stage.append(this.brush.tools, this.pictures, this.reading);
    this.planes = [this.left, this.right].map((one) => new Plane(one, {}));
    this.places = lattice();
    this.surface = new Float64Array(SIDE * SIDE);
    this.turn = 0;
    this.#charts();
  }

  /** Scores and modes stand beside the losses. */
  #charts() {
    const chart = () => {
      const drawn = make("canvas", { className: "chart", role: "img" });
      drawn.setAttribute("role", "img");
      const legend = make("p", { className: "legend" });
      this.frame.find(".side").append(make("div", { className: "losses" }, drawn, legend));
      return new LossChart(drawn, legend);
    };
    [this.scores, this.modes] = [chart(), chart()];
  }

  check(settings) {
    return check(settings);
  }

  problem(settings) {
    const problem = problemOf(settings);
    const print = JSON.stringify([problem.network, ...Object.values(problem.mixture).map((one) => [...one])]);
    if (print !== this.print) {
      this.print = print;
      this.shown = new Shown(problem);
      this.#grid(settings.latent);
    }
    return problem;
  }

  /** A grid of noise: lines of its first two numbers, the others being 0. */
  #grid(latent) {
    const both = latent > 1;
    const lines = both ? 2 * LINES : 1;
    const n = lines * DOTS;
    this.grid = { lines, n, noise: new Float64Array(latent * n) };
    for (let line = 0; line < lines; line++) {
      for (let dot = 0; dot < DOTS; dot++) {
        const at = line * DOTS + dot;
        const along = REACH * ((2 * dot) / (DOTS - 1) - 1);
        const across = REACH * ((2 * (line % LINES)) / (LINES - 1) - 1);
        const turned = line >= LINES;
        this.grid.noise[at] = turned ? across : along;
        if (both) this.grid.noise[n + at] = turned ? along : across;
      }
    }
    const what = both ? "a square grid of noise" : "a line of noise";
    const rest = latent > 2 ? " (its other numbers are 0)" : "";
    this.bent.textContent = `How the generator bends ${what}${rest}, ±${REACH} wide, and real points.`;
  }

  // ---- what is seen

  draw(state) {
    const { shown } = this;
    const branch = state.branches[state.active];
    const { weights } = branch;
    if (weights.length !== shown.problem.size) return; // those of other settings
    this.state = state;
    const { game } = branch.segments.filter(({ from }) => from <= branch.step).at(-1).training;
    const row = branch.rows[branch.step];
    this.seen = { ...this.seen, game, row, weights, middle: neutral(game, row) };
    // All at once takes longer than a frame: while it plays, the planes take turns, and the charts.
    this.turn = (this.turn + 1) % 4;
    const at = (...turns) => !this.frame.player.playing || turns.includes(this.turn);
    if (at(0, 2)) this.#discriminator();
    if (at(1, 3)) this.#generator();
    if (at(1)) this.scores.draw(state, scoreLines(state, COLOURS));
    if (at(3)) this.modes.draw(state, modeLines(state, COLOURS, shown));
    this.#read();
  }

  /** A plane, empty or with a surface; then what `draw` puts onto it. */
  #plane(plane, paint, z, draw) {
    const { canvas, context } = plane;
    const { text, ground } = inks(canvas);
    plane.draw({ paint, z, outputs: 1, parts: [], axes: AXES, cursor: null, ink: text, paper: ground });
    const side = canvas.clientWidth;
    if (!side) return;
    const ratio = canvas.width / side;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const half = side / 2;
    const to = { px: (x) => half + (x / EXTENT) * half, py: (y) => half - (y / EXTENT) * half };
    draw(context, { ...to, side, text, size: side > 260 ? 2.3 : 1.7 });
    if (this.brush.place) cross(context, to.px(this.brush.place[0]), to.py(this.brush.place[1]), text);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  #discriminator() {
    const { game, weights, middle } = this.seen;
    const { problem } = this.shown;
    const n = EVALUATION;
    const { count } = this.frame.settings;
    const scores = problem.scores(weights, this.places, SIDE * SIDE);
    for (let i = 0; i < SIDE * SIDE; i++) this.surface[i] = scores[i] - middle;
    const fakes = problem.generate(weights, problem.evaluated, n).slice();
    const pulls = problem.pulls(weights, fakes, n, game);
    this.seen.pull = meanLength(pulls, n);
    this.#plane(this.planes[0], (pixels) => wash(this.surface, game, pixels), this.surface, (context, { side, text, ...at }) => {
      this.#dots(context, this.shown.real, count, { ...at, colour: css(REAL), alpha: 0.75 });
      this.#dots(context, fakes, count, { ...at, colour: css(FAKE), alpha: 0.95 });
      const every = Math.ceil(n / PULLED);
      const some = (of) => Float64Array.from({ length: 2 * PULLED }, (_, i) =>
        of[(i < PULLED ? 0 : n) + Math.min((i % PULLED) * every, n - 1)]);
      const [places, field] = [some(fakes), some(pulls)];
      arrows(context, places, field, {
        ...at, n: PULLED, scale: 1 / longest(field, PULLED), most: side / 11, colour: text, alpha: 0.7, middle: false,
      });
    });
  }

  #generator() {
    const { count } = this.frame.settings;
    const bent = this.shown.problem.generate(this.seen.weights, this.grid.noise, this.grid.n);
    const clear = (pixels) => pixels.fill(0);
    const { lines, n } = this.grid;
    this.#plane(this.planes[1], clear, EMPTY, (context, at) => {
      this.#dots(context, this.shown.real, count, { ...at, colour: css(REAL), alpha: 0.6 });
      context.strokeStyle = css(FAKE);
      context.lineWidth = lines === 1 ? 2 : 1;
      context.globalAlpha = 0.75;
      context.beginPath();
      for (let i = 0; i < n; i++) {
        const [x, y] = [at.px(bent[i]), at.py(bent[n + i])];
        if (i % DOTS) context.lineTo(x, y);
        else context.moveTo(x, y);
      }
      context.stroke();
      context.globalAlpha = 1;
    });
  }

  /** The first of some points. */
  #dots(context, points, count, how) {
    const n = EVALUATION;
    const first = new Float64Array(2 * count);
    first.set(points.subarray(0, count));
    first.set(points.subarray(n, n + count), count);
    dots(context, first, count, how);
  }

  #read() {
    const { game, weights } = this.seen;
    let said = STILL;
    if (this.brush.place) {
      const { problem } = this.shown;
      const [x, y] = this.brush.place.map((v) => v.toFixed(2));
      const [score] = problem.scores(weights, Float64Array.from(this.brush.place), 1);
      const opinion = game === "gan" ? `, D = ${answer(game, score).toFixed(2)}` : "";
      said = `At (${x}, ${y}): score ${score.toFixed(2)}${opinion}. No opinion: ${this.seen.middle.toFixed(2)}.`.replaceAll("-", "−");
    }
    if (this.reading.textContent !== said) this.reading.textContent = said;
  }

  numbers(state) {
    const { train, test } = state.branches[state.active];
    const { row, pull } = this.seen ?? {};
    return numbersText({ row, pull, shown: this.shown, found: train, near: test });
  }

  verdict(state) {
    const { train, test } = state.branches[state.active];
    return verdictText({ shown: this.shown, found: train, near: test });
  }

  lines(state) {
    return lossLines(state, COLOURS);
  }

  diverged({ branches, active }) {
    const { diverged, segments } = branches[active];
    const { rate, rate_d: other } = segments.at(-1).training;
    const last = Math.max(diverged - 1, 0).toLocaleString("en");
    return `It diverged: after step ${last} scores or fakes are beyond a million, or no numbers. The rates ${rate} and ${other} are too large together here: take smaller ones. Step ${last} is kept.`;
  }

  divergence() {
    return "";
  }

  script(settings, segments, step) {
    return script(settings, segments, step);
  }

  /** Both planes side by side. */
  canvas() {
    return sideBySide(this.left, this.right, 16);
  }
}

const EMPTY = new Float64Array(SIDE * SIDE);

/** What D takes each place for: green for real, purple for fake, the more the surer beside other places. */
function wash(surface, game, pixels) {
  const sure = game === "gan" ? (v) => Math.tanh(v / 2) : (v) => v; // 2 D − 1
  let most = LEAST_SURE;
  for (const v of surface) most = Math.max(most, Math.abs(sure(v)));
  for (let p = 0; p < surface.length; p++) {
    const v = sure(surface[p]) / most;
    const [r, g, b] = v > 0 ? REAL : FAKE;
    pixels[4 * p] = r;
    pixels[4 * p + 1] = g;
    pixels[4 * p + 2] = b;
    pixels[4 * p + 3] = WASH * Math.abs(v);
  }
}

function meanLength(field, n) {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += Math.hypot(field[i], field[n + i]);
  return sum / n;
}

/** A length that a tenth of the arrows reach. */
function longest(field, n) {
  const lengths = Float64Array.from({ length: n }, (_, i) => Math.hypot(field[i], field[n + i])).sort();
  return lengths[Math.floor(0.9 * n)] || 1;
}
