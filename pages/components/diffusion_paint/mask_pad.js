// A picture in which a brush makes holes, by pointer and by keys.

import { clamp } from "../common.js";
import { paint, preset } from "./mask.js";

const TONES = [[255, 79, 163, 235], [225, 50, 135, 235]]; // of missing pixels, like a chessboard
const MAX_UNDO = 50;

export class MaskPad {
  /**
   * @param root has .mask (a canvas), .cursor, .hole, .keep, .undo, .clear, .size, [data-preset]
   * @param changed is called when the mask is another, also in the middle of a stroke
   * @param rested is called when a stroke has ended, or a button was pressed
   */
  constructor(root, changed, rested) {
    Object.assign(this, { root, changed, rested, mask: null, before: [], value: 1, at: [0, 0] });
    const find = (name) => root.querySelector(name);
    this.canvas = find(".mask");
    this.ring = find(".cursor");
    this.size = find(".size");
    this.tools = { 1: find(".hole"), 0: find(".keep") };
    for (const value of [1, 0]) {
      this.tools[value].addEventListener("click", () => this.choose(value));
    }
    this.undoer = find(".undo");
    this.undoer.addEventListener("click", () => this.undo());
    find(".clear").addEventListener("click", () => this.set(this.mask.map(() => 0)));
    for (const button of root.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () =>
        this.set(preset(button.dataset.preset, ...this.sides)));
    }
    this.size.addEventListener("input", () => this.show());
    const listen = (name, f) => this.canvas.addEventListener(name, f);
    listen("pointerdown", (event) => this.press(event));
    listen("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) listen(name, () => this.lift());
    listen("keydown", (event) => this.key(event));
    listen("blur", () => this.lift());
  }

  /** Begin with a mask for pictures of [height, width]. */
  begin(sides, mask) {
    const [height, width] = sides;
    Object.assign(this, { sides, mask, before: [], down: false });
    Object.assign(this.canvas, { height, width });
    this.at = [width / 2, height / 2];
    this.choose(1);
    this.draw();
  }

  /** The brush's radius in pixels. */
  get radius() {
    return Number(this.size.value) / 2;
  }

  choose(value) {
    this.value = value;
    for (const k of [1, 0]) this.tools[k].setAttribute("aria-pressed", String(k === value));
  }

  /** Another mask, which can be undone. */
  set(mask) {
    this.remember();
    this.mask = mask;
    this.draw();
    this.changed();
    this.rested();
  }

  remember() {
    this.before.push(this.mask.slice());
    if (this.before.length > MAX_UNDO) this.before.shift();
  }

  undo() {
    if (!this.before.length) return;
    this.down = false;
    this.mask = this.before.pop();
    this.draw();
    this.changed();
    this.rested();
  }

  draw() {
    const [height, width] = this.sides, image = new ImageData(width, height);
    this.mask.forEach((v, i) => {
      if (v) image.data.set(TONES[(Math.floor(i / width) + (i % width)) % 2], 4 * i);
    });
    this.canvas.getContext("2d").putImageData(image, 0, 0);
    this.undoer.disabled = !this.before.length;
    this.show();
  }

  // ---- strokes

  press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.start(this.place(event));
    this.ring.hidden = true;
  }

  move(event) {
    if (!this.down || !this.canvas.hasPointerCapture(event.pointerId)) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.go(this.place(one));
  }

  start(place) {
    this.down = true;
    this.remember();
    this.at = place;
    this.go(place);
  }

  /** The brush goes to a place. */
  go(place) {
    const way = [this.at, place];
    this.at = place;
    if (!paint(this.mask, this.sides, way, this.radius, this.value)) return;
    this.draw();
    this.changed();
  }

  lift() {
    if (!this.down) return;
    this.down = false;
    this.show();
    this.rested();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect(), [height, width] = this.sides;
    return [
      (event.clientX - box.left) / box.width * width,
      (event.clientY - box.top) / box.height * height,
    ];
  }

  // ---- keys

  key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const size = { "[": -1, "]": 1 };
    if (way[event.key]) {
      const step = event.shiftKey ? 4 : 1, [height, width] = this.sides;
      const [x, y] = this.at.map((v, k) => v + step * way[event.key][k]);
      const place = [clamp(x, 0.5, width - 0.5), clamp(y, 0.5, height - 0.5)];
      if (this.down) this.go(place);
      else this.at = place;
    } else if (event.key === " ") {
      if (this.down) this.lift();
      else this.start(this.at);
    } else if (size[event.key]) this.size.value = Number(this.size.value) + size[event.key];
    else if (event.key === "Escape") this.lift();
    else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) {
      this.undo();
    } else return;
    event.preventDefault();
    this.ring.hidden = false;
    this.show();
  }

  /** Where the keys' brush is, how large, and whether it is down. */
  show() {
    if (!this.sides) return;
    const [height, width] = this.sides;
    Object.assign(this.ring.style, {
      left: `${100 * this.at[0] / width}%`, top: `${100 * this.at[1] / height}%`,
      width: `${200 * this.radius / width}%`, height: `${200 * this.radius / height}%`,
    });
    this.ring.classList.toggle("down", Boolean(this.down));
  }
}
