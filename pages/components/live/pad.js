// The pad: a plane of two numbers of the code, filled with what is decoded there, moved by pointer
// and by arrow keys.

import { clamp } from "../common.js";

const SIDES = [15, 9, 5]; // pictures along each side of the background; odd: one is in the middle
const PAINTING = 1000; // milliseconds in which they are decoded, if that can be

export class Pad {
  /**
   * @param element the plane
   * @param on what is called: move(x, y), release(delay), hover([x, y] or null), reset()
   */
  constructor(element, on) {
    this.element = element;
    this.on = on;
    this.context = element.querySelector("canvas").getContext("2d");
    const listen = (name, f) => element.addEventListener(name, f);
    listen("pointerdown", (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      this.on.hover(null);
      this.on.move(...this.place(event));
    });
    listen("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) this.on.move(...this.place(event));
      else if (event.pointerType === "mouse") this.on.hover(this.place(event));
    });
    listen("pointerleave", () => this.on.hover(null));
    listen("dblclick", () => this.on.reset());
    listen("keydown", (event) => this.key(event));
  }

  /** Show other dimensions: objects with title, low, high, centre and spread. */
  setAxes(x, y) {
    this.x = x;
    this.y = y;
    this.draw(".ring", [x.centre, y.centre], [x.spread, y.spread]);
  }

  /** Show where an encoder puts an image: µ and σ in the two dimensions; nothing without them. */
  showPosterior(mu, sigma) {
    for (const drawn of this.element.querySelectorAll(".posterior")) {
      drawn.classList.toggle("none", !mu || !sigma);
    }
    if (mu && sigma) this.draw(".posterior", mu, sigma);
  }

  /** Ellipses of one and of two standard deviations. */
  draw(kind, centre, spread) {
    for (const [name, times] of [["one", 1], ["two", 2]]) {
      const drawn = this.element.querySelector(`${kind}.${name}`);
      const places = ellipse([this.x, this.y], centre, spread.map((v) => times * v));
      for (const [k, v] of Object.entries(places)) drawn.setAttribute(k, v);
    }
  }

  /** Put the cursor where the code is; outside of the plane it stays at the edge. */
  show(x, y) {
    const left = 100 * clamp(share(this.x, x), 0, 1);
    const top = 100 - 100 * clamp(share(this.y, y), 0, 1);
    const set = (name, values) => {
      const line = this.element.querySelector(name);
      for (const [k, v] of Object.entries(values)) line.setAttribute(k, v);
    };
    set(".across", { y1: top, y2: top });
    set(".up", { x1: left, x2: left });
    const { style } = this.element.querySelector(".cursor");
    Object.assign(style, { left: `${left}%`, top: `${top}%` });
    const position = `${this.x.title} ${x.toFixed(2)}, ${this.y.title} ${y.toFixed(2)}`;
    this.element.setAttribute("aria-label", `Pad. ${position}. Arrow keys move, Home goes back.`);
  }

  /** Fill the background with pictures, one a step, so that the caller can stop between. */
  *paint(decoder, code, label) {
    const [, height, width] = decoder.shape;
    const side = sideFor(decoder.ms);
    const canvas = this.context.canvas;
    const fits = canvas.width === side * width && canvas.height === side * height;
    if (!fits) Object.assign(canvas, { width: side * width, height: side * height }); // and blank
    const here = code.slice();
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        here[this.x.index] = between(this.x, (column + 0.5) / side);
        here[this.y.index] = between(this.y, 1 - (row + 0.5) / side);
        const pixels = decoder.decode(here, label);
        decoder.draw(pixels, this.context, column * width, row * height);
        yield;
      }
    }
  }

  /** Take the pictures away: they are another model's. */
  clear() {
    const { canvas } = this.context;
    this.context.clearRect(0, 0, canvas.width, canvas.height);
  }

  /** Where in the plane an event is, in the units of the code. */
  place(event) {
    const box = this.element.getBoundingClientRect();
    const x = clamp((event.clientX - box.left) / box.width, 0, 1);
    const y = clamp((event.clientY - box.top) / box.height, 0, 1);
    return [between(this.x, x), between(this.y, 1 - y)];
  }

  key(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const way = ways[event.key];
    if (event.key === "Home") this.on.reset();
    else if (way) {
      const step = event.shiftKey ? 1 / 6 : 1 / 60;
      const [x, y] = this.on.position();
      const by = (axis, value, sign) =>
        sign ? clamp(value + sign * step * (axis.high - axis.low), axis.low, axis.high) : value;
      this.on.move(by(this.x, x, way[0]), by(this.y, y, way[1]));
      this.on.release();
    } else return;
    event.preventDefault();
  }
}

/** How many pictures a side has, so that all are decoded in time at so many milliseconds each. */
export const sideFor = (ms) => SIDES.find((side) => side * side * ms <= PAINTING) ?? SIDES.at(-1);

/** Where an ellipse lies in the plane of two axes, in percent; the second axis goes up. */
export const ellipse = ([x, y], [cx, cy], [rx, ry]) => ({
  cx: 100 * share(x, cx),
  cy: 100 - 100 * share(y, cy),
  rx: (100 * rx) / (x.high - x.low),
  ry: (100 * ry) / (y.high - y.low),
});

const share = ({ low, high }, v) => (v - low) / (high - low);
const between = ({ low, high }, t) => low + t * (high - low);
