// The images themselves in place of their points, where few enough are in view.

import { clamp } from "../common.js";

export const MOST = 400; // images in view at once
const SMALLEST = 16, LARGEST = 56; // pixels of a side
const SHARE = 0.35; // of the stage that they may cover together

/** Members of a flat map in view. @param ranges [low, high] of each axis */
export function inView(members, [xs, ys], [[left, right], [low, high]]) {
  return members.filter((i) => xs[i] >= left && xs[i] <= right && ys[i] >= low && ys[i] <= high);
}

/** Pixels of a side of so many images on a stage. */
export const sideOf = (count, width, height) =>
  clamp(Math.sqrt((SHARE * width * height) / count), SMALLEST, LARGEST);

export class CloseUps {
  constructor(canvas, map) {
    this.canvas = canvas;
    this.map = map;
    this.places = []; // member, x and y of each, the topmost last
  }

  /** The image that covers a place of the stage. */
  at([x, y]) {
    const covers = ([, a, b]) => Math.max(Math.abs(a - x), Math.abs(b - y)) <= this.side / 2 + 2;
    return this.places.findLast(covers)?.[0];
  }

  /** Draw what is in view now: nothing of all, in 3-D, of the making, or of too many. */
  draw() {
    const { map, canvas } = this, { figure, hand } = map;
    const flat = figure?.axes.length === 2 && map.replay.place === null;
    const near = flat && map.view ? inView(figure.members, figure.axes, hand.current()) : [];
    canvas.hidden = !near.length || near.length > MOST;
    this.places = canvas.hidden ? [] : near.map((i) => [i, ...map.pixel(map.ids[i])]);
    if (canvas.hidden) return;
    const { clientWidth: width, clientHeight: height } = map.stage;
    const sharp = window.devicePixelRatio || 1;
    Object.assign(canvas, { width: width * sharp, height: height * sharp }); // clears it, too
    const context = canvas.getContext("2d");
    context.scale(sharp, sharp);
    context.imageSmoothingEnabled = false;
    const side = this.side = sideOf(near.length, width, height);
    const chosen = figure.chosen && new Set(figure.chosen.map((k) => figure.members[k]));
    for (const [i, x, y] of this.places) {
      context.globalAlpha = chosen && !chosen.has(i) ? 0.25 : 1;
      context.fillStyle = figure.colours.of([i])[0];
      context.fillRect(x - side / 2 - 2, y - side / 2 - 2, side + 4, side + 4);
      if (!map.thumbnails.stamp(map.ids[i], context, x - side / 2, y - side / 2, side)) {
        map.thumbnails.whenHere(map.ids[i], () => this.draw());
      }
    }
  }
}
