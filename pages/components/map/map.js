// The map: Plotly's points with our own card, legend, tools and replay.
// Nothing is sent while something moves; what the hand has done is sent once.

import { component, make, same } from "../common.js";
import { fetchDecoder } from "../live/decoder.js";
import { loadPlotly, theme } from "../plotly.js";
import { CloseUps } from "./close_ups.js";
import { Colours, EYE, layout, painted, pointSize, sketch, traces } from "./figure.js";
import { hull, inside, rounded } from "./geometry.js";
import { Hand } from "./gestures.js";
import { Legend, short } from "./legend.js";
import { Marks } from "./marks.js";
import { REST, Talk } from "./messages.js";
import { fetchArrays, unpack, unpackPoints } from "./packing.js";
import { Replay } from "./replay.js";
import { Card, Thumbnails } from "./thumbnails.js";

const CONFIG = {
  displayModeBar: false, scrollZoom: true, doubleClick: false, responsive: false,
  showTips: false, showAxisDragHandles: false, showAxisRangeEntryBoxes: false,
};

const KEYS = "Arrow keys move or turn it, plus and minus zoom, Enter takes the point in the middle.";

/** Whether there is WebGL. */
function canDraw() {
  const context = document.createElement("canvas").getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext(); // browsers give few
  return Boolean(context);
}

