// What the hand does on the map: pointing, tapping, lassos, tools, keys.

import { clamp } from "../common.js";
import { rounded, simplified } from "./geometry.js";
import { REST } from "./messages.js";
import { coordinates, NEAR, nearest, projection, rangesInView } from "./picking.js";
import { Pinch } from "./pinch.js";

const STEP = 0.1; // of the view, for a press of an arrow key
const TURN = Math.PI / 18;

export class Hand {
  constructor(map) {
    this.map = map;
    this.controller = new AbortController();
    this.pinch = new Pinch(this);
    this.tools();
    this.hold();
    const plot = map.find(".plot");
    plot.addEventListener("keydown", (event) => this.key(event));
    plot.addEventListener("pointermove", (event) => this.over(event), { capture: true });
    plot.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType === "mouse") map.card.hide(); // a finger leaves when it is lifted
    });
  }

  close() {
    this.controller.abort();
    cancelAnimationFrame(this.frame);
  }

  /** Listen to Plotly. */
  attach(plot) {
    if (this.plot === plot) return;
    this.plot = plot;
    plot.on("plotly_selected", (event) => event && this.selected(event));
    plot.on("plotly_relayout", (changes) => this.moved(changes));
    plot.on("plotly_relayouting", () => {
      this.map.card.hide();
      this.map.marks.follow();
    });
    plot.on("plotly_webglcontextlost", () => {
      this.map.fail("The browser took the map's graphics away. Reload the page.");
    });
  }

  /** Nothing is drawn anew under a hand that holds the map. */
  hold() {
    const { map } = this, { signal } = this.controller;
    const down = (event) => {
      map.held = true;
      this.pressed = event.button === 0 ? event : null;
    };
    const up = (event) => {
      if (!map.held) return;
      map.held = false;
      if (map.stale) map.redraw();
      if (event.type === "pointerup") this.tap(event);
    };
    // Plotly covers the page while something is dragged, so that the plot hears of no move: a lasso
    // that comes back to where it began has moved all the same.
    const move = (event) => {
      if (this.pressed && this.away(event, this.pressed)) this.pressed = null;
    };
    window.addEventListener("pointermove", move, { capture: true, signal });
    map.find(".plot").addEventListener("pointerdown", down, { capture: true });
    for (const name of ["pointerup", "pointercancel", "blur"]) {
      window.addEventListener(name, up, { signal });
    }
  }

  // ---- pointing

  over(event) {
    const { map } = this;
    this.pointer = event;
    if (map.held) return;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (!map.held) this.point(this.local(this.pointer));
    });
  }

  away(event, { clientX, clientY }) {
    return Math.hypot(event.clientX - clientX, event.clientY - clientY) > NEAR;
  }

  /** Show what is at a place of the stage: the image, and what it decodes to. Gives the point. */
  point(at) {
    const { map } = this;
    if (!this.plot || !map.figure) return undefined;
    const { axes, members, size } = map.figure;
    const i = map.closeUps.at(at) ?? nearest(this.view(), axes, members, at, size);
    if (map.decoder && map.replay.place === null) this.decode(at);
    map.find(".plot").classList.toggle("over", i !== undefined);
    if (i !== undefined) map.present(i);
    else map.card.forget();
    map.card.move(...at);
    return i;
  }

  /** A press that has not moved: of a point, or of an empty place of a code plane. */
  tap(event) {
    const { map, pressed } = this;
    this.pressed = null;
    if (!pressed || this.away(event, pressed) || this.pinch.over()) return;
    const at = this.local(event), i = this.point(at);
    if (map.replay.place !== null || map.replay.playing) return;
    if (i !== undefined) map.click(map.ids[i]);
    else if (map.decoder) map.talk.put(this.place(at));
  }

  decode(at) {
    const { map } = this, place = this.place(at);
    const only = map.shown?.size === 1 ? Math.max(0, [...map.shown][0]) : 0;
    map.card.decode(map.decoder, place, only);
    map.root.labPlace = place;
  }

  // ---- selecting and moving

  selected({ lassoPoints, range }) {
    const { map } = this;
    let polygon = null;
    if (lassoPoints) {
      const { x, y } = lassoPoints, [[low, high]] = this.current();
      polygon = x.map((v, k) => [v, y[k]]);
      if (polygon.length > 2) polygon = simplified(polygon, high - low);
    } else if (range) {
      const [x0, x1] = range.x, [y0, y1] = range.y;
      polygon = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    }
    if (polygon?.length > 2) polygon = polygon.map((corner) => corner.map(rounded));
    else polygon = map.lasso; // a slip of the hand
    map.select(polygon);
  }

  /** The visitor moved the map; what we draw ourselves says nothing of the kind. */
  moved(changes) {
    const { map } = this;
    if (map.replay.place !== null) return;
    const camera = changes["scene.camera"];
    map.marks.follow();
    const other = (k) => Math.abs(camera.eye[k] - map.eye[k]) > 1e-6;
    const ranged = (k) => /^[xy]axis\.range/.test(k);
    if (camera && ["x", "y", "z"].some(other)) map.turnTo(camera.eye);
    else if (Object.keys(changes).some(ranged)) map.moveTo(this.current());
    else return;
    map.talk.release(REST);
  }

  tools() {
    const { map } = this;
    for (const button of map.root.querySelectorAll(".tools button")) {
      button.ariaLabel = button.title;
      button.addEventListener("click", () => {
        const { tool, act } = button.dataset;
        if (tool) map.tool = tool;
        else map[act]();
        map.redraw();
      });
    }
  }

  mark() {
    const { map } = this;
    for (const button of map.root.querySelectorAll(".tools button")) {
      const { tool, act } = button.dataset;
      if (tool) button.ariaPressed = String(tool === map.tool);
      if (act === "clear") button.disabled = !map.lasso;
      if (act === "reset") button.disabled = !map.view;
    }
  }

  key(event) {
    const { map } = this;
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const zooms = { "+": 0.8, "=": 0.8, "-": 1.25 };
    const way = ways[event.key], zoom = zooms[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || map.replay.place !== null) return;
    if (event.key === "0" || event.key === "Home") map.reset();
    else if (event.key === "Escape") map.clear();
    else if (event.key === "Enter") this.enter();
    else if (!way && !zoom) return;
    else if (map.axes.length === 3) map.turnTo(this.turned(way, zoom));
    else map.moveTo(this.shifted(way, zoom));
    event.preventDefault();
    map.redraw();
    map.talk.release(REST);
  }

  /** Take the point nearest to the middle of the stage. */
  enter() {
    const { map } = this;
    if (!this.plot || !map.figure) return;
    const { axes, members, size } = map.figure, { clientWidth, clientHeight } = map.stage;
    const middle = [clientWidth / 2, clientHeight / 2];
    const i = nearest(this.view(), axes, members, middle, size, Infinity);
    if (i !== undefined) map.go(map.ids[i]);
  }

  shifted(way = [0, 0], zoom = 1) {
    return this.current().map(([low, high], d) => {
      const middle = (low + high) / 2 + way[d] * STEP * (high - low);
      return [middle - (zoom * (high - low)) / 2, middle + (zoom * (high - low)) / 2];
    });
  }

  turned(way = [0, 0], zoom = 1) {
    const { x, y, z } = this.map.eye;
    const radius = zoom * Math.hypot(x, y, z);
    const around = Math.atan2(y, x) + way[0] * TURN;
    const up = clamp(Math.asin(clamp((zoom * z) / radius, -1, 1)) + way[1] * TURN, -1.5, 1.5);
    return {
      x: radius * Math.cos(up) * Math.cos(around),
      y: radius * Math.cos(up) * Math.sin(around),
      z: radius * Math.sin(up),
    };
  }

  // ---- places

  /** Where on the stage an event is. */
  local({ clientX, clientY }) {
    const box = this.map.find(".plot").getBoundingClientRect(); // within the stage's border
    return [clientX - box.left, clientY - box.top];
  }

  /** What is in view now, which Plotly fits to the shape of the stage. */
  current() {
    return rangesInView(this.plot) ?? this.map.ranges;
  }

  /** The coordinates of a place of the stage, in 2-D. */
  place(at) {
    return coordinates(this.plot, at);
  }

  view() {
    const { clientWidth, clientHeight } = this.map.stage;
    return projection(this.plot, clientWidth, clientHeight);
  }

  /** The place of the stage where coordinates are drawn. */
  pixel([x, y, z = 0]) {
    const { across, down, depth } = this.view();
    const at = ([a, b, c, d]) => a * x + b * y + c * z + d;
    return [at(across) / at(depth), at(down) / at(depth)];
  }
}
