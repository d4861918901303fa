// What both benches of noise and points have: the clock from noise to points, ways drawn in pieces
// between frames while the network learns, the button of a reflow, the numbers.

import { make, reducedMotion } from "../../common.js";
import { COLOURS, SHARED } from "../form.js";
import { ROUNDS, Shown, check, lossLines, numbersText, taskOf, verdictText } from "./flow_model.js";
import { script } from "./flow_script.js";

const PIECE = 6; // milliseconds of a frame for drawing ways
const BETWEEN = 500; // milliseconds between two judgements
const PASS = 3500; // milliseconds from noise to points
const TICK = 0.005;
const AGAIN = "Pair noise with what the network draws of it, and learn again, as a branch of its own";

export const EXACT = COLOURS[2];

/** Controls of both, in their order; `own` come first. */
export const controls = (own, more = []) => [
  ...own,
  {
    name: "process", label: "To noise", kind: "choice",
    options: [["straight", "straight line"], ["preserving", "variance preserving"]],
  },
  {
    name: "back", label: "Back", kind: "choice",
    options: [["ode", "ODE, no new noise"], ["anew", "ancestral, noise anew"]],
  },
  { name: "steps", label: "Steps back", kind: "number", low: 1, high: 100, step: 1, whole: true },
  SHARED.rate,
  ...more,
  { name: "count", label: "Points drawn", kind: "number", low: 20, high: 500, step: 20, whole: true, group: "Picture" },
  { ...SHARED.seed, group: "Picture", help: "Of first weights, batches and the picture’s noise." },
  { name: "hidden", label: "Hidden units, layer by layer", kind: "list", low: 1, high: 48, most: 4, group: "Network" },
  {
    name: "activation", label: "Activation", kind: "choice", group: "Network",
    options: [["tanh", "tanh"], ["relu", "ReLU"], ["sigmoid", "sigmoid"], ["linear", "none (linear)"]],
  },
  { ...SHARED.optimiser, group: "Training" }, SHARED.momentum, SHARED.alpha, SHARED.beta1, SHARED.beta2,
  { ...SHARED.batch, low: 8, high: 1024, to: 512, help: "Noisy points, drawn anew for each." },
  SHARED.clip, SHARED.stop_steps,
];

/** Ways of one field: the last finished ones, and those that are being drawn. */
class Ways {
  constructor() {
    this.shown = null;
    this.found = null; // what was measured of them
    this.of = []; // what they are of
    this.judged = true;
    this.next = 0; // when they are judged again
  }

  /** Begins to draw, unless these are known or others are under way; `of` says what they depend on. */
  want(of, make) {
    if (!this.judged && performance.now() >= this.next) return; // those before come first
    if (this.drawing && this.drawing.how === of[1]) return;
    if (of.every((one, i) => one === this.of[i])) return;
    this.of = of;
    this.drawing = { paths: make(), how: of[1] };
  }

  /** Whether there is more to do; while others come, they are judged twice a second. */
  work(until, judge) {
    if (this.drawing) {
      const { paths } = this.drawing;
      paths.work(until, () => performance.now());
      if (!paths.finished) return true;
      this.shown = paths;
      this.drawing = null;
      this.judged = false;
      return true; // judged in a frame of its own
    }
    const now = performance.now();
    if (this.judged || now < this.next) return !this.judged;
    this.found = judge(this.shown);
    this.judged = true;
    this.next = now + BETWEEN;
    return true; // others may have been asked for in the meantime
  }

  forget() {
    Object.assign(this, { drawing: null, of: [], judged: true, next: 0 });
  }
}

export class FlowBench {
  static shown = ["steps", "back", "arrows", "way", "time", "by", "count"];

  static speed = 600;

  static keys = "";

