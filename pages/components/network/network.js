// A picture goes through a network while it is drawn: every layer redraws with each move of the
// pen. Nothing is sent while something is drawn; what is drawn is sent once the pen has rested.

import { component, make } from "../common.js";
import { fetchClassifier } from "./classifier.js";
import { Sheet } from "./maps.js";
import { rows, text } from "./origin.js";
import { Sketch } from "./sketch.js";

const REST = 1500; // milliseconds without a stroke after which Python is told
const LONG = 50; // milliseconds of work after which the pen would lag
const MAPS = 16; // of a card
const COLUMNS = 4;
const MAP_SIDE = 64; // pixels that a map of the open layer has at least
const GROUND_SIDE = 140; // pixels of the small picture above a sum
const ALL_CLASSES = 20; // more are not all shown, but the most probable ones
const BEST = 10;
const TIMINGS = 1000;
const SIDES = / \d+( × \d+)+$/; // of a kernel, for which a card has no room


/** A share in percent, never rounded to none or to all where it is neither. */
function percent(share) {
  const rounded = (100 * share).toFixed(1);
  if (share < 1 && rounded === "100.0") return "> 99.9%";
  return share > 0 && rounded === "0.0" ? "< 0.1%" : `${rounded}%`;
}

const sized = ([h, w, c]) => (h * w === 1 ? c.toLocaleString("en") : `${c} × ${h} × ${w}`);

// What was drawn last, for whoever leaves the page and comes back: modules stay until it is loaded.
let kept = { token: null, strokes: [] };

