// Rings and the visitor's own points: above the picture, so that no other point hides them.

import { make, same } from "../common.js";

const AT_REST = 30; // frames without a move after which the marks no longer look for one

export class Marks {
  /**
   * @param pixel where on the stage coordinates are drawn
   * @param moved called with each frame in which the map may have moved
   */
  constructor(element, pixel, moved) {
    this.element = element;
    this.pixel = pixel;
    this.moved = moved;
    this.shown = [];
  }

  /** @param marks kind and coordinates of each */
  show(marks) {
    this.shown = marks;
    this.element.replaceChildren(...marks.map(([className]) => make("i", { className })));
    this.before = null;
    this.rest = 0;
    cancelAnimationFrame(this.frame);
    this.place();
  }

  /** Go with the map, which Plotly moves without saying where to, until it rests. */
  follow() {
    this.rest = 0;
    if (!this.frame) this.place();
  }

  place() {
    const places = this.shown.map(([, point]) => this.pixel(point));
    const moved = !same(places, this.before);
    this.moved();
    this.before = places;
    if (moved) {
      places.forEach(([x, y], k) => {
        this.element.children[k].style.translate = `${x}px ${y}px`;
      });
    }
    this.rest = moved ? 0 : this.rest + 1;
    this.frame = this.rest < AT_REST ? requestAnimationFrame(() => this.place()) : null;
  }

  close() {
    cancelAnimationFrame(this.frame);
  }
}
