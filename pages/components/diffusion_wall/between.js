// A row between two pictures: their noises are mixed, along the arc and straight, and drawn.

import { make } from "../common.js";
import { firstNoise } from "../diffusion/sampling.js";
import { linear, slerp, spread } from "./mixing.js";
import { paint } from "./paint.js";

const PLACES = 9; // of a row, its ends with it
const WAYS = { slerp, linear };

export class Between {
  #jobs = [];

  constructor(wall) {
    this.wall = wall;
    this.find = (name) => wall.find(`.between ${name}`);
    this.input = this.find(".mix");
    this.input.addEventListener("input", () => this.to(Number(this.input.value)));
    this.lines = {};
    this.lives = {};
    for (const way of Object.keys(WAYS)) {
      this.lines[way] = Array.from({ length: PLACES }, () => make("canvas", { role: "img" }));
      this.lines[way].forEach((canvas, i) => {
        canvas.ariaLabel = `Drawn at ${i} of ${PLACES - 1} of the way`;
        canvas.addEventListener("click", () => this.to(i / (PLACES - 1)));
      });
      this.find(`.way[data-way="${way}"] .line`).replaceChildren(...this.lines[way]);
      const canvas = this.find(`.live[data-way="${way}"]`);
      this.lives[way] = { canvas, size: canvas.parentElement.querySelector("b"), busy: null, last: null };
    }
  }

  /** Draws both rows, where they are another than before. */
  draw() {
    const { wall } = this, { values, data } = wall;
    const open = wall.find(".between").open, { picture, other } = values;
    if (values.other !== null && !open && !this.opened) {
      this.opened = true;
      wall.find(".between").open = true; // the address says so; its event calls this again
      return;
    }
    if (!open || other === null || !wall.pool || !wall.cells.length) return this.cancel();
    const how = wall.how(picture);
    const wanted = JSON.stringify([data.url, values.noise, picture, other, how, wall.label(other)]);
    if (wanted === this.wanted) return;
    this.cancel();
    this.wanted = wanted;
    this.ends = [picture, other].map((i) => firstNoise(data.shape, values.noise, i));
    this.#tellEnds();
    const [, height, width] = data.shape;
    for (const canvas of Object.values(this.lines).flat()) {
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    }
    const middle = (PLACES - 1) / 2;
    const places = Array.from({ length: PLACES }, (_, i) => i);
    places.sort((a, b) => Math.abs(b - middle) - Math.abs(a - middle)); // the last is drawn first
    for (const place of places) {
      for (const way of ["linear", "slerp"]) {
        const canvas = this.lines[way][place];
        const draw = (picture) => paint(canvas, picture, data.shape);
        this.#jobs.push(this.#job(way, place / (PLACES - 1), draw));
      }
    }
    this.to(values.mix, false);
  }

  #tellEnds() {
    const { wall } = this, { picture, other } = wall.values;
    const one = wall.title(picture), two = wall.title(other);
    this.find(".ends").textContent = `${one} → ${two}`;
    const half = spread(linear(...this.ends, 0.5)), differ = wall.label(picture) !== wall.label(other);
    this.find(".why").textContent =
      `Two noises of ${this.ends[0].length} independent numbers are almost at right angles, and as long `
      + "as each other: all noises lie near a sphere. The arc stays on it. Halfway along the straight "
      + `line the numbers’ size is ${half.toFixed(2)} instead of 1, noise that the network has never met at `
      + "the beginning. What it makes of it, often smoother than it should be, or grey, is no sample any more."
      + (wall.values.sampler === "ddim" ? " New noise is left out here, so that the row depends on the two noises alone." : "")
      + (differ ? " Their classes differ: the first half is asked for the one’s, the second for the other’s." : "");
  }

  /** Draws from the noise at a place; `done` is given the picture. */
  #job(way, share, done) {
    const { wall, wanted } = this, { picture, other, noise: seed, steps } = wall.values;
    const first = WAYS[way](...this.ends, share);
    const how = { ...wall.how(share < 0.5 ? picture : other), eta: 0 };
    return wall.pool.draw({ seed, index: picture, ...how, first }, (step, x) => {
      if (step === steps && wanted === this.wanted) done(x);
    });
  }

  /** Goes to a place between them. */
  to(share, later = true) {
    const { wall } = this;
    wall.values.mix = share;
    this.input.value = share;
    this.input.ariaValueText = `${Math.round(100 * share)} % of the way`;
    if (later) wall.later();
    if (this.ends) for (const way of Object.keys(WAYS)) this.#live(way);
  }

  /** One picture at a time, of where the hand is then. */
  #live(way) {
    const live = this.lives[way], { mix } = this.wall.values, { shape } = this.wall.data;
    const wanted = `${this.wanted} ${mix}`;
    if (live.busy || live.last === wanted) return;
    live.last = wanted;
    live.size.textContent = spread(WAYS[way](...this.ends, mix)).toFixed(2);
    const job = this.#job(way, mix, (picture) => {
      if (live.busy !== job) return;
      paint(live.canvas, picture, shape);
      live.busy = null;
      this.#live(way);
    });
    live.busy = job;
  }

  cancel() {
    for (const job of this.#jobs) job.cancel();
    for (const live of Object.values(this.lives)) {
      live.busy?.cancel();
      live.busy = null;
    }
    this.#jobs = [];
    this.wanted = null;
  }
}
