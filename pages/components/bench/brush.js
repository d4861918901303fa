// Points of a plane painted by hand: look, paint or erase, by pointer or by keys, on canvases that
// show the same plane.

import { clamp, make } from "../common.js";
import { MOST_POINTS, SETS, centresOf } from "./benches/flow_model.js";
import { EXTENT, rounded } from "./plane_sets.js";

const NEAR = 0.2; // between two painted points, and how far the eraser reaches

/** Another set has bumps of its own width; painting begins with what stands there. */
function asChosen(set, before) {
  if (set !== "painted") return { width: SETS[set].width };
  return before.painted.length ? {} : { painted: centresOf(before) };
}

/** The control that chooses the points. */
export const POINTS = {
  name: "set", label: "Points", kind: "choice", also: asChosen,
  options: [...Object.entries(SETS).map(([name, { title }]) => [name, title]), ["painted", "Painted by hand"]],
};

/** A plane's place under the pointer. */
function placeOf(event, canvas) {
  const box = canvas.getBoundingClientRect();
  return [
    ((2 * (event.clientX - box.left)) / box.width - 1) * EXTENT,
    (1 - (2 * (event.clientY - box.top)) / box.height) * EXTENT,
  ];
}

export class Brush {
  /** @param frame of the bench, whose settings `set` and `painted` it changes */
  constructor(frame, canvases) {
    this.frame = frame;
    this.canvases = canvases;
    this.place = null; // where the hand is
    const button = (tool, text) => {
      const made = make("button", { type: "button", textContent: text });
      made.dataset.tool = tool;
      made.addEventListener("click", () => this.#take(tool));
      return made;
    };
    const clear = make("button", { type: "button", textContent: "Clear", title: "One point is left to begin with" });
    clear.addEventListener("click", () => this.#painted([[0, 0]]));
    this.tools = make("div", { className: "tools", role: "group", ariaLabel: "What the pointer does" },
      button("look", "Look"), button("paint", "Paint"), button("erase", "Erase"), clear);
    this.#take("look");
    for (const one of canvases) this.#hear(one);
  }

  #take(tool) {
    this.tool = tool;
    for (const button of this.tools.children) {
      if (button.dataset.tool) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
    for (const one of this.canvases) one.style.touchAction = tool === "look" ? "pan-y" : "none";
  }

  #hear(canvas) {
    canvas.addEventListener("pointerdown", (event) => {
      this.place = placeOf(event, canvas);
      if (this.tool !== "look") {
        event.preventDefault();
        canvas.setPointerCapture(event.pointerId);
        this.painting = this.place;
        this.#put(this.place);
      } else this.frame.redraw();
    });
    canvas.addEventListener("pointermove", (event) => {
      this.place = placeOf(event, canvas);
      if (this.painting && Math.hypot(this.place[0] - this.painting[0], this.place[1] - this.painting[1]) >= NEAR) {
        this.painting = this.place;
        this.#put(this.place);
      }
      this.frame.redraw();
    });
    const up = () => { this.painting = null; };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("pointerleave", () => {
      this.place = null;
      this.frame.redraw();
    });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const { key, shiftKey } = event;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    const tool = { Escape: "look", 1: "paint", 0: "erase" }[key];
    if (move) {
      const by = shiftKey ? 0.5 : 0.1;
      const [x, y] = this.place ?? [0, 0];
      this.place = [clamp(x + move[0] * by, -EXTENT, EXTENT), clamp(y + move[1] * by, -EXTENT, EXTENT)];
      this.frame.redraw();
    } else if (tool) this.#take(tool);
    else if (key === "Enter" && this.tool !== "look") this.#put(this.place ?? [0, 0]);
    else return;
    event.preventDefault();
  }

  /** Paints a point, or erases those near. */
  #put([x, y]) {
    const { settings } = this.frame;
    const points = centresOf(settings);
    if (this.tool === "erase") {
      const left = points.filter(([px, py]) => Math.hypot(px - x, py - y) > NEAR);
      if (!left.length) this.frame.say("One point stays: paint others first.");
      else if (left.length < points.length) this.#painted(left);
    } else if (points.length >= MOST_POINTS) {
      this.frame.say(`There are ${MOST_POINTS} points, which is the most: erase some.`);
    } else this.#painted([...points, [rounded(x), rounded(y)]]);
  }

  #painted(points) {
    this.frame.change({ set: "painted", painted: points });
  }
}