  /** A subclass builds its pictures in `this.pictures`, and has `paint(scene)`. */
  constructor(frame) {
    this.frame = frame;
    this.exact = new Ways();
    this.learnt = new Ways();
    this.time = null; // as it is seen; the setting follows when it rests
    this.pictures = make("div", { className: "flows" });
    this.reading = make("p", { className: "reading", ariaLive: "polite" });
    frame.stage.append(this.pictures, this.#clock(), this.reading);
  }

  check(settings) {
    return check(settings);
  }

  problem(settings) {
    this.task = taskOf(settings);
    this.#renew(settings);
    this.prepared?.(settings);
    return this.task.problem;
  }

  /** The picture's noise and points, where something has changed of what they are drawn from. */
  #renew(settings) {
    const { network, process, mixture } = this.task;
    const print = JSON.stringify([network, process, settings.count, ...Object.values(mixture).map((one) => [...one])]);
    if (print === this.print) return;
    this.print = print;
    this.set = new Shown(this.task, settings);
    this.exact.forget();
    this.learnt.forget();
  }

  // ---- the clock

  #clock() {
    this.slider = make("input", { type: "range", min: 0, max: 1, step: TICK, ariaLabel: "Time, from noise to points" });
    this.slider.addEventListener("input", () => {
      this.moveTo(1 - Number(this.slider.value));
    });
    this.slider.addEventListener("change", () => this.settle());
    this.go = make("button", { type: "button" });
    this.go.addEventListener("click", () => (this.running ? (this.#stop(), this.settle()) : this.#run()));
    this.way = make("select", { ariaLabel: "What is followed" });
    for (const [value, title] of [["back", "noise → points"], ["forth", "points → noise"]]) {
      this.way.append(make("option", { value, textContent: title }));
    }
    this.way.addEventListener("change", () => {
      this.frame.change({ way: this.way.value });
      this.#run();
    });
    this.kind = make("select", { ariaLabel: "Arrows" });
    for (const [value, title] of [["velocity", "velocity"], ["score", "score"]]) {
      this.kind.append(make("option", { value, textContent: title }));
    }
    this.kind.addEventListener("change", () => this.frame.change({ arrows: this.kind.value }));
    this.again = make("button", {
      type: "button", textContent: "Reflow", title: AGAIN,
    });
    this.again.addEventListener("click", () => this.#reflow());
    this.said = make("output", { ariaHidden: "true" });
    this.#label();
    const show = make("label", {}, make("span", { textContent: "Show" }), this.kind);
    return make("div", { className: "clock" }, this.go, this.slider, this.said, this.way, show, this.again);
  }

  #label() {
    const text = this.running ? "Stop the time" : "Run the time";
    this.go.textContent = this.running ? "❚❚" : "▶";
    this.go.ariaLabel = this.go.title = text;
  }

  /** From where it is to the end, or from the beginning where it is there; at first to the setting. */
  #run(first = false) {
    const { way, time } = this.frame.settings;
    const forth = way === "forth";
    const [from, end] = forth ? [0, 1] : [1, 0];
    const to = first ? time : end;
    const at = this.time ?? to;
    const start = Math.abs(at - to) < TICK ? from : at;
    if (reducedMotion()) {
      this.#to(start === from ? to : from);
      this.settle();
      return;
    }
    const began = performance.now();
    this.running = {};
    this.#label();
    const run = this.running;
    const tick = () => {
      if (this.running !== run || !this.frame.root.isConnected) return;
      const gone = (performance.now() - began) / PASS;
      const t = forth ? Math.min(start + gone, to) : Math.max(start - gone, to);
      if (t === to) this.#stop();
      this.#to(t);
      if (t === to) this.settle();
      else requestAnimationFrame(tick);
    };
    tick();
  }

  #stop() {
    this.running = null;
    this.#label();
  }