class Network {
  constructor(root) {
    this.root = root;
    root.timings = [];
    this.cards = [];
    this.strip = this.find(".strip");
    this.sketch = new Sketch(root, () => this.redraw(), () => this.rest());
    this.watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) target.seen = isIntersecting;
      this.redraw();
    });
    this.watcher.observe(this.find(".opened"));
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.find(".opened"));
    this.find(".close").addEventListener("click", () => this.open(null));
    this.big = this.find(".box canvas");
    this.big.addEventListener("click", (event) => {
      const spot = this.sheet?.under(event);
      if (spot) this.pick(spot);
    });
    this.big.addEventListener("keydown", (event) => {
      const to = this.sheet.step(this.spot ?? [0, 0, 0], event.key);
      if (/^(Arrow|Page)/.test(event.key)) event.preventDefault();
      if (to) this.pick(to);
    });
    this.mark = make("span", { className: "spot", hidden: true });
    this.big.after(this.mark);
    this.fields = [];
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  /** What Python says, at first and after each run. */
  update({ data, setStateValue }) {
    const old = this.data ?? {};
    this.data = data;
    this.tell = setStateValue;
    if (old.token !== data.token || old.draws !== data.draws) {
      clearTimeout(this.timer);
      const bytes = data.picture && Uint8Array.from(atob(data.picture), (c) => c.charCodeAt(0));
      this.sketch.begin(data.shape, bytes, data.draws);
      if (old.token === undefined && data.token === kept.token && kept.strokes.length) {
        this.sketch.resume(kept.strokes);
        this.rest(); // Python has forgotten it
      }
      this.find(".invite").hidden = Boolean(bytes) || !data.draws;
    }
    this.root.ariaLabel = `Drawing, and the layers of ${data.name}`;
    const another = data.opened && old.opened !== data.opened;
    if (another) this.openedPath = data.opened;
    if (old.weights !== data.weights) this.load();
    else if (another && this.net) this.openPath();
    if (String(old.classes) !== String(data.classes)) this.buildBars();
    this.redraw();
  }

  close() {
    kept = { token: this.data.token, strokes: this.sketch.strokes };
    this.closed = true;
    this.watcher.disconnect();
    this.resized.disconnect();
    clearTimeout(this.timer);
    clearTimeout(this.later);
    cancelAnimationFrame(this.frame);
  }

  async load() {
    const { weights, shape, classes } = this.data;
    const current = () => !this.closed && this.data.weights === weights;
    this.net = null;
    this.find(".failure").hidden = true;
    this.root.dataset.state = weights ? "loading" : "without";
    if (!weights) return;
    try {
      const net = await fetchClassifier(weights);
      if (!current()) return;
      const other = String(net.shape) !== String(shape) || net.classes !== classes.length;
      if (other) throw new Error("The network is for other pictures.");
      this.net = net;
      this.root.dataset.state = "ready";
      this.build();
    } catch (error) {
      if (!current()) return;
      this.root.dataset.state = "failed";
      const sentence = `${error.message} Reload the page, or pick another network.`;
      Object.assign(this.find(".failure"), { hidden: false, textContent: sentence });
    }
  }

  // ---- telling Python

  rest() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.report(), REST);
  }

  report() {
    if (this.sketch.down || this.closed) return;
    const pixels = this.sketch.drawn ? this.sketch.pixels() : null;
    const bytes = pixels && btoa(Array.from(pixels, (v) => String.fromCharCode(v)).join(""));
    this.tell("drawn", bytes && { token: this.data.token, pixels: bytes });
  }

  // ---- building

  buildBars() {
    const { classes } = this.data, count = classes.length > ALL_CLASSES ? BEST : classes.length;
    this.bars = Array.from({ length: count }, () => {
      const [name, fill, share] = ["class", "fill", "share"].map((className) =>
        make("span", { className }));
      const track = make("span", { className: "track" }, fill);
      return { bar: make("div", { className: "bar-row" }, name, track, share), name, fill, share };
    });
    const place = this.find(".bars");
    place.replaceChildren(...this.bars.map(({ bar }) => bar));
    place.style.gridTemplateRows = `repeat(${Math.ceil(count / 2)}, auto)`;
    const longest = Math.max(...classes.map((name) => name.length));
    place.style.setProperty("--name", `${Math.min(longest + 1, 16)}ch`);
  }

  build() {
    for (const { element } of this.cards) this.watcher.unobserve(element);
    this.cards = this.net.shown.map((place, i) => this.card(place, i));
    this.strip.replaceChildren(...this.cards.map(({ element }) => element));
    for (const { element } of this.cards) this.watcher.observe(element);
    this.openPath();
  }

  /** Open the layer whose path is kept, if this network has it. */
  openPath() {
    const card = this.cards.find(({ place, path }) => path === this.openedPath && place >= 0);
    this.open(card?.place ?? null);
  }

  title(place) {
    const layer = this.net.at(place), number = this.net.shown.indexOf(place);
    return number > 0 ? `${number}. ${layer.name || layer.after[0]}` : layer.name;
  }

  card(place) {
    const layer = this.net.at(place), canvas = make("canvas", { ariaHidden: "true" });
    const across = Math.min(COLUMNS, Math.ceil(Math.sqrt(layer.out[2])));
    const sheet = new Sheet(canvas, layer, MAPS, across);
    const picture = make("span", { className: "sheet" }, canvas);
    const longer = Math.max(canvas.width, canvas.height);
    Object.assign(picture.style, {
      width: `${(100 * canvas.width) / longer}%`, height: `${(100 * canvas.height) / longer}%`,
    });
    const after = layer.name ? layer.after : layer.after.slice(1);
    const note = [sized(layer.out), ...after].join(", ");
    const element = make(
      "button",
      { type: "button", className: "card", title: `${this.title(place)}, ${note}` },
      make("span", { className: "square" }, picture),
      make("span", { className: "title", textContent: this.title(place).replace(SIDES, "") }),
      make("span", { className: "note", textContent: sized(layer.out) }),
      make("span", { className: "note", textContent: after.join(", ") }),
    );
    element.disabled = place < 0;
    element.addEventListener("click", (event) => {
      if (!this.net) return; // the next one is on its way
      const spot = event.detail ? sheet.under(event) : null; // by a key there is no pointer
      if (this.opened !== place) this.open(place);
      else if (!spot) return this.open(null);
      if (spot) this.pick(spot);
    });
    return { place, element, sheet, picture, path: layer.path };
  }

  // ---- the open layer

  open(place) {
    this.opened = place;
    this.spot = null;
    this.openedPath = place === null ? null : this.net.at(place).path;
    for (const { element, place: its } of this.cards) {
      if (its >= 0) element.setAttribute("aria-expanded", String(its === place));
    }
    this.find(".opened").hidden = place === null;
    this.sheet = null;
    if (place !== null) {
      const layer = this.net.at(place), [h, w, c] = layer.out;
      const note = [sized(layer.out), ...layer.after, `module ${layer.path}`];
      this.find(".heading").textContent = this.title(place);
      this.find(".opened .note").textContent = note.join(", ");
      const all = h * w === 1 ? `${c} numbers` : `all ${c} channels`;
      const keys = "Arrow keys go from number to number, page keys from channel to channel.";
      this.big.ariaLabel = `${this.title(place)}, ${all}. ${keys}`;
      this.fit(true);
    }
    this.showOrigin();
    this.redraw();
  }

  /** As many maps side by side as there is room for. */
  fit(anew = false) {
    if (!this.net || !this.find(".opened").clientWidth) return; // none yet, or nothing is open
    const layer = this.net.at(this.opened), [h, w, c] = layer.out;
    const room = this.find(".box").clientWidth, flat = h * w === 1;
    const factor = Math.max(1, Math.ceil(MAP_SIDE / Math.max(h, w)));
    const columns = flat ? 1 : Math.max(1, Math.floor(room / ((w + 1) * factor)));
    if (!anew && this.sheet?.wanted === columns) return;
    this.sheet = new Sheet(this.big, layer, Infinity, columns);
    this.sheet.wanted = columns;
    const fitting = Math.min(24, Math.floor(Math.min(room, 320) / this.big.width));
    this.big.style.width = `${this.big.width * (flat ? Math.max(4, fitting) : factor)}px`;
    this.redraw();
  }

  pick(spot) {
    this.spot = spot;
    this.redraw();
  }

  // ---- drawing

  /** Draw with the next frame; after long work the pen first has as much time for itself. */
  redraw() {
    if (this.asked) return;
    this.asked = true;
    const ask = () => (this.frame = requestAnimationFrame(() => this.work()));
    if (this.took > LONG) this.later = setTimeout(ask, this.took);
    else ask();
  }

  work() {
    this.asked = false;
    if (this.closed) return;
    const begin = performance.now();
    const pixels = this.sketch.pixels();
    this.root.classList.toggle("nothing", !pixels);
    if (!this.net) return;
    const { shape: [c, h, w] } = this.net;
    this.shares = this.net.classify(pixels ?? new Uint8Array(c * h * w));
    for (const { element, sheet } of this.cards) if (element.seen) sheet.draw();
    if (this.sheet && this.find(".opened").seen) this.sheet.draw();
    this.showAnswer(pixels);
    this.showOrigin();
    this.took = performance.now() - begin;
    this.root.timings.push(this.took);
    if (this.root.timings.length > TIMINGS) this.root.timings.shift();
  }

  showAnswer(pixels) {
    const { classes } = this.data, { shares } = this;
    const order = shares.map((_, k) => k).sort((a, b) => shares[b] - shares[a]);
    const listed = classes.length > this.bars.length ? order : classes.map((_, k) => k);
    this.bars.forEach(({ bar, name, fill, share }, i) => {
      const k = listed[i], p = pixels ? shares[k] : 0;
      name.textContent = name.title = classes[k];
      fill.style.width = `${100 * p}%`;
      share.textContent = pixels ? percent(p) : "";
      bar.classList.toggle("best", Boolean(pixels) && k === order[0]);
    });
    const best = `${classes[order[0]]}, ${percent(shares[order[0]])}`;
    const said = pixels ? best : "Nothing is drawn yet";
    this.find(".verdict").textContent = said;
    const told = this.find(".told"); // and read aloud, so only when the pen is up
    if (told.textContent !== said && !this.sketch.down) told.textContent = said;
  }

  /** The chosen number: where it is, what it sees, and the sum that it is. */
  showOrigin() {
    const { spot, net, opened, sheet } = this;
    const shown = Boolean(spot && net && sheet);
    this.find(".origin").hidden = this.mark.hidden = !shown;
    for (const field of this.fields) field.remove();
    this.fields = [];
    if (!shown) return;
    sheet.outline(this.mark, ...sheet.spot(spot));
    const layer = net.at(opened), [y, x, c] = spot;
    const told = net.origin(opened, spot);
    const flat = layer.out[0] * layer.out[1] === 1;
    const where = flat ? `number ${c}` : `channel ${c}, row ${y}, column ${x}`;
    this.find(".number").textContent = `${this.title(opened)}, ${where}: ${text(told.value)}`;
    const box = net.field(opened, [y, x, y + 1, x + 1]);
    this.drawField(box);
    for (const from of new Set(layer.from.map((place) => net.source(place)))) {
      const part = from < 0 ? box : net.field(opened, [y, x, y + 1, x + 1], from);
      this.outlineCard(from, part, layer.kind.endsWith("pool") ? c : null);
    }
    if (!layer.from.includes(-1)) this.outlineCard(-1, box, 0);
    this.find(".rows").replaceChildren(...rows(told, layer, (place) => this.title(place)));
  }

  /** Outline a part of every map of a card, or of one. */
  outlineCard(place, box, only) {
    const card = this.cards.find((one) => one.place === place);
    if (!card) return;
    const { sheet } = card, whole = sheet.flat ? [0, 0, ...sheet.size] : box;
    for (let c = 0; c < sheet.channels; c++) {
      if (only !== null && c !== only && !sheet.picture) continue;
      const field = make("span", { className: "field" });
      sheet.outline(field, whole, c);
      card.picture.append(field);
      this.fields.push(field);
    }
  }

  /** The picture with the receptive field, beside the sum. */
  drawField(box) {
    const figure = this.find(".looked"), canvas = figure.querySelector("canvas");
    const sheet = new Sheet(canvas, this.net.picture, 1, 1);
    canvas.style.width = `${GROUND_SIDE}px`;
    sheet.draw();
    const field = make("span", { className: "field" });
    sheet.outline(field, box, 0);
    canvas.after(field);
    this.fields.push(field);
    const [high, wide] = [box[2] - box[0], box[3] - box[1]];
    const [, height, width] = this.net.shape;
    const all = high === height && wide === width;
    const sees = `It sees ${all ? "all" : `${high} × ${wide} pixels`} of the picture.`;
    const first = this.net.at(this.opened).from.some((place) => this.net.source(place) < 0);
    const said = first ? `${sees} Black is −1 to the network, and white 1.` : sees;
    figure.querySelector("figcaption").textContent = said;
  }
}

export default component(".lab-network", Network);
