// The drawing: a pen, an eraser and undo, over a picture or over black; by pointer and by keys.

import { clamp } from "../common.js";
import { digitOf } from "./digits.js";

const SIDE = 280; // pixels of the canvas, about
const DIGIT_PEN = 22; // of them: what makes digits as thick as MNIST's are
const PEN = 1.7; // pixels of the network's picture
const ERASER = 2; // times the pen
const STEP = 1 / 28; // of the side, that an arrow key goes

export class Sketch {
  /**
   * @param root has .ground and .ink canvases, .pen and .cursor
   * @param changed is called when the picture is another, also in the middle of a stroke
   * @param rested is called when a stroke has ended, or was taken back
   */
  constructor(root, changed, rested) {
    const find = (name) => root.querySelector(name);
    Object.assign(this, { root, changed, rested, strokes: [], erases: false });
    this.canvas = find(".ink");
    this.ground = find(".ground");
    this.ring = find(".cursor");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.at = [0.5, 0.5]; // where the keys' pen is
    this.tools = { pen: find(".pen"), eraser: find(".eraser") };
    this.tools.pen.addEventListener("click", () => this.choose(false));
    this.tools.eraser.addEventListener("click", () => this.choose(true));
    find(".undo").addEventListener("click", () => this.undo());
    find(".clear").addEventListener("click", () => this.clear());
    this.colour = find(".colour input");
    const listen = (name, f) => this.canvas.addEventListener(name, f);
    listen("pointerdown", (event) => this.press(event));
    listen("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) listen(name, () => this.lift());
    listen("keydown", (event) => this.key(event));
    listen("blur", () => this.lift());
  }

  /**
   * Begin with nothing drawn.
   * @param shape [C, H, W] of the network's pictures
   * @param picture bytes (H, W, C) to draw on; null: a digit is drawn, and centred as MNIST's are
   * @param ink the pen's colour where one has no choice
   */
  begin(shape, picture, draws, ink = "#ffffff") {
    const [channels, height, width] = shape;
    Object.assign(this, { shape, picture, draws, ink, strokes: [], down: false });
    this.digit = !picture && channels === 1 && height === width;
    this.scale = Math.max(1, Math.round(SIDE / Math.max(width, height)));
    const size = { width: width * this.scale, height: height * this.scale };
    Object.assign(this.canvas, size); // which makes it blank
    Object.assign(this.ground, { width, height });
    if (picture) {
      const image = new ImageData(width, height);
      for (let p = 0, i = 0; p < image.data.length; p += 4, i += channels) {
        for (let k = 0; k < 3; k++) image.data[p + k] = picture[i + (channels === 3 ? k : 0)];
        image.data[p + 3] = 255;
      }
      this.ground.getContext("2d").putImageData(image, 0, 0);
    }
    this.root.querySelector(".tools").hidden = !draws;
    this.root.querySelector(".colour").hidden = channels !== 3;
    this.canvas.classList.toggle("still", !draws);
    this.canvas.tabIndex = draws ? 0 : -1;
    this.choose(false);
    this.enable();
  }

  /** Draw strokes again that were drawn on the same picture. */
  resume(strokes) {
    this.strokes = strokes;
    this.redraw();
    this.enable();
  }

  /** Whether anything is drawn. */
  get drawn() {
    return this.strokes.some((stroke) => !stroke.erases);
  }

  /** The picture as the network takes it, bytes (H, W, C); null while there is none. */
  pixels() {
    const [channels, height, width] = this.shape, { canvas, scale } = this;
    if (!this.drawn) return this.picture;
    const rgba = this.context.getImageData(0, 0, canvas.width, canvas.height).data;
    if (this.digit) {
      const ink = new Uint8Array(rgba.length / 4);
      for (let i = 0; i < ink.length; i++) ink[i] = rgba[4 * i + 3];
      return digitOf(ink, canvas.width, canvas.height, height);
    }
    const covered = new Float64Array(width * height * 4); // colours times how opaque they are
    for (let y = 0, i = 0; y < canvas.height; y++) {
      const row = Math.floor(y / scale) * width;
      for (let x = 0; x < canvas.width; x++, i += 4) {
        if (!rgba[i + 3]) continue;
        const at = 4 * (row + Math.floor(x / scale));
        for (let k = 0; k < 3; k++) covered[at + k] += rgba[i + k] * rgba[i + 3];
        covered[at + 3] += rgba[i + 3];
      }
    }
    const full = 255 * scale * scale;
    return Uint8ClampedArray.from({ length: width * height * channels }, (_, i) => {
      const at = 4 * Math.floor(i / channels);
      const under = (this.picture?.[i] ?? 0) * (1 - covered[at + 3] / full);
      return under + covered[at + (i % channels)] / full;
    });
  }

  // ---- strokes

  press(event) {
    if (event.button !== 0 || !this.draws) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.start(this.place(event));
    this.ring.hidden = true;
  }

  move(event) {
    if (!this.down || !this.canvas.hasPointerCapture(event.pointerId)) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.extend(this.place(one));
    this.changed();
  }

  start(place) {
    this.down = true;
    const colour = this.shape[0] === 3 ? this.colour.value : this.ink;
    this.strokes.push({ erases: this.erases, colour, places: [place] });
    this.segment(this.strokes.at(-1), 0);
    this.enable();
    this.changed();
  }

  extend(place) {
    const stroke = this.strokes.at(-1);
    stroke.places.push(place);
    this.segment(stroke, stroke.places.length - 1);
  }

  lift() {
    if (!this.down) return;
    this.down = false;
    this.show();
    this.changed();
    this.rested();
  }

  /** Draw a stroke's way to its i-th place: the same piece by piece as all at once. */
  segment({ erases, colour, places }, i) {
    const { context, canvas } = this;
    const [[x, y], [u, v]] = [places[Math.max(0, i - 1)], places[i]];
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.strokeStyle = colour;
    context.lineWidth = (this.digit ? DIGIT_PEN : PEN * this.scale) * (erases ? ERASER : 1);
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(x * canvas.width, y * canvas.height);
    context.lineTo(u * canvas.width, v * canvas.height);
    context.stroke();
  }

  undo() {
    this.strokes.pop();
    this.redraw();
    this.changes();
  }

  redraw() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const stroke of this.strokes) stroke.places.forEach((_, i) => this.segment(stroke, i));
  }

  clear() {
    this.strokes = [];
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.changes();
  }

  changes() {
    this.down = false;
    this.enable();
    this.changed();
    this.rested();
  }

  choose(erases) {
    this.erases = erases;
    this.tools.pen.setAttribute("aria-pressed", String(!erases));
    this.tools.eraser.setAttribute("aria-pressed", String(erases));
  }

  enable() {
    this.root.classList.toggle("blank", !this.strokes.length);
    for (const name of [".undo", ".clear"]) {
      this.root.querySelector(name).disabled = !this.strokes.length;
    }
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  // ---- keys

  key(event) {
    if (!this.draws) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (way[event.key]) {
      const step = event.shiftKey ? 4 * STEP : STEP;
      this.at = this.at.map((v, k) => clamp(v + step * way[event.key][k], 0, 1));
      if (this.down) {
        this.extend(this.at);
        this.changed();
      }
    } else if (event.key === " ") {
      if (this.down) this.lift();
      else this.start(this.at);
    } else if (event.key === "Escape") this.lift();
    else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) {
      this.undo();
    } else return;
    event.preventDefault();
    this.show();
    this.ring.hidden = false;
  }

  /** Where the keys' pen is, and whether it is down. */
  show() {
    Object.assign(this.ring.style, { left: `${100 * this.at[0]}%`, top: `${100 * this.at[1]}%` });
    this.ring.classList.toggle("down", this.down);
  }
}