class LabMap {
  constructor(root) {
    this.root = root;
    this.stage = this.find(".stage");
    this.talk = new Talk(this);
    this.card = new Card(this.find(".card"));
    this.legend = new Legend(this.find(".side"), {
      shown: (shown) => this.isolate(shown),
      go: (id) => this.go(id),
    });
    this.replay = new Replay(this.find(".replay"), {
      draw: () => this.draw(),
      fits: (frames) => frames.points === this.ids.length && frames.dimensions === this.axes.length,
      say: (text) => this.say(text),
    });
    this.tool = "pan";
    this.hand = new Hand(this);
    this.resized = new ResizeObserver(() => this.data && this.redraw());
    this.resized.observe(this.stage);
    this.closeUps = new CloseUps(this.find(".close-ups"), this);
    this.marks = new Marks(
      this.find(".marks"), (point) => this.hand.pixel(point), () => this.closeUps.draw(),
    );
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  /** What Python says, at first and after each run, and when the theme changes. */
  async update(said) {
    this.said = said;
    const { points, ids, groups, colours } = said.data;
    const coming = fetchArrays([points, ids, groups, colours.values]);
    if (coming) {
      const failed = await coming.then(() => null, (error) => error);
      if (this.closed || this.said !== said) return; // there is newer news
      if (failed) return this.fail(failed.message);
    }
    this.take(said);
  }

  take({ data, setStateValue }) {
    const old = this.data ?? {};
    this.data = data;
    this.tell = setStateValue;
    const another = old.map !== data.map;
    if (another) this.open();
    if (another || !same(old.groups, data.groups)) {
      this.groups = data.groups && unpack(data.groups);
    }
    if (another || old.thumbnails !== data.thumbnails) this.fetchThumbnails();
    this.colour();
    if (another || old.frames !== data.frames) this.replay.reset(data.frames);
    if (another || old.decoder !== data.decoder) this.fetchDecoder();
    this.talk.take(data, old, another);
    this.find(".plot").ariaLabel = `${data.alt}. ${KEYS}`;
    this.redraw();
  }

  /** Another map: its points, all in view. */
  open() {
    const { data } = this;
    this.axes = unpackPoints(data.points);
    this.ids = unpack(data.ids);
    this.index = new Map(Array.from(this.ids, (id, i) => [id, i]));
    this.home = hull(this.axes);
    this.figure = null; // what is drawn still is another map
    this.card.hide();
    this.say("");
    this.root.dataset.dimensions = this.axes.length;
    if (this.axes.length === 3) this.tool = "pan";
  }

  /** The colours and the legend, when they would be others: what is focused there stays so. */
  colour() {
    const { data, groups } = this;
    const { names, none, colours, palette } = data;
    const key = JSON.stringify([data.groups, names, none, colours, palette, theme(this.root)]);
    if (key === this.colours?.key) return;
    this.colours = new Colours(this.root, data, groups);
    this.colours.key = key;
    this.legend.build(groups, names, none, this.colours, colours);
  }

  close() {
    this.closed = true;
    this.resized.disconnect();
    this.hand.close();
    this.marks.close();
    this.talk.close();
    cancelAnimationFrame(this.frame);
    this.replay.close();
    if (this.thumbnails) this.thumbnails.closed = true;
    if (this.plot) window.Plotly.purge(this.plot); // browsers give few WebGL contexts
  }

  fail(sentence) {
    this.root.dataset.state = "failed";
    Object.assign(this.find(".failure"), { hidden: false, textContent: sentence });
  }

  fetchThumbnails() {
    if (this.thumbnails) this.thumbnails.closed = true;
    this.thumbnails = new Thumbnails(this.data.thumbnails);
    this.unfetched = true; // until after the first paint
  }

  async fetchDecoder() {
    const { decoder: url } = this.data;
    this.decoder = null;
    this.root.dataset.decoder = "";
    this.card.hide();
    if (!url) return;
    try {
      const decoder = await fetchDecoder(url);
      if (this.data.decoder !== url) return;
      if (decoder.latent !== 2) throw new Error("The decoder is another model's.");
      this.decoder = decoder;
      this.root.dataset.decoder = "ready";
    } catch (error) {
      if (this.data.decoder === url) this.say(`${error.message} Reload the page to decode here.`);
    }
  }

  // ---- how the map stands

  /** Python has changed something. */
  follow(name, value) {
    if (name === "view") this.look(value);
    else this[name] = name === "shown" && value ? new Set(value) : value;
  }

  /** See so much: x0, x1, y0, y1 or the eye; null for all. */
  look(view) {
    this.view = view;
    this.ranges = this.home;
    this.eye = EYE;
    if (!view) return;
    if (this.axes.length === 3) this.eye = { x: view[0], y: view[1], z: view[2] };
    else this.ranges = [view.slice(0, 2), view.slice(2)];
  }

  isolate(shown) {
    this.shown = shown;
    this.redraw();
    this.talk.release(REST); // a double click is two clicks before
  }

  click(id) {
    this.clicked = id;
    this.redraw();
    this.talk.release();
  }

  select(polygon) {
    this.drawn = null;
    this.lasso = polygon;
    this.redraw();
    this.talk.release();
  }

  /** Go to an image by its number; a sentence if it is not here. */
  go(id) {
    const i = this.index.get(id);
    if (i === undefined) return `Image ${id} is not on this map.`;
    if (!this.visible(i)) {
      this.shown = this.legend.whole(new Set([...this.shown, this.groups[i] - 1]));
    }
    const place = this.axes.map((axis) => axis[i]);
    const seen = this.hand.current();
    if (this.axes.length === 2 && place.some((v, d) => v < seen[d][0] || v > seen[d][1])) {
      this.moveTo(seen.map(([low, high], d) => [
        place[d] - (high - low) / 2,
        place[d] + (high - low) / 2,
      ]));
    }
    this.click(id);
    this.draw().then(() => {
      this.present(i);
      this.card.move(...this.pixel(id));
    });
    return null;
  }

  moveTo(ranges) {
    this.drawn = null;
    this.ranges = ranges;
    this.view = ranges.flat().map(rounded);
  }

  turnTo(eye) {
    this.drawn = null; // by us: the hand may have moved it
    this.eye = eye;
    this.view = [eye.x, eye.y, eye.z].map(rounded);
  }

  clear() {
    this.select(null);
  }

  reset() {
    this.look(null);
    this.redraw();
    this.talk.release();
  }

  /** Whether a point's class is shown; an id that is not on the map has no point. */
  visible(i) {
    const { shown, groups } = this;
    return i !== undefined && (!shown || !groups || shown.has(groups[i] - 1));
  }

  /** What is in view, and in the lasso: places in `members`, or null without one. */
  sort() {
    this.members = [];
    for (let i = 0; i < this.ids.length; i++) if (this.visible(i)) this.members.push(i);
    this.chosen = null;
    if (!this.lasso || this.axes.length === 3 || this.replay.place !== null) return;
    const [x, y] = this.axes;
    this.chosen = [];
    this.members.forEach((i, k) => inside(x[i], y[i], this.lasso) && this.chosen.push(k));
  }

  // ---- drawing

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  /** One drawing after the other, until the newest state is drawn. */
  draw() {
    this.stale = true;
    this.drawing ??= this.paintAll().finally(() => (this.drawing = null));
    return this.drawing;
  }

  async paintAll() {
    try {
      if (!window.Plotly) {
        this.sketch();
        await painted(); // to begin with, Plotly takes all of the browser's time
      }
      const Plotly = await loadPlotly(this.data.plotly);
      while (this.stale && !this.closed && !this.held) {
        this.stale = false;
        await this.paint(Plotly);
      }
    } catch (error) {
      this.fail(error.message);
    }
  }

  /** The points of a flat map at once, on a canvas, while Plotly is still on its way. */
  sketch() {
    if (this.axes.length === 3) return;
    this.sort();
    this.mark();
    const { axes, ranges, members, chosen, colours, stage } = this;
    const size = pointSize(this.ids.length, stage.clientWidth);
    const canvas = this.find(".sketch");
    sketch(canvas, stage.clientWidth, stage.clientHeight, {
      axes, ranges, members, chosen, colours, size,
    });
    canvas.hidden = false;
    this.root.dataset.sketched = "";
  }

  async paint(Plotly) {
    const begin = performance.now();
    this.sort();
    const { frames, place } = this.replay, made = place === null;
    const figure = {
      axes: made ? this.axes : frames.axes(place),
      ranges: made ? this.ranges : frames.ranges(place),
      members: this.members, chosen: this.chosen, colours: this.colours,
      size: pointSize(this.ids.length, this.stage.clientWidth),
      eye: this.eye,
      tool: made ? this.tool : false,
      lasso: made && this.axes.length === 2 ? this.lasso : null,
      ticks: Boolean(this.data.decoder),
    };
    this.mark();
    // Most runs of the page change nothing here, or only the marks; Plotly takes its time for each.
    const { ranges, eye, size, tool, lasso, ticks } = figure;
    const shown = this.shown && [...this.shown];
    const box = [this.stage.clientWidth, this.stage.clientHeight];
    const from = [this.data.map, place, shown, ranges, eye, size, tool, lasso, ticks, box];
    const drawn = JSON.stringify([from, this.colours.key]);
    if (drawn !== this.drawn) {
      if (this.plot && box[0] && !same(box, this.box)) await Plotly.Plots.resize(this.plot);
      this.box = box;
      await Plotly.react(this.mounted(Plotly), traces(figure), layout(figure), CONFIG);
      if (this.closed) return;
      this.drawn = drawn;
      this.hand.attach(this.plot);
    }
    this.find(".sketch").hidden = true;
    this.figure = figure; // what is under the pointer is what was drawn
    this.marks.show(made ? this.marked() : []);
    this.root.dataset.state = "ready";
    this.find(".failure").hidden = true;
    this.root.dataset.ms = (performance.now() - begin).toFixed(1);
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1;
    if (this.unfetched) this.thumbnails.prefetch(this.ids);
    this.unfetched = false;
  }

  /** The element that Plotly draws in: another for 3-D, for it cannot change from one to the other
   * without leaving things behind. */
  mounted(Plotly) {
    if (this.plot && this.plot.dimensions !== this.axes.length) {
      Plotly.purge(this.plot);
      this.plot.replaceWith(make("div"));
      this.plot = null;
    }
    if (!this.plot && !canDraw()) {
      throw new Error("The map needs WebGL: switch it on in this browser, or use another one.");
    }
    this.plot ??= this.find(".plot").firstElementChild;
    this.plot.dimensions = this.axes.length;
    return this.plot;
  }

  /** The legend, the tools and the line below. */
  mark() {
    this.legend.mark(this.shown);
    this.hand.mark();
    const all = this.ids.length, seen = this.members.length;
    const many = (n) => n.toLocaleString("en");
    const images = seen < all ? `${many(seen)} of ${many(all)} images` : `${many(all)} images`;
    const chosen = this.chosen ? `, ${many(this.chosen.length)} selected` : "";
    this.find(".mine").hidden = !this.data.yours.length;
    this.find(".note").textContent = images + chosen;
  }

  /** What has a mark of its own: the kind, and where on the map. */
  marked() {
    const { clicked, data } = this;
    const at = (id) => this.axes.map((axis) => axis[this.index.get(id)]);
    const drawn = (ids) => ids.filter((id) => this.visible(this.index.get(id)));
    return [
      ...drawn(data.neighbours).map((id) => ["neighbour", at(id)]),
      ...drawn([clicked]).map((id) => ["clicked", at(id)]),
      ...data.yours.map((place) => ["own", place]),
    ];
  }

  say(sentence) {
    this.find(".problem").textContent = sentence;
  }

  // ---- the card

  /** Show the card of a point. */
  present(i) {
    this.card.show(this.ids[i], this.lines(i), this.thumbnails);
  }

  /** What is known of a point: its class, its colour's name or value, its number. */
  lines(i) {
    const { colours: given, names, none } = this.data, { colours } = this;
    const lines = this.groups ? [names[this.groups[i] - 1] ?? none] : [];
    const value = colours.values?.[i];
    if (given.scale && value < 255) {
      const about = short(given.low + (value / 254) * (given.high - given.low));
      lines.push(`${given.title || "value"} ≈ ${about}`);
    } else if (!given.scale && !colours.own) lines.push(given.names[value - 1] ?? "Noise");
    return [...lines, `Image ${this.ids[i]}`];
  }

  /** Where on the stage the point of an image is drawn. */
  pixel(id) {
    const i = this.index.get(id);
    return this.hand.pixel(this.axes.map((axis) => axis[i]));
  }
}

export default component(".lab-map", LabMap);
