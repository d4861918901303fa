// Between the hand and Python: each thing is sent once, and nothing old takes anything back.

import { same } from "../common.js";
import { rounded } from "./geometry.js";

export const REST = 300; // milliseconds without another move that count as letting go

export class Talk {
  /** @param map has clicked, lasso, view and shown; follow(name, value) is called to change one */
  constructor(map) {
    this.map = map;
    this.moves = 0; // the number of the last thing sent
    this.agreed = {}; // what Python and the hand last agreed on
    this.place = null; // an empty place that was clicked, sent until Python has heard of it
  }

  /** What Python merely repeats takes nothing back that the hand has changed since. */
  take(data, old, another) {
    if (another) this.place = this.unplaced = null;
    const behind = data.seen < this.moves || this.map.held || this.waiting;
    for (const name of ["clicked", "lasso", "view", "shown"]) {
      const news = !same(old[name], data[name]) && !same(this.agreed[name], data[name]);
      if (!another && (!news || behind)) continue;
      this.agreed[name] = data[name];
      this.map.follow(name, data[name]);
    }
    this.moves = Math.max(this.moves, data.seen);
    if (this.place && data.seen >= this.place.move) this.place = null;
  }

  /** Tell Python after a moment in which nothing else happens. */
  release(delay = 0) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.report(), delay);
  }

  /** An empty place of a code plane was clicked. */
  put(at) {
    this.unplaced = at.map(rounded);
    this.release();
  }

  report() {
    const { clicked, lasso, view, shown, data, held } = this.map;
    this.waiting = null;
    if (held) return this.release(REST);
    const sorted = shown && [...shown].sort((a, b) => a - b);
    const value = { clicked, lasso, view, shown: sorted };
    if (same(value, this.agreed) && !this.unplaced) return;
    this.agreed = value;
    this.moves += 1;
    if (this.unplaced) this.place = { move: this.moves, at: this.unplaced };
    this.unplaced = null;
    this.map.tell("said", { move: this.moves, map: data.map, ...value, place: this.place });
  }

  close() {
    clearTimeout(this.waiting);
  }
}