  #to(t) {
    this.time = t;
    this.#paint();
  }

  /** The hand sets the time; the setting follows when it `settle`s. */
  moveTo(t) {
    this.#stop();
    this.#to(t);
  }

  /** The setting, and with it the address, follows. */
  settle() {
    this.frame.change({ time: Number((Math.round(this.time / TICK) * TICK).toFixed(3)) });
  }

  // ---- learning again

  /** A branch from here on, which learns from pairs. */
  #reflow() {
    const { frame } = this;
    const { step, branches } = frame.chosen;
    if (branches.length >= 8) return frame.say("There are 8 branches at most: remove one.");
    const { reflow, stop_steps: stop } = frame.settings;
    frame.ask({ do: "fork" });
    frame.change({ reflow: reflow + 1, stop_steps: stop ? Math.max(stop, step + 1000) : 0 });
    frame.player.play(true);
    frame.say(`Branch ${branches.length + 1} learns from 1,024 pairs of noise and what the network drew of it at step ${step.toLocaleString("en")}.`);
    return null;
  }

  // ---- what is seen

  draw(state) {
    if (this.asked && this.frame.player.playing) return; // the frame that was asked for draws it
    const { settings, player } = this.frame;
    const { weights } = state.branches[state.active];
    this.#renew(settings);
    if (weights.length !== this.set.problem.size) return; // those of other settings
    if (this.time === null || settings.time !== this.seen) {
      this.#stop();
      this.time = settings.time;
      this.seen = settings.time;
      if (!this.begun && player.playing) {
        this.begun = true;
        requestAnimationFrame(() => this.#run(true));
      }
    }
    this.begun = true;
    if (this.weights !== weights || this.field?.network !== this.set.problem.network) {
      this.weights = weights;
      this.field = this.set.field(weights);
    }
    this.active = state.active;
    const straight = settings.process === "straight";
    this.again.disabled = !straight || settings.reflow >= ROUNDS;
    this.again.title = straight ? AGAIN : "A reflow is for straight lines";
    this.#work();
    this.#paint();
  }

  /** Draws ways for a few milliseconds; the rest with the frames that follow. */
  #work() {
    const { set, frame: { settings } } = this;
    const how = `${settings.steps} ${settings.back}`;
    const until = performance.now() + PIECE;
    const judge = (paths) => set.judge(paths);
    this.exact.want([set, how], () => set.paths(set.exact, settings));
    const first = this.exact.work(until, judge);
    this.learnt.want([set, how, this.weights], () => set.paths(set.field(this.weights), settings));
    let more = this.learnt.work(first ? 0 : until, judge) || first;
    if (!more) more = set.measureFloor();
    if (more && !this.asked) {
      this.asked = requestAnimationFrame(() => {
        this.asked = 0;
        this.frame.redraw();
      });
    }
  }

  #paint() {
    const { settings } = this.frame;
    if (!this.weights || this.weights.length !== this.set.problem.size) return;
    const fit = (paths) => (paths?.n === this.set.n ? paths : null); // of other settings, on their way out
    this.paint({
      set: this.set, settings, t: this.time, exact: fit(this.exact.shown), learnt: fit(this.learnt.shown),
      field: this.field, colour: COLOURS[this.active],
    });
    this.#tell(settings);
  }

  /** What stands beside the slider, which is written only where it has changed. */
  #tell({ way, arrows }) {
    const { time } = this;
    const print = `${time} ${way} ${arrows}`;
    if (this.told === print) return;
    this.told = print;
    this.slider.value = 1 - time;
    this.slider.style.setProperty("--to", `${100 * (1 - time)}%`);
    const what = time < 0.01 ? "points" : time > 0.99 ? "noise" : "between noise and points";
    this.slider.setAttribute("aria-valuetext", `t = ${time.toFixed(2)}, ${what}`);
    this.said.textContent = `t = ${time.toFixed(2)}`;
    this.way.value = way;
    this.kind.value = arrows;
  }

  numbers(state) {
    const { train, segments } = state.branches[state.active];
    return numbersText({
      exact: this.exact.found, learnt: this.learnt.found, loss: train, lossFloor: this.set.lossFloor,
      reflown: segments.some(({ from, training }) => training.reflow && from < state.step),
    });
  }

  verdict() {
    const { set, frame: { settings: { steps, back } } } = this;
    return verdictText({ n: set.n, steps, back, floors: set.pairs.length ? null : set.floors, learnt: this.learnt.found });
  }

  lines(state) {
    return lossLines(state, this.set.lossFloor, COLOURS);
  }

  divergence() {
    return `The learning rate ${this.frame.settings.rate} is too large here: take a smaller one.`;
  }

  script(settings, segments, step) {
    return script(settings, segments, step);
  }
}
