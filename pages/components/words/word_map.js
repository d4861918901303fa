// Words on a plane: their names where there is room, dots where there is none; one may be pressed.

import { inks } from "../bench/plot.js";

const PAD = 26;
const NEAR = 22; // pixels from a press to a word

export class WordMap {
  constructor(canvas, press) {
    this.canvas = canvas;
    this.places = [];
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const n = this.nearest(event.clientX - box.left, event.clientY - box.top);
      if (n !== null) press(n);
    });
    canvas.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!way || !this.numbers?.length) return;
      event.preventDefault();
      const at = this.numbers.indexOf(this.marks?.word) + way;
      press(this.numbers[(at + this.numbers.length) % this.numbers.length]);
    });
  }

  /** @param places of each word two numbers @param names @param numbers of the words */
  set(places, names, numbers) {
    Object.assign(this, { places, names, numbers });
  }

  nearest(x, y) {
    let best = null, least = NEAR;
    this.spots?.forEach(([px, py], i) => {
      const away = Math.hypot(px - x, py - y);
      if (away < least) [best, least] = [this.numbers[i], away];
    });
    return best;
  }

  draw(marks = { word: null, near: [] }) {
    this.marks = marks;
    const { canvas, places, names, numbers } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!places.length || !width) return;
    const ratio = Math.min(devicePixelRatio || 1, 2), ink = inks(canvas);
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const range = [0, 1].map((k) => {
      const all = places.map((place) => place[k]);
      return [Math.min(...all), Math.max(...all)];
    });
    const at = (place, k, side) => PAD + (side - 2 * PAD) * ((place[k] - range[k][0]) / (range[k][1] - range[k][0] || 1));
    this.spots = places.map((place) => [at(place, 0, width), at(place, 1, height)]);
    const near = new Set(marks.near);
    const rank = (i) => (numbers[i] === marks.word ? 0 : near.has(numbers[i]) ? 1 : 2);
    const order = this.spots.map((_, i) => i).sort((a, b) => rank(a) - rank(b) || a - b);
    const taken = [];
    const family = getComputedStyle(canvas).fontFamily;
    for (const i of order) {
      const [x, y] = this.spots[i], marked = rank(i);
      context.font = `${marked === 2 ? 400 : 700} ${marked === 0 ? 15 : 12}px ${family}`;
      context.fillStyle = marked === 2 ? ink.text : ink.accent;
      context.globalAlpha = marked === 2 ? 0.75 : 1;
      const half = context.measureText(names[i]).width / 2 + 2;
      const cx = Math.min(Math.max(x, half), width - half);
      const box = [cx - half, y - 8, cx + half, y + 8];
      const free = taken.every(([l, t, r, b]) => box[2] < l || box[0] > r || box[3] < t || box[1] > b);
      if (free) {
        taken.push(box);
        context.textAlign = "center";
        context.textBaseline = "middle";
        context.fillText(names[i], cx, y);
      } else {
        context.globalAlpha *= 0.6;
        context.beginPath();
        context.arc(x, y, 1.8, 0, 7);
        context.fill();
      }
    }
    context.globalAlpha = 1;
  }
}
