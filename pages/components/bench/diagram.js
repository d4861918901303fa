// A small network as a picture: every unit with what it makes of the plane, and every weight as a line
// that can be dragged up and down.

import { clamp } from "../common.js";
import { SIDE, css, paintUnit, reach, signColour } from "./plane.js";

const UNIT = 54; // a unit's side, at most
const ROW = 64;
const HIGHEST = 440; // of the whole picture
const WIDE = 7; // the widest line
const NEAR = 7; // pixels from a line that is still on it
const DRAG = 0.02; // a weight's change by a pixel
const MOST = 20; // of a weight that is set by hand
const PIECES = 16; // of a curve, to measure how far it is

const lower = (n) => String(n).replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d]);

/** A number in few characters, with a true minus sign. */
export const short = (v) =>
  (Math.abs(v) >= 100 ? v.toPrecision(3) : v.toFixed(2)).replace("-", "−");

/** What a unit is called. */
export function unitName(layers, l, o, classes) {
  if (l === 0) return `x${lower(o + 1)}`;
  if (l < layers.length) return `unit ${o + 1} of layer ${l}`;
  return layers.at(-1).outputs === 1 ? `the logit of ${classes[1]}` : `the logit of ${classes[o]}`;
}

/**
 * Every weight and bias: where it is in the flat array, and what it is called.
 * @returns `[{index, layer, input, output, name}]`; a bias has the input -1
 */
export function handles(network, classes) {
  const found = [];
  const name = (l, o) => unitName(network.layers, l, o, classes);
  network.layers.forEach(({ inputs, outputs, weights, bias }, l) => {
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++) {
        const index = weights + o * inputs + i;
        found.push({ index, layer: l, input: i, output: o, name: `Weight from ${name(l, i)} to ${name(l + 1, o)}` });
      }
      found.push({ index: bias + o, layer: l, input: -1, output: o, name: `Bias of ${name(l + 1, o)}` });
    }
  });
  return found;
}

