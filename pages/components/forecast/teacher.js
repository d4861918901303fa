// The panel in which a small network learns the series, a few steps a frame.

import * as charts from "./charts.js";
import { Network } from "./forecaster.js";
import { Learner, TIMES } from "./learner.js";

const FRAME = 10; // milliseconds of learning a frame
const MOST = 3000; // steps
const KEPT = 3; // earlier trainings that are shown
const USUAL = { cell: "lstm", units: "8", seen: "12", rate: "0.03", clip: "1" };

export class Teacher {
  constructor(root, given, { changed, written }) {
    Object.assign(this, { root, changed, written, network: null, earlier: [] });
    this.find = (selector) => root.querySelector(selector);
    const wanted = (name, choices) => {
      const value = given.get(`f_${name}`);
      return choices.includes(value) ? value : USUAL[name];
    };
    const values = (selector) => [...this.find(selector).options].map(({ value }) => value);
    for (const [selector, name] of [[".kind", "cell"], [".hidden", "units"], [".seen", "seen"],
      [".rate", "rate"]]) {
      this.find(selector).value = wanted(name, values(selector));
      this.find(selector).addEventListener("change", () => this.reset());
    }
    this.find(".clip").checked = wanted("clip", ["0", "1"]) === "1";
    this.find(".clip").addEventListener("change", () => this.reset());
    this.find(".train").addEventListener("click", () => (this.frame ? this.stop() : this.go()));
    this.find(".again").addEventListener("click", () => this.reset());
    this.find(".use").addEventListener("change", () => this.show());
    root.addEventListener("toggle", () => root.open && this.show());
  }

  /** Another series, or the same with a point bent: what was learnt goes on from there. */
  take(values, id) {
    const other = id !== this.id;
    Object.assign(this, { values, id });
    if (other) this.reset(false);
    else if (this.learner) {
      const fresh = this.made();
      Object.assign(this.learner, {
        inputs: fresh.inputs, targets: fresh.targets, scaling: fresh.scaling,
      });
    }
  }

  made() {
    const value = (selector) => this.find(selector).value;
    return new Learner(this.values, {
      kind: value(".kind"), hidden: Number(value(".hidden")), lags: Number(value(".seen")),
      rate: Number(value(".rate")), clip: this.find(".clip").checked ? 1 : 0, seed: 0,
    });
  }

  reset(write = true) {
    this.stop();
    if (this.learner && this.losses.length > 1) {
      this.earlier = [{ losses: this.losses, name: this.name() }, ...this.earlier].slice(0, KEPT);
    }
    this.learner = this.made();
    this.losses = [];
    this.norms = [];
    if (write) this.written();
    this.show();
  }

  name({ kind, clip, rate } = this.learner) {
    return `${kind.toUpperCase()}, rate ${rate}, ${clip ? "clipped" : "not clipped"}`;
  }

  go() {
    if (this.learner.steps >= MOST || this.broken()) this.reset();
    this.frame = requestAnimationFrame(() => this.some());
    this.show();
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    this.find(".train").textContent = "Train";
  }

  broken() {
    return this.losses.length > 0 && !Number.isFinite(this.losses.at(-1));
  }

  some() {
    const until = performance.now() + FRAME;
    do {
      const { loss, norm } = this.learner.step();
      this.losses.push(loss);
      this.norms.push(norm);
    } while (performance.now() < until && this.learner.steps < MOST && !this.broken());
    if (this.learner.steps >= MOST || this.broken() || !this.root.isConnected) this.stop();
    else this.frame = requestAnimationFrame(() => this.some());
    this.show();
  }

  show() {
    this.find(".train").textContent = this.frame ? "Pause" : "Train";
    const used = this.find(".use").checked && !this.broken();
    const before = this.network;
    this.network = used ? new Network(this.learner.packed()) : null;
    if (used || before) this.changed();
    if (!this.root.open || !this.learner) return;
    charts.loss(this.find(".loss"), this.losses, this.norms, this.earlier);
    const reach = this.broken() ? [] : this.learner.reach();
    charts.reach(this.find(".reach"), reach);
    this.find(".told").textContent = this.words(reach);
  }

  words(reach) {
    const { learner } = this, H = learner.hidden, L = learner.lags, each = H * (L + H + 2);
    const counts = Object.entries(TIMES).map(([kind, times]) =>
      `${kind.toUpperCase()} ${each * times}`).join(", ");
    const sizes = `Weights of a layer of ${H} units that sees ${L}: ${counts}, as 1 : 3 : 4; ` +
      `${H + 1} more say the forecast.`;
    if (this.broken()) {
      return `After ${learner.steps} steps the error is no longer a number. Clip the gradients, or ` +
        `take a lower rate. ${sizes}`;
    }
    const largest = Math.max(...reach), far = reach.findLastIndex((r) => r > largest / 10);
    const memory = `The influence of what was seen is above a tenth of the largest up to ${far} ` +
      `${far === 1 ? "step" : "steps"} before the newest.`;
    if (!this.losses.length) return `${sizes} ${memory} It has learnt nothing yet.`;
    const norm = this.norms.reduce((a, b) => Math.max(a, b), 0);
    const rises = this.losses.filter((loss, t) => t && loss > 1.1 * this.losses[t - 1]).length;
    return `${this.name()}: after ${learner.steps} steps the squared error is ` +
      `${this.losses.at(-1).toPrecision(3)} (1 where the mean change is said each time); the ` +
      `gradient’s norm was ${norm.toPrecision(3)} at most, and in ${rises} steps the error rose by ` +
      `more than a tenth. ${memory} ${sizes} What it has learnt is the part before the last 30 %: ` +
      "a small error there may be learnt by heart.";
  }

  /** What of it stands in the address. */
  address() {
    const now = {
      cell: this.find(".kind").value, units: this.find(".hidden").value,
      seen: this.find(".seen").value, rate: this.find(".rate").value,
      clip: String(Number(this.find(".clip").checked)),
    };
    return Object.fromEntries(Object.entries(now).map(([name, value]) =>
      [`f_${name}`, value === USUAL[name] ? null : value]));
  }
}

