// The path of one picture: what it is made of at a time, itself and the guess at eight times, and how
// far both move in each step.

import { Plot } from "../bench/plot.js";
import { make } from "../common.js";
import { scales } from "../diffusion/sampling.js";
import { spread } from "./mixing.js";
import { paint, paintSigned } from "./paint.js";

const MOMENTS = 8; // times of the strips
const MOST = 2.5; // noise that has the full colour: one number in eighty is beyond

export class Path {
  constructor(wall) {
    this.wall = wall;
    this.find = (name) => wall.find(`.path ${name}`);
    this.plot = new Plot(this.find(".moves"));
  }

  choose(cell) {
    this.cell = cell;
    this.drawn = null;
  }

  /** What the picture is at a frame. */
  draw(frame) {
    const { cell, wall } = this;
    if (!cell?.track) return;
    const { track } = cell, at = Math.min(frame, track.last);
    const state = [cell.index, cell.wanted, frame, track.last, wall.root.clientWidth].join();
    if (this.drawn === state) return;
    this.drawn = state;
    this.find(".which").textContent = wall.title(cell.index);
    this.#sum(track, at);
    this.#strips(track, frame);
    this.#moves(track, at);
  }

  #sum(track, at) {
    const { shape, process } = this.wall.data, t = this.wall.times[at];
    const { alpha, sigma } = scales(process, t);
    const x = track.xs[at], guess = track.guess(at);
    const noise = x.map((v, i) => (sigma ? (v - alpha * guess[i]) / sigma : 0));
    paint(this.find(".x"), x, shape, Math.max(1, sigma));
    paint(this.find(".guess"), guess, shape);
    paintSigned(this.find(".arrow"), noise, shape, MOST);
    this.find(".alpha").textContent = alpha.toFixed(2);
    this.find(".sigma").textContent = sigma.toFixed(2);
    this.find(".shrunk").textContent = sigma > 1 ? `, shown ÷ ${sigma.toFixed(1)}` : "";
    const when = `at t = ${t.toFixed(2)}`;
    this.find(".x").ariaLabel = `The noisy picture ${when}`;
    this.find(".guess").ariaLabel = `The guess of the finished picture ${when}`;
    this.find(".arrow").ariaLabel = `The noise that the network sees ${when}: orange above 0, blue below`;
  }

  #strips(track, frame) {
    const { wall } = this, { steps } = wall.values, { shape, process } = wall.data;
    const count = Math.min(MOMENTS, steps + 1);
    const frames = Array.from({ length: count }, (_, i) => Math.round((i * steps) / (count - 1)));
    const place = this.find(".strips");
    const wanted = frames.join();
    if (place.frames !== wanted) {
      place.frames = wanted;
      this.moments = frames.map((to) => {
        const [, height, width] = shape, size = { width, height };
        const [noisy, guess] = [make("canvas", size), make("canvas", size)];
        const text = make("span", { textContent: Number(wall.times[to].toFixed(2)) });
        const button = make("button", { type: "button" }, noisy, guess, text);
        button.ariaLabel = `t = ${wall.times[to].toFixed(2)}`;
        button.addEventListener("click", () => wall.go(to));
        return { to, button, noisy, guess };
      });
      place.replaceChildren(...this.moments.map(({ button }) => button));
      this.key = null;
    }
    const nearest = frames.reduce((a, b) => (Math.abs(b - frame) < Math.abs(a - frame) ? b : a));
    const key = [this.cell.index, this.cell.wanted, wanted].join(), anew = key !== this.key;
    this.key = key;
    for (const moment of this.moments) {
      const { to, button, noisy, guess } = moment, there = to <= track.last;
      button.ariaPressed = String(to === nearest);
      for (const canvas of [noisy, guess]) canvas.style.visibility = there ? "" : "hidden";
      const has = there ? (track.knows(to) ? 2 : 1) : 0;
      if (!anew && moment.has === has) continue;
      moment.has = has;
      if (!there) continue;
      paint(noisy, track.xs[to], shape, Math.max(1, scales(process, wall.times[to]).sigma));
      paint(guess, track.guess(to), shape);
    }
  }

  #moves(track, at) {
    const { steps } = this.wall.values, { plot } = this;
    const noisy = [], guess = [];
    for (let k = 0; k < track.last; k++) {
      noisy.push([k + 1, spread(track.xs[k + 1], track.xs[k])]);
      if (track.knows(k + 1)) guess.push([k + 1, spread(track.guess(k + 1), track.guess(k))]);
    }
    const most = Math.max(0.1, ...noisy.map(([, v]) => v), ...guess.map(([, v]) => v));
    plot.begin({ x: [0, steps + 0.5], y: [0, 1.08 * most], labels: ["step", "moved"] });
    const { accent, text, line } = plot.inks;
    plot.line([[at, 0], [at, 2 * most]], { colour: line, width: 1 });
    plot.line(noisy, { colour: text, width: 1.5, alpha: 0.7 });
    plot.line(guess, { colour: accent });
    for (const [points, colour] of [[noisy, text], [guess, accent]]) {
      if (points[at - 1]) plot.dot(points[at - 1], { colour, radius: 3 });
    }
    const [a, b] = [noisy[at - 1]?.[1] ?? 0, guess[at - 1]?.[1] ?? 0];
    this.find(".moves").ariaLabel =
      `In step ${at} the noisy picture moved by ${a.toFixed(3)}, the guess by ${b.toFixed(3)}`;
  }
}