export class Diagram {
  /**
   * @param canvas what is drawn on; it is a slider for the keyboard: ← and → choose a weight, ↑ and ↓
   *   change it
   * @param hears `edit(index, value)`, `look(unit)` with `{layer, output}` or null, `say(sentence)`
   */
  constructor(canvas, hears) {
    Object.assign(this, { canvas, hears, chosen: 0, hovered: null, focused: false });
    this.context = canvas.getContext("2d");
    this.small = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
    this.image = new ImageData(SIDE, SIDE);
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "slider");
    canvas.setAttribute("aria-valuemin", -MOST);
    canvas.setAttribute("aria-valuemax", MOST);
    const on = (name, act) => canvas.addEventListener(name, (event) => act.call(this, event));
    canvas.addEventListener("touchstart", (event) => {
      // a finger on a line drags it, and elsewhere the page
      if (event.touches.length === 1 && this.#under(event.touches[0])?.handle) event.preventDefault();
    }, { passive: false });
    on("pointerdown", this.#down);
    on("pointermove", this.#move);
    on("pointerup", this.#up);
    on("pointercancel", this.#up);
    on("pointerleave", this.#leave);
    on("keydown", this.#key);
    on("focus", () => this.#focus(true));
    on("blur", () => this.#focus(false));
  }

  /** Another network: its units' places follow from the room there is. */
  set(network, classes) {
    Object.assign(this, { network, classes, handles: handles(network, classes) });
    this.chosen = Math.min(this.chosen, this.handles.length - 1);
    this.hovered = null;
  }

  /** How high it is, for its stage. */
  get height() {
    return Math.min(Math.max(...this.network.sizes, 2) * ROW + 8, HIGHEST);
  }

  #layout() {
    const { canvas, network } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    const { sizes } = network;
    const column = width / sizes.length;
    const row = Math.min(ROW, height / Math.max(...sizes));
    this.unit = Math.max(Math.min(UNIT, row - 8, column * 0.55), 14);
    this.places = sizes.map((count, l) =>
      Array.from({ length: count }, (_, o) => [
        (l + 0.5) * column, height / 2 + (o - (count - 1) / 2) * row,
      ]));
  }

  #ends({ layer, input, output }) {
    const [[x0, y0], [x1, y1]] = [this.places[layer][input], this.places[layer + 1][output]];
    return [x0 + this.unit / 2, y0, x1 - this.unit / 2, y1];
  }

  #biasPlace({ layer, output }) {
    const [x, y] = this.places[layer + 1][output];
    return [x - this.unit / 2, y + this.unit / 2];
  }

  /** @param scene `weights`, the network having passed the lattice; `inputs`, the lattice itself */
  draw({ weights, inputs, ink, paper, accent }) {
    const { canvas, context } = this;
    const scale = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((v) => Math.round(v * scale) || 1);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    this.weights = weights;
    this.#layout();
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const marked = this.hovered?.handle ?? (this.focused ? this.handles[this.chosen] : null);
    for (const handle of this.handles) if (handle.input >= 0) this.#line(handle, handle === marked, accent);
    this.#units(inputs, { ink, paper, accent });
    for (const handle of this.handles) if (handle.input < 0) this.#bias(handle, handle === marked, { accent, paper });
    const { name, index } = this.handles[this.chosen];
    const value = weights[index];
    canvas.setAttribute("aria-label", name);
    canvas.setAttribute("aria-valuenow", value.toFixed(2));
    canvas.setAttribute("aria-valuetext", short(value));
    this.#say();
  }

  #line(handle, marked, accent) {
    const { context } = this;
    const [x0, y0, x1, y1] = this.#ends(handle);
    const w = this.weights[handle.index];
    const middle = (x0 + x1) / 2;
    context.beginPath();
    context.moveTo(x0, y0);
    context.bezierCurveTo(middle, y0, middle, y1, x1, y1);
    const wide = clamp(2 * Math.abs(w), 0.6, WIDE);
    if (marked) {
      context.lineWidth = wide + 4;
      context.strokeStyle = accent;
      context.stroke();
    }
    context.lineWidth = wide;
    context.strokeStyle = css(signColour(w), Math.abs(w) < 0.02 ? 0.25 : 0.8);
    context.stroke();
  }

  #units(inputs, { ink, paper, accent }) {
    const { network, context, unit, image, small } = this;
    const all = SIDE * SIDE;
    this.places.forEach((column, l) => column.forEach(([x, y], o) => {
      const last = l === network.layers.length;
      const a = l === 0 ? inputs : network.layers[l - 1].outputsOf;
      const most = reach(l === 0 || last ? "" : network.settings.activation, a, o * all);
      paintUnit(a, o * all, most, image.data);
      small.getContext("2d").putImageData(image, 0, 0);
      const [left, top] = [x - unit / 2, y - unit / 2];
      context.fillStyle = paper;
      context.fillRect(left, top, unit, unit);
      context.drawImage(small, left, top, unit, unit);
      const looked = this.looked && this.looked.layer === l && this.looked.output === o;
      context.lineWidth = looked ? 2.5 : 1;
      context.strokeStyle = looked ? accent : ink;
      context.globalAlpha = looked ? 1 : 0.45;
      context.strokeRect(left, top, unit, unit);
      context.globalAlpha = 1;
    }));
  }

  #bias(handle, marked, { accent, paper }) {
    const { context } = this;
    const [x, y] = this.#biasPlace(handle);
    const value = this.weights[handle.index];
    const r = clamp(2.5 + 1.5 * Math.abs(value), 2.5, 6);
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.fillStyle = css(signColour(value), Math.abs(value) < 0.02 ? 0.5 : 1);
    context.fill();
    context.lineWidth = marked ? 3 : 1;
    context.strokeStyle = marked ? accent : paper;
    context.stroke();
  }

  // ---- the hand

  #under({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    let [best, near] = [null, NEAR];
    for (const handle of this.handles) {
      const far = handle.input < 0 ? away(this.#biasPlace(handle), x, y) - 2 : this.#distance(handle, x, y);
      if (far < near) [best, near] = [handle, far];
    }
    if (best?.input === -1) return { handle: best };
    for (const [l, column] of this.places.entries()) {
      for (const [o, [cx, cy]] of column.entries()) {
        if (Math.max(Math.abs(x - cx), Math.abs(y - cy)) <= this.unit / 2) {
          return { unit: { layer: l, output: o } };
        }
      }
    }
    return best ? { handle: best } : null;
  }

  #distance(handle, x, y) {
    const [x0, y0, x1, y1] = this.#ends(handle);
    if (x < x0 - NEAR || x > x1 + NEAR || y < Math.min(y0, y1) - NEAR || y > Math.max(y0, y1) + NEAR) {
      return Infinity;
    }
    let near = Infinity;
    for (let i = 0; i <= PIECES; i++) { // of the curve that #line draws
      const t = i / PIECES;
      const s = 1 - t;
      const across = s ** 3 * x0 + 1.5 * s * t * (x0 + x1) + t ** 3 * x1;
      const down = (s ** 3 + 3 * s * s * t) * y0 + (3 * s * t * t + t ** 3) * y1;
      near = Math.min(near, Math.hypot(across - x, down - y));
    }
    return near;
  }

  #down(event) {
    const found = this.#under(event);
    if (found?.unit) return this.hears.look(found.unit, true);
    if (!found?.handle) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.chosen = this.handles.indexOf(found.handle);
    this.dragged = { handle: found.handle, from: event.clientY, value: this.weights[found.handle.index] };
  }

  #move(event) {
    if (this.dragged) {
      const { handle, from, value } = this.dragged;
      const fine = event.shiftKey ? 0.1 : 1;
      this.#edit(handle, value + (from - event.clientY) * DRAG * fine);
      return;
    }
    const found = this.#under(event);
    this.hovered = found;
    this.canvas.style.cursor = found?.handle ? "ns-resize" : found ? "pointer" : "";
    this.hears.look(found?.unit ?? null, false);
  }

  #edit(handle, value) {
    this.hears.edit(handle.index, clamp(Math.round(value * 1000) / 1000, -MOST, MOST));
  }

  #up() {
    this.dragged = null;
  }

  #leave() {
    this.hovered = null;
    this.hears.look(null, false);
  }

  #focus(on) {
    this.focused = on && this.canvas.matches(":focus-visible");
    this.hears.redraw();
  }

  #key(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1, PageDown: 8, PageUp: -8 }[event.key];
    const change = { ArrowUp: 0.1, ArrowDown: -0.1 }[event.key];
    if (!by && !change) return;
    event.preventDefault();
    event.stopPropagation(); // they are the player's as well
    const all = this.handles.length;
    if (by) this.chosen = (this.chosen + by + all) % all;
    const handle = this.handles[this.chosen];
    if (change) this.#edit(handle, this.weights[handle.index] + change * (event.shiftKey ? 0.1 : 1));
    this.focused = true;
    this.hears.redraw();
  }

  /** What is under the pointer, or chosen by the keys. */
  #say() {
    const handle = this.dragged?.handle ?? this.hovered?.handle ?? (this.focused ? this.handles[this.chosen] : null);
    const sentence = handle ? `${handle.name}: ${short(this.weights[handle.index])}` : "";
    if (this.said !== sentence) this.hears.say(sentence);
    this.said = sentence;
  }
}

const away = ([cx, cy], x, y) => Math.hypot(cx - x, cy - y);
