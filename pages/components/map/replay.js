// The making of the map, played again: snapshots that are fetched when they are first needed.

import { fetchBytes, reducedMotion } from "../common.js";
import { around } from "./geometry.js";

const SNAPSHOTS_A_SECOND = 12;

/** Snapshots: [F, N, D] u32, F iterations u32, F×D bounds f32, F×N×D u16 over these bounds. */
export class Frames {
  constructor(buffer) {
    const [frames, points, dimensions] = new Uint32Array(buffer, 0, 3);
    const size = 12 + 4 * frames + 8 * frames * dimensions + 2 * frames * points * dimensions;
    if (!frames || ![2, 3].includes(dimensions) || buffer.byteLength !== size) throw new Error();
    this.count = frames;
    this.points = points;
    this.dimensions = dimensions;
    this.iterations = new Uint32Array(buffer, 12, frames);
    this.bounds = new Float32Array(buffer, 12 + 4 * frames, 2 * frames * dimensions);
    this.steps = new Uint16Array(buffer, 12 + 4 * frames + 8 * frames * dimensions);
  }

  limits(frame) {
    const at = 2 * frame * this.dimensions;
    return Array.from({ length: this.dimensions }, (_, d) => [
      this.bounds[at + 2 * d],
      this.bounds[at + 2 * d + 1],
    ]);
  }

  /** Where the points are between two snapshots: coordinates, an array for each dimension. */
  axes(place) {
    const first = Math.floor(place), next = Math.min(first + 1, this.count - 1);
    const t = place - first, length = this.points * this.dimensions;
    const one = this.limits(first), two = this.limits(next);
    return one.map((_, d) => {
      const [low, high] = one[d], [low2, high2] = two[d];
      const scale = (high - low) / 65535, scale2 = (high2 - low2) / 65535;
      const axis = new Float64Array(this.points);
      for (let i = 0, k = d; i < axis.length; i++, k += this.dimensions) {
        const from = low + scale * this.steps[first * length + k];
        axis[i] = t ? from + t * (low2 + scale2 * this.steps[next * length + k] - from) : from;
      }
      return axis;
    });
  }

  /** What is in view at a place: it grows by orders of magnitude, so in equal factors. */
  ranges(place) {
    const first = Math.floor(place), next = Math.min(first + 1, this.count - 1), t = place - first;
    const one = around(this.limits(first)), two = around(this.limits(next));
    return one.map(([low, high], d) => {
      const side = high - low, side2 = two[d][1] - two[d][0];
      const now = side ** (1 - t) * side2 ** t;
      const middle = (low + high) / 2 + t * ((two[d][0] + two[d][1]) / 2 - (low + high) / 2);
      return [middle - now / 2, middle + now / 2];
    });
  }
}

async function fetchFrames(url) {
  const buffer = await fetchBytes(url, "replay");
  try {
    return new Frames(buffer);
  } catch {
    throw new Error("The replay arrived damaged.");
  }
}

export class Replay {
  /** @param on what is called: draw(), fits(frames) says whether they are this map's, say(text) */
  constructor(element, on) {
    this.element = element;
    this.on = on;
    this.button = element.querySelector(".play");
    this.input = element.querySelector("input");
    this.button.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    this.input.addEventListener("input", () => this.scrub());
  }

  /** Another map: its final state is in view. */
  reset(url) {
    this.url = url;
    this.frames = null;
    this.arriving = null;
    this.place = null; // where between the snapshots, or null at the end
    this.pause();
    this.element.hidden = !url;
    this.mark();
  }

  close() {
    this.url = null;
    this.pause();
  }

  /** The snapshots, fetched once; null when there are none, which is said. */
  async load() {
    const { url } = this;
    this.arriving ??= fetchFrames(url);
    try {
      const frames = await this.arriving;
      if (this.url !== url) return null;
      if (!this.on.fits(frames)) throw new Error("The replay is another map's.");
      this.frames = frames;
      this.input.max = frames.count - 1;
      return frames;
    } catch (error) {
      if (this.url === url) {
        this.arriving = null;
        this.pause();
        this.on.say(`${error.message} Reload the page, or play again.`);
      }
      return null;
    }
  }

  async play() {
    this.playing = true;
    this.mark();
    const frames = await this.load();
    if (!frames || !this.playing) return;
    this.place ??= 0;
    this.last = null;
    this.tick();
  }

  pause() {
    this.playing = false;
    cancelAnimationFrame(this.timer);
    this.mark();
  }

  tick() {
    this.timer = requestAnimationFrame(async (now) => {
      if (!this.playing) return;
      // A slow machine skips nothing of the way but shows fewer of its steps.
      const passed = Math.min(now - (this.last ?? now), 250);
      const place = this.place + (passed / 1000) * SNAPSHOTS_A_SECOND;
      this.last = now;
      await this.go(reducedMotion() ? Math.floor(place) : place);
      this.place = this.place === null ? null : place;
      if (this.place === null) this.pause();
      else if (this.playing) this.tick();
    });
  }

  async scrub() {
    const share = Number(this.input.value) / Number(this.input.max || 1);
    this.pause();
    const frames = this.frames ?? (await this.load());
    if (!frames) return;
    await this.go(Math.round(share * (frames.count - 1)));
  }

  /** Show a place; the last snapshot is the map itself. */
  async go(place) {
    this.place = place >= this.frames.count - 1 ? null : place;
    this.mark();
    await this.on.draw();
  }

  mark() {
    const { frames, place, playing } = this;
    this.button.classList.toggle("on", Boolean(playing));
    this.button.title = this.button.ariaLabel = playing ? "Pause" : "Play";
    this.input.value = place ?? this.input.max;
    const share = frames ? (place ?? frames.count - 1) / (frames.count - 1 || 1) : 1;
    this.input.style.setProperty("--to", `${100 * share}%`);
    const nearest = frames && Math.round(place ?? frames.count - 1);
    this.element.querySelector("output").value = frames
      ? `Iteration ${frames.iterations[nearest].toLocaleString("en")}`
      : "How it came about";
  }
}
