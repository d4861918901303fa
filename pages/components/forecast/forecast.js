// A series to bend, and a network that says what follows, in the browser. Python says which series
// and which network; what is drawn, dragged and taught stays here.

import { clamp, component, make, same, save } from "../common.js";
import { queryWith } from "../expression/address.js";
import * as charts from "./charts.js";
import { GATES, NAMES, Network, SEASON, bandOf, firstTest, measure, read, roll, undo }
  from "./forecaster.js";
import { Teacher } from "./teacher.js";

const BEFORE = 84, AFTER = 48; // steps that are shown before and after the origin
const WRITE = 400; // milliseconds until the address is written
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December"];
const bent = new Map(); // by series: the values as the hand left them

class Forecast {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.canvas = this.find(".series");
    const given = new URLSearchParams(location.search);
    this.mode = given.get("f_mode") === "fed" ? "fed" : "free";
    this.ahead = clamp(Math.round(Number(given.get("f_ahead"))) || SEASON, 1, 36);
    this.wanted = Number(given.get("f_from")) || null;
    this.whole = given.get("f_leak") === null ? null : given.get("f_leak") === "1";
    this.layer = 0;
    this.teacher = new Teacher(root.querySelector(".live"), given, {
      changed: () => this.redraw(), written: () => this.write(),
    });
    this.listen();
    this.watching = new ResizeObserver(() => this.redraw());
    this.watching.observe(root);
  }

  close() {
    this.watching.disconnect();
    this.teacher.stop();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.writing);
  }

  /** What Python says, at first and after each run. */
  update({ data }) {
    if (!same(this.data, data)) {
      const other = this.data?.series.id !== data.series.id;
      this.data = data;
      this.values = bent.get(data.series.id) ?? [...data.series.values];
      this.networks = [data.network, data.twin].filter(Boolean).map((one) => ({
        ...one, network: new Network(one.packed),
      }));
      if (other) this.begin();
      this.teacher.take(this.values, data.series.id);
      this.offerLayers();
    }
    this.redraw();
  }

  begin() {
    const n = this.values.length, slider = this.find(".origin");
    slider.min = Math.min(n, 2 * SEASON + 2);
    slider.max = n;
    this.origin = clamp(this.wanted ?? firstTest(n), Number(slider.min), n);
    this.wanted = null;
    slider.value = this.origin;
    this.chosen = this.origin - 1;
  }

  offerLayers() {
    const count = this.current().cells.length, select = this.find(".layer select");
    this.layer = Math.min(this.layer, Math.max(0, count - 1));
    select.replaceChildren(...Array.from({ length: count }, (_, k) =>
      make("option", { value: k, textContent: k + 1, selected: k === this.layer })));
    this.find(".layer").hidden = count < 2;
  }

  /** The network on the stage. */
  current() {
    if (this.teacher.network) return this.teacher.network;
    const whole = this.whole ?? this.networks[0].network.whole;
    const twin = this.networks.find(({ network }) => network.whole === whole);
    return (twin ?? this.networks[0]).network;
  }

  scaling(network) {
    return network.scaling(this.values, network.changes ? false : this.whole ?? network.whole);
  }

  // ---- what the hand does

  listen() {
    const on = (selector, event, action) => this.find(selector).addEventListener(event, action);
    on(".free", "click", () => this.set({ mode: "free" }));
    on(".fed", "click", () => this.set({ mode: "fed" }));
    on(".origin", "input", ({ target }) => this.set({ origin: Number(target.value) }));
    on(".steps", "input", ({ target }) => this.set({ ahead: Number(target.value) }));
    on(".leak input", "change", ({ target }) => this.set({ whole: target.checked }));
    on(".layer select", "change", ({ target }) => this.set({ layer: Number(target.value) }));
    on(".undo", "click", () => {
      bent.delete(this.data.series.id);
      this.values = [...this.data.series.values];
      this.teacher.take(this.values, this.data.series.id);
      this.redraw();
    });
    on(".save-csv", "click", () => save(this.csv(), "forecast.csv", "text/csv"));
    on(".save-png", "click", () => this.canvas.toBlob((blob) => save(blob, "forecast.png")));
    on(".series", "pointerdown", (event) => this.grab(event));
    on(".series", "pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) on(".series", name, () => this.drop());
    on(".series", "pointerleave", () => !this.held && this.set({ hovered: null }, false));
    on(".series", "keydown", (event) => this.press(event));
    on(".units", "pointermove", (event) => this.point(event));
    on(".units", "pointerleave", () => this.set({ hovered: null, row: null }, false));
  }

  set(values, write = true) {
    Object.assign(this, values);
    if (write) this.write();
    this.redraw();
  }

  place(event) {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  grab(event) {
    const { x, y } = this.place(event), step = this.plot?.stepAt(x);
    if (step === undefined || step >= this.origin || step < 0) return;
    if (Math.abs(this.plot.y(this.values[step]) - y) > 40) return;
    this.held = { step, off: this.plot.y(this.values[step]) - y, plot: this.plot };
    this.chosen = step;
    this.canvas.setPointerCapture(event.pointerId);
  }

  drag(event) {
    const { x, y } = this.place(event);
    if (!this.held) return this.set({ hovered: this.plot?.stepAt(x) ?? null }, false);
    const { step, off, plot } = this.held;
    this.bend(step, plot.valueAt(y + off));
    return null;
  }

  drop() {
    if (this.held) this.teacher.take(this.values, this.data.series.id);
    this.held = null;
    this.redraw();
  }

  bend(step, value) {
    const given = this.data.series.values, least = Math.min(...given), most = Math.max(...given);
    // Positive series stay so: their logarithm is read.
    const low = least > 0 ? least / 4 : least - (most - least);
    this.values[step] = clamp(value, low, most + (most - least));
    bent.set(this.data.series.id, this.values);
    this.hovered = step;
    this.redraw();
  }

  press(event) {
    const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const up = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
    if (across) {
      this.chosen = clamp((this.chosen ?? this.origin) + across, 0, this.origin - 1);
      this.set({ hovered: this.chosen }, false);
    } else if (up && this.chosen < this.origin) {
      const range = Math.max(...this.data.series.values) - Math.min(...this.data.series.values);
      this.bend(this.chosen, this.values[this.chosen] + (up * range) / 50);
      this.teacher.take(this.values, this.data.series.id);
    } else return;
    event.preventDefault();
  }

  point(event) {
    const { x, y } = this.place(event);
    this.set({ hovered: this.plot?.stepAt(x) ?? null, row: this.rows?.rowAt(y) ?? null }, false);
  }

  // ---- what is drawn

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (!this.data || !this.root.isConnected || !this.root.clientWidth) return;
      const began = performance.now();
      this.work();
      this.took = performance.now() - began; // read by a benchmark
      this.root.dataset.state = "ready";
    });
  }

  work() {
    const network = this.current(), scaling = this.scaling(network), { values, origin } = this;
    const n = values.length, steps = read(network, scaling, values);
    this.origin = clamp(origin, network.earliest(scaling), n);
    const free = roll(network, scaling, values, steps, this.origin, this.ahead);
    if (!this.held || !this.errors) { // while a point is dragged the last ones stand
      this.errors = {
        band: bandOf(network, scaling, values, steps, this.ahead),
        found: measure(network, scaling, values, steps),
      };
    }
    const { band } = this.errors;
    const said = this.mode === "free" ? this.freely(free, band) : this.stepwise(scaling, steps);
    const from = Math.max(0, this.origin - BEFORE);
    const to = clamp(Math.max(n, this.origin + this.ahead), from + SEASON, this.origin + AFTER) - 1;
    this.shown = { said, network, from, to };
    this.plot = charts.series(this.canvas, {
      values, given: this.data.series.values, said, from, to, origin: this.origin,
      held: this.held, chosen: document.activeElement === this.canvas || this.root.getRootNode()
        .activeElement === this.canvas ? this.chosen : null,
      hovered: this.hovered, tick: (t) => this.date(t, true), learnt: firstTest(n),
    });
    const kind = network.kind, states = new Map(steps.filter(({ origin: t }) => t <= this.origin)
      .map(({ origin: t, states: all }) => [t, all[this.layer]]));
    if (this.mode === "free") {
      free.forEach(({ states: all }, h) => states.set(this.origin + h, all[this.layer]));
    } else for (const step of steps) states.set(step.origin, step.states[this.layer]);
    const units = this.find(".units");
    units.hidden = !network.cells.length;
    this.find(".unit").hidden = units.hidden;
    this.rows = units.hidden ? null : charts.units(units, {
      states, gates: GATES[kind], hidden: network.hidden, plot: this.plot, hovered: this.hovered,
      row: this.row,
    });
    const lags = this.find(".lags");
    lags.hidden = !network.dense.linear;
    if (!lags.hidden) charts.lags(lags, [...network.dense.linear.weight].reverse());
    this.say(network, scaling, steps, states);
  }

  freely(free, band) {
    const limits = (v, h) => (!band ? null : band.ratio
      ? [v * band.low[h], v * band.high[h]] : [v + band.low[h], v + band.high[h]]);
    return free.map(({ named: [value] }, h) => {
      const [low, high] = limits(value, h) ?? [null, null];
      return { step: this.origin + h, value, low, high };
    });
  }

  stepwise(scaling, steps) {
    return steps.map(({ origin: step, outputs }) => {
      const [value, low = null, high = null] = outputs.map((one) =>
        undo(scaling, this.values[step - 1], one));
      return { step, value, low, high };
    });
  }

  say(network, scaling, steps, states) {
    const own = this.teacher.network !== null, { series } = this.data, n = this.values.length;
    this.find(".free").setAttribute("aria-pressed", String(this.mode === "free"));
    this.find(".fed").setAttribute("aria-pressed", String(this.mode === "fed"));
    this.find(".ahead").hidden = this.mode === "fed";
    this.find(".origin").value = this.origin;
    this.find(".origin + output").textContent = this.date(this.origin);
    this.find(".steps").value = this.ahead;
    this.find(".steps + output").textContent = `${this.ahead} steps`;
    this.find(".limits").hidden = !this.shown.said.some(({ low }) => low !== null);
    this.find(".undo").disabled = same(this.values, series.values);
    const leak = this.find(".leak");
    leak.hidden = network.changes;
    leak.querySelector("input").checked = this.whole ?? network.whole;
    const { found } = this.errors, two = (x) => x.toFixed(2);
    const changed = same(this.values, series.values) ? "" : " These figures are of the bent series.";
    const times = found.mase / found.oneStep;
    const flatters = times > 1.05
      ? `${times.toFixed(1)} times as much: fed with the truth, a forecast flatters.`
      : "no more than one step ahead.";
    this.find(".words").textContent = `${own ? "Your network" : this.data.network.title}: one step ` +
      `ahead, fed with the truth, it misses the last ${found.tested} steps by ${two(found.oneStep)} ` +
      `MASE; left to itself for a year by ${two(found.mase)} ± ${two(found.spread)} (mean and ` +
      `spread over ${found.origins} overlapping starts), ${flatters} 1 is the mean error of last ` +
      `year’s value in the part that is learnt from.${changed}`;
    this.find(".leaked").textContent = network.changes || own
      ? "" : this.held ? this.find(".leaked").textContent : this.leakage(found);
    const at = this.hovered ?? null, line = this.shown.said.find(({ step }) => step === at);
    const shown = (x) => charts.rounded(x);
    this.find(".at").textContent = at === null || at < 0
      ? "Drag a point of the past up or down; hover for values."
      : [this.date(at), at < n ? `came ${shown(this.values[at])}` : "is to come",
        line ? `forecast ${shown(line.value)}` : null,
        line && line.low !== null ? `limits ${shown(line.low)} to ${shown(line.high)}` : null]
        .filter(Boolean).join(" · ");
    const state = states.get(at), gates = GATES[network.kind] ?? [];
    if (state) {
      const unit = this.row ? this.row.unit : 0;
      this.find(".unit").textContent = `Before ${this.date(at)}, unit ${unit + 1}: ` +
        gates.map((gate) => `${NAMES[gate]} ${state[gate][unit].toFixed(2)}`).join(", ");
    } else {
      this.find(".unit").textContent = this.silent(network, steps) + "Rows are units, columns steps. Gates go from 0 (pale) to 1; " +
        "candidate, cell and output are blue below 0 and orange above.";
    }
  }

  /** Says so where an LSTM that corrects a weighted sum has nothing to say. */
  silent(network, steps) {
    if (!network.seasonal) return "";
    const { weight } = network.dense.out, last = network.cells.length - 1;
    const said = steps.map(({ states }) =>
      states[last].h.reduce((sum, h, u) => sum + h * weight[u], 0));
    const range = Math.max(...said) - Math.min(...said);
    return range > 0.05 ? "" : "The ridge penalty has left next to nothing of this LSTM’s " +
      `correction (${range.toPrecision(1)} standard deviations of a change at most): the weighted ` +
      "sum of past changes, below, does the work. ";
  }

  /** What the scale that knows the future is worth, by the networks that were trained with each. */
  leakage(found) {
    const two = (x) => x.toFixed(2), other = this.networks.find(({ network }) =>
      network.whole !== (this.whole ?? this.networks[0].network.whole));
    const honest = "Divided by the range of the whole series, as in the text, the network is told " +
      "how far the future goes.";
    if (!other || this.networks.length < 2) return honest;
    const scaling = other.network.scaling(this.values);
    const its = measure(other.network, scaling, this.values);
    const named = (whole) => (whole ? "the whole series" : "the part to learn from");
    const whole = !other.network.whole;
    return `${honest} Trained anew with the range of ${named(!whole)}: ${two(its.oneStep)} one ` +
      `step ahead and ${two(its.mase)} ± ${two(its.spread)} a year ahead, beside ` +
      `${two(found.oneStep)} and ${two(found.mase)} ± ${two(found.spread)} with that of ` +
      `${named(whole)}.`;
  }

  date(step, short = false) {
    const { times, dated } = this.data.series, n = times.length;
    if (!dated) return short ? `${step + 1}` : `row ${step + 1}`;
    const pace = (times[n - 1] - times[0]) / (n - 1);
    const time = step < n ? times[step] : times[n - 1] + (step - n + 1) * pace;
    const month = Math.round(time * 12 + 1e-6), year = Math.floor(month / 12);
    if (Math.abs(pace - 1 / 12) > 0.01) return time.toFixed(2);
    return short ? `${year}` : `${MONTHS[month - 12 * year]} ${year}`;
  }

  // ---- the address, and files

  write() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => {
      if (!this.root.isConnected) return;
      const query = queryWith(location.search, {
        f_mode: this.mode === "free" ? null : this.mode,
        f_from: this.origin === firstTest(this.values.length) ? null : this.origin,
        f_ahead: this.ahead === SEASON ? null : this.ahead,
        f_leak: this.whole === null ? null : Number(this.whole),
        ...this.teacher.address(),
      });
      history.replaceState(history.state, "", location.pathname + query + location.hash);
    }, WRITE);
  }

  csv() {
    const { times } = this.data.series, by = new Map(this.shown.said.map((s) => [s.step, s]));
    const last = Math.max(this.values.length, ...[...by.keys()].map((step) => step + 1));
    const rows = Array.from({ length: last }, (_, t) => {
      const { value = "", low = "", high = "" } = by.get(t) ?? {};
      return [t + 1, this.date(t), times[t] ?? "", this.values[t] ?? "", value, low ?? "",
        high ?? ""].join(",");
    });
    return ["row,month,time,value,forecast,low,high", ...rows, ""].join("\r\n");
  }
}

export default component(".lab-forecast", Forecast);
