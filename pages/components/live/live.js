// The instrument: one code; its picture, its pad and its sliders.
// Nothing is sent while something is held; what is let go is sent once.

import { clamp, component, make, reducedMotion, same } from "../common.js";
import { along, fetchDecoder } from "./decoder.js";
import { Pad } from "./pad.js";
import { judge, takeNumbers, takePicture } from "./plausibility.js";

const IN_VIEW = 6; // sliders that are not folded away
const BUDGET = 5; // milliseconds of a frame after which no further small picture is begun
const KEYS_REST = 250; // milliseconds without a key press that count as letting go
const GLIDE = 220; // milliseconds of the way to a code that was not dragged to
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

const rounded = (v) => Math.round(v * 1000) / 1000;
const gauss = () => {
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random())); // Box and Muller
  return radius * Math.cos(2 * Math.PI * Math.random());
};

class Latent {
  constructor(root) {
    this.root = root;
    root.latentTimings = [];
    this.moves = 0; // the number of the last release
    this.agreed = {}; // what Python and the hand last agreed on
    this.canvas = this.find(".decoded canvas").getContext("2d");
    this.controller = new AbortController();
    this.pad = new Pad(this.find(".plane"), {
      move: (x, y) => this.set({ [this.pad.x.index]: x, [this.pad.y.index]: y }),
      position: () => this.axes.map((i) => this.code[i]),
      hover: (place) => this.hover(place),
      release: () => this.release(KEYS_REST),
      reset: () => this.centreOn(this.axes),
    });
    this.listen();
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  /** What Python says, at first and after each run. */
  update({ data, setStateValue }) {
    const old = this.data ?? {};
    this.data = data;
    this.tell = setStateValue;
    const another = old.decoder !== data.decoder;
    const others = another || !same(old.dimensions, data.dimensions);
    if (others) this.build();
    if (another || !same(old.class_names, data.class_names)) this.buildClasses();
    const elsewhere = old.space !== data.space;
    this.take(data, elsewhere);
    // What Python merely repeats takes nothing back that the hand has changed since.
    const news = (name) => !same(old[name], data[name]) && !same(data[name], this.agreed[name]);
    if (others || news("pad")) {
      this.setAxes(data.pad);
      this.agreed.pad = this.axes;
    }
    if (news("temperature")) {
      this.heat(data.temperature);
      this.agreed.temperature = data.temperature;
    }
    this.moves = Math.max(this.moves, data.seen);
    this.find(".original").hidden = !data.original || !data.original_code;
    if (data.original && data.original !== old.original) {
      this.find(".original img").src = data.original;
    }
    this.showPosterior();
    if (elsewhere) this.load();
    this.redraw();
  }

  /** Go where Python is, unless it has yet to hear of the last release: then the hand is right. */
  take({ code, label, seen }, elsewhere) {
    const place = { code: code.map(rounded), label };
    const news = !same(place, { code: this.agreed.code, label: this.agreed.label });
    if (!elsewhere && (!news || this.held || seen < this.moves)) return;
    this.goal = null;
    this.code = code.slice();
    this.label = label;
    this.agreed = { ...this.agreed, ...place };
  }

  close() {
    this.closed = true;
    this.controller.abort();
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
  }

  async load() {
    const { decoder: url, space, base, basis } = this.data;
    const current = () => !this.closed && this.data.space === space;
    this.decoder = this.background = this.painted = null;
    this.root.dataset.state = "loading";
    try {
      const fetched = await fetchDecoder(url);
      if (!current()) return;
      const decoder = basis ? along(fetched, base, basis) : fetched;
      const { latent, classes } = decoder;
      if (latent !== this.code.length || (classes > 0) !== (this.label !== null)) {
        throw new Error("The decoder is another model's.");
      }
      this.decoder = decoder;
      const [, height, width] = decoder.shape;
      const canvases = this.root.querySelectorAll(".decoded canvas, .classes canvas");
      for (const canvas of canvases) {
        const fits = canvas.width === width && canvas.height === height;
        if (!fits) Object.assign(canvas, { width, height }); // which makes it blank
      }
      this.pad.clear();
      this.root.dataset.state = "ready";
      this.redraw();
    } catch (error) {
      if (current()) this.fail(error.message);
    }
  }

  fail(reason) {
    const sentence = `${reason} Reload the page, or pick another model.`;
    this.root.dataset.state = "failed";
    Object.assign(this.find(".failure"), { hidden: false, textContent: sentence });
    this.tell("failed", { decoder: this.data.decoder, sentence });
  }

  // ---- moving

  /** Change numbers of the code, by index. */
  set(numbers) {
    this.goal = null;
    for (const [i, value] of Object.entries(numbers)) this.code[i] = value;
    this.redraw();
  }

  /** Go to another code in a moment, or at once for those who want no motion; tell Python. */
  glide(to) {
    const begin = reducedMotion() ? -GLIDE : performance.now();
    this.goal = { from: this.code.slice(), to, begin };
    this.redraw();
    this.release();
  }

  /** Bring some numbers back to the middle. */
  centreOn(indices) {
    this.glide(this.code.map((v, i) => (indices.includes(i) ? this.centre[i] : v)));
  }

  advance() {
    const { from, to, begin } = this.goal;
    const time = Math.min(1, (performance.now() - begin) / GLIDE);
    const eased = 1 - (1 - time) ** 3;
    this.code = time < 1 ? from.map((v, i) => v + eased * (to[i] - v)) : to;
    if (time === 1) this.goal = null;
  }

  hover(place) {
    if (!place && !this.hovered) return;
    this.hovered = place;
    this.redraw();
  }

  /** The code on the stage: under the mouse, or the chosen one. */
  shown() {
    if (!this.hovered) return this.code;
    const code = this.code.slice();
    this.axes.forEach((i, k) => (code[i] = this.hovered[k]));
    return code;
  }

  setAxes(axes) {
    const shown = axes?.map((i) => this.data.dimensions.find((d) => d.index === i));
    for (const part of [".plane", ".axes"]) this.find(part).hidden = !shown;
    this.axes = axes ?? [];
    if (!shown) return;
    this.pad.setAxes(...shown);
    this.showPosterior();
    this.root.querySelectorAll(".axes select").forEach((s, k) => (s.value = axes[k]));
    this.redraw();
  }

  /** The posterior of the original, in the two dimensions of the pad. */
  showPosterior() {
    const { original_code: mu, original_sigma: sigma } = this.data;
    const known = Boolean(mu && sigma && this.axes.length);
    const both = (values) => this.axes.map((i) => values[i]);
    this.pad.showPosterior(...(known ? [both(mu), both(sigma)] : []));
    this.find(".legend").hidden = !known;
  }

  heat(value) {
    this.temperature = value;
    const input = this.find(".heat input");
    input.value = value;
    fill(input, 0);
    this.find(".heat output").value = value.toFixed(2);
  }

  // ---- telling Python

  /** Tell Python after a moment in which nothing else happens. */
  release(delay = 0) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.report(), delay);
  }

  report() {
    if (this.held || this.closed) return;
    const code = (this.goal?.to ?? this.code).map(rounded);
    const value = { code, label: this.label, pad: this.axes, temperature: this.temperature };
    if (same(value, this.agreed)) return;
    this.agreed = value;
    this.moves += 1;
    this.tell("released", { move: this.moves, space: this.data.space, ...value });
  }

  // ---- drawing

  redraw() {
    this.dirty = true;
    this.ask();
  }

  ask() {
    this.frame ??= requestAnimationFrame(() => this.work());
  }

  /** One frame: the picture, then as many small ones as there is time for. */
  work() {
    this.frame = null;
    const begin = performance.now();
    if (this.goal) this.advance();
    const anew = this.dirty;
    this.dirty = false;
    if (anew) this.drawControls();
    if (!this.decoder) return;
    if (anew) {
      this.drawPicture();
      this.small = this.drawClasses();
    }
    this.paintPad();
    while ((this.small || this.background) && performance.now() - begin < BUDGET) {
      if (this.small?.next().done) this.small = null;
      else if (!this.small && this.background?.next().done) this.background = null;
    }
    if (anew) this.record(performance.now() - begin);
    if (this.goal) this.redraw();
    else if (this.small || this.background) this.ask();
  }

  drawPicture() {
    const pixels = this.decoder.decode(this.shown(), this.label);
    this.decoder.draw(pixels, this.canvas);
    this.root.latentPixels = new Uint8Array(pixels.buffer);
  }

  /** The same code under every class, one a step; goes on where the last frame stopped. */
  *drawClasses() {
    const canvases = this.root.querySelectorAll(".classes canvas");
    for (let k = 0; k < canvases.length; k++) {
      this.turn = ((this.turn ?? -1) + 1) % canvases.length;
      const pixels = this.decoder.decode(this.shown(), this.turn);
      this.decoder.draw(pixels, canvases[this.turn].getContext("2d"));
      yield;
    }
  }

  /** Begin the pad's background again when it would be another; while the hand moves, it waits. */
  paintPad() {
    if (!this.axes.length) return;
    const rest = this.code.map((v, i) => (this.axes.includes(i) ? 0 : rounded(v)));
    const wanted = JSON.stringify([this.axes, this.label, rest]);
    if (wanted === this.painted) return;
    const waits = this.held || this.goal;
    this.pad.element.classList.toggle("stale", Boolean(waits));
    this.painted = waits ? null : wanted;
    this.background = waits ? null : this.pad.paint(this.decoder, this.code, this.label);
  }

  drawControls() {
    const typed = this.find(".typed input");
    if (!typed.matches(":focus")) typed.value = this.code.map((v) => rounded(v)).join(", ");
    for (const { index, input, output } of this.sliders) {
      if (input.shown === this.code[index]) continue;
      input.shown = this.code[index];
      input.value = input.shown;
      output.value = input.shown.toFixed(2);
      fill(input, this.centre[index]);
    }
    if (this.axes.length) this.pad.show(...this.axes.map((i) => this.shown()[i]));
    const own = this.data.original_code?.map(rounded);
    const unmoved = Boolean(own) && same(this.shown().map(rounded), own);
    judge(this.find(".judged"), this.shown(), this.data.spread, unmoved);
    // Beside another picture it would be no original; its place is kept, so that nothing jumps.
    this.find(".original").style.visibility = unmoved ? "" : "hidden";
    const names = this.data.class_names;
    const what = this.hovered ? "Under the pointer" : "Decoded";
    this.find(".what").textContent = names.length ? `${what}: ${names[this.label]}` : what;
    this.root.querySelectorAll(".classes button").forEach((button, k) => {
      button.ariaPressed = String(k === this.label);
    });
  }

  record(ms) {
    const times = this.root.latentTimings;
    if (times.push(ms) > 1000) times.shift();
    this.root.dataset.ms = ms.toFixed(2);
  }

  // ---- building

  /** The sliders, in the order given: the first, the folded ones, those that change nothing. */
  build() {
    const { dimensions } = this.data;
    this.centre = [];
    for (const d of dimensions) this.centre[d.index] = d.centre;
    const alive = dimensions.filter((d) => !d.dead), dead = dimensions.filter((d) => d.dead);
    this.sliders = [];
    this.fold(".first", alive.slice(0, IN_VIEW));
    const more = alive.slice(IN_VIEW);
    this.fold(".more", more, `${more.length} more`);
    const one = dead.length === 1;
    const little = one ? "dimension: it changes" : "dimensions: they change";
    this.fold(".unused", dead, `${dead.length} unused ${little} hardly anything`);
    for (const select of this.root.querySelectorAll(".axes select")) {
      const option = (d) => make("option", { value: d.index, textContent: d.title });
      select.replaceChildren(...dimensions.map(option));
    }
  }

  fold(selector, dimensions, title) {
    const place = this.find(selector);
    if (title) {
      place.hidden = !dimensions.length;
      place.querySelector("summary").textContent = title;
    }
    const list = title ? place.querySelector(".sliders") : place;
    list.replaceChildren(...dimensions.map((d) => this.slider(d)));
  }

  slider({ index, title, low, high, note }) {
    const input = make("input", {
      type: "range",
      step: 0.01, // before min and max, which are whole steps so that 0 can be met
      min: Math.floor(low * 100) / 100,
      max: Math.ceil(high * 100) / 100,
      ariaLabel: note ? `${title}, ${note}` : title,
    });
    const output = make("output", { ariaLive: "off" }); // the slider says its value itself
    input.addEventListener("input", () => this.set({ [index]: Number(input.value) }));
    input.addEventListener("dblclick", () => this.centreOn([index]));
    this.sliders.push({ index, input, output });
    const name = make("span", { className: "title", textContent: title });
    const aside = make("span", { className: "note", textContent: note });
    return make("label", { className: "slider" }, name, aside, output, input);
  }

  buildClasses() {
    const { class_names: names } = this.data;
    const place = this.find(".classes");
    place.hidden = !names.length;
    const button = (name, k) => {
      const canvas = make("canvas", { width: 28, height: 28 });
      const short = names.every((n) => n.length <= 2) ? "short" : ""; // others have no room
      const label = make("span", { textContent: name, className: short });
      const properties = { type: "button", title: name, ariaLabel: name };
      const choice = make("button", properties, canvas, label);
      choice.addEventListener("click", () => {
        this.label = k;
        this.redraw();
        this.release();
      });
      return choice;
    };
    place.replaceChildren(...names.map(button));
  }

  // ---- listening

  listen() {
    const held = (event) => event.button === 0 && event.target.closest("input[type=range], .plane");
    this.root.addEventListener("pointerdown", (event) => {
      this.keyed = false;
      if (held(event)) this.held = true;
    });
    const up = () => {
      if (!this.held) return;
      this.held = false;
      this.release();
      this.ask(); // the pad's background has waited
    };
    const { signal } = this.controller;
    for (const name of ["pointerup", "pointercancel", "blur"]) {
      window.addEventListener(name, up, { signal });
    }
    this.root.addEventListener("keydown", () => (this.keyed = true));
    this.root.addEventListener("change", (event) => {
      if (event.target.type === "range") this.release(this.keyed ? KEYS_REST : 0);
    });
    this.find(".random").addEventListener("click", () => {
      const to = this.code.slice();
      for (const { index, centre, spread } of this.data.dimensions) {
        to[index] = rounded(centre + this.temperature * spread * gauss());
      }
      this.glide(to);
    });
    this.find(".reset").addEventListener("click", () => this.glide(this.centre.slice()));
    const heat = this.find(".heat input");
    heat.addEventListener("input", () => this.heat(Number(heat.value)));
    this.root.querySelectorAll(".axes select").forEach((select, k) => {
      select.addEventListener("change", () => {
        const axes = this.axes.slice();
        axes[k] = Number(select.value);
        if (axes[0] === axes[1]) axes[1 - k] = this.axes[k]; // they change places
        this.setAxes(axes);
        this.release();
      });
    });
    this.find(".png").addEventListener("click", () => {
      takePicture(this.find(".decoded canvas"), this.data.name);
    });
    this.find(".csv").addEventListener("click", () => {
      const latent = this.decoder?.latentAt(this.code.map(rounded));
      if (latent) takeNumbers(latent, this.label, this.data.name, this.data.column);
    });
    const typed = this.find(".typed input");
    typed.addEventListener("keydown", (event) => event.key === "Enter" && this.type(typed.value));
    typed.addEventListener("blur", () => {
      this.say("");
      this.redraw();
    });
  }

  /** Take a code that was typed in, or say what is wrong with it. */
  type(text) {
    try {
      this.set(parseCode(text, this.code.length, this.data.limit));
      this.say("");
      this.release();
    } catch (error) {
      this.say(error.message);
    }
  }

  say(sentence) {
    this.find(".message").textContent = sentence;
    this.find(".typed input").ariaInvalid = String(Boolean(sentence));
  }
}

/** The numbers of a code that was typed in. Throws a sentence that says what is wrong. */
export function parseCode(text, count, limit) {
  const words = text.split(/[\s,;]+/).filter(Boolean);
  if (!words.every((w) => NUMBER.test(w))) {
    throw new Error("A code is a row of numbers with commas between, such as 0.5, -1.2.");
  }
  if (words.length !== count) {
    throw new Error(`This model's codes have ${count} numbers; this one has ${words.length}.`);
  }
  if (!words.every((w) => Math.abs(Number(w)) <= limit)) {
    throw new Error(`Every number of a code lies between -${limit} and ${limit}.`);
  }
  return words.map(Number);
}

/** Colour a slider's track from the centre to its value. */
function fill(input, centre) {
  const part = (v) => 100 * clamp((v - input.min) / (input.max - input.min), 0, 1);
  const ends = [part(centre), part(input.value)].sort((a, b) => a - b);
  input.style.setProperty("--from", `${ends[0]}%`);
  input.style.setProperty("--to", `${ends[1]}%`);
}

export default component(".lab-latent", Latent);
