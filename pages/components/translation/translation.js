// Two pictures, one of either set, and beside each its translation and the way back. Either is drawn
// on, and translated while the pen moves. Python hears only which picture was pressed.

import { clamp, component, make, same, save } from "../common.js";
import { queryWith } from "../expression/address.js";
import { Sketch } from "../network/sketch.js";
import { Latest, openEngine } from "./engines.js";

const WRITE = 400; // milliseconds of rest before the address is written
const MAX_NOISE = 16, MAX_SEED = 9999;
const TIMINGS = 200; // of translations, for whoever measures
const MANY = 99; // decibels, above which no byte differs
const DRAW = "Draw with mouse or finger. By keys: arrows move the pen, space puts it down and lifts " +
  "it, backspace takes the last stroke back.";

// What was drawn, for whoever leaves the page and comes back: modules stay.
const kept = { strokes: {}, noise: null, seed: null };

/** A whole number from anything. */
function whole(said, usual, most) {
  const value = said === null || said === undefined || said === "" ? NaN : Number(said);
  return Number.isFinite(value) ? clamp(Math.round(value), 0, most) : usual;
}

/** Put bytes (H, W, C) onto a canvas of the picture's size. */
function paint(canvas, bytes, [channels, height, width]) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  for (let p = 0, i = 0; p < image.data.length; p += 4, i += channels) {
    for (let k = 0; k < 3; k++) image.data[p + k] = bytes[i + (channels === 3 ? k : 0)];
    image.data[p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const decibels = (v) => (v > MANY ? "no difference" : `${v.toFixed(1)} dB`);

/** One picture with its translation and the way back; `direction` 0 begins with the first set. */
class Row {
  constructor(root, direction, page) {
    Object.assign(this, { root, direction, page, found: null, waits: true });
    this.sketch = new Sketch(root, () => this.translate(), () => this.keep());
    this.latest = new Latest((found, asked) => this.show(found, asked), (sentence) => page.say(sentence));
    this.cards = ["there", "back", "lost"].map((name) => [name, this.find(`.${name}`)]);
    for (const [name, card] of this.cards) card.addEventListener("click", () => page.take(this, name));
    this.find(".save").addEventListener("click", () => this.download());
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  /** Another picture, or another network. */
  begin({ shape, sides, hides }) {
    const own = sides[this.direction], other = sides[1 - this.direction];
    const [channels, height, width] = shape;
    this.shape = shape;
    this.token = own.token;
    this.root.style.setProperty("--aspect", `${width} / ${height}`);
    this.root.ariaLabel = `${own.title} to ${other.title} and back`;
    const name = [own.title, own.what].filter(Boolean).join(" · ");
    Object.assign(this.find(".pad .name"), { textContent: name, title: name });
    this.find(".ink").ariaLabel = `Picture of ${own.title}. ${DRAW}`;
    this.titles = {
      there: `As ${other.title}`, spoilt: `As ${other.title}, with noise`,
      back: hides ? "Way back, without noise" : "And back", lost: "Way back, with noise",
    };
    this.find(".lost").hidden = !hides;
    const picture = own.picture && Uint8Array.from(atob(own.picture), (c) => c.charCodeAt(0));
    const level = own.light ? 255 : 0;
    const sheet = own.digits ? null : new Uint8Array(channels * height * width).fill(level);
    this.empty = !picture;
    this.sheet = new Uint8Array(channels * height * width).fill(level);
    this.sketch.begin(shape, picture ?? sheet, true, own.light ? "#000000" : "#ffffff");
    this.find(".colour input").value = own.light ? "#000000" : "#ffffff";
    this.find(".frame").style.background = own.light ? "#fff" : "#000";
    if (kept.strokes[this.token]) this.sketch.resume(kept.strokes[this.token]);
    this.name(0);
    this.translate();
  }

  keep() {
    kept.strokes[this.token] = this.sketch.strokes;
  }

  name(noise) {
    for (const [name, card] of this.cards) {
      const title = this.titles[name === "there" && noise ? "spoilt" : name];
      card.querySelector(".name").textContent = title;
      card.querySelector(".name").title = title;
      card.ariaLabel = `${title}: choose it`;
    }
  }

  translate() {
    const { page, sketch } = this, { engine, noise, seed, hides } = page;
    if (!this.token) return;
    const blank = this.empty && !sketch.drawn;
    this.root.classList.toggle("empty", blank);
    if (!engine) return;
    if (blank) return this.clear();
    const began = performance.now(), pixels = sketch.pixels() ?? this.sheet;
    const asked = { pixels, direction: this.direction, began };
    this.latest.ask(engine, hides ? { ...asked, noise, seed } : asked);
  }

  /** Nothing is drawn yet. */
  clear() {
    this.latest.stop();
    this.found = this.shown = null;
    for (const [, card] of this.cards) {
      paint(card.querySelector("canvas"), this.sheet, this.shape);
      card.disabled = true;
    }
    this.name(0);
    this.choose(null);
    for (const figure of this.root.querySelectorAll(".figure")) figure.hidden = true;
    this.find(".state").textContent = "Draw on the sheet, and it is translated as you draw.";
    this.waits = false;
    this.page.arrived();
  }

  show(found, { began }) {
    const { page, shape } = this;
    if (page.closed) return;
    page.say("");
    this.found = found;
    const shown = { there: found.spoilt ?? found.there, back: found.back, lost: found.lost ?? found.back };
    this.shown = shown;
    for (const [name, card] of this.cards) paint(card.querySelector("canvas"), shown[name], shape);
    this.name(found.spoilt ? 1 : 0);
    this.choose(null);
    for (const [, card] of this.cards) card.disabled = false;
    this.find(".state").textContent = "";
    const [figure, lost] = this.root.querySelectorAll(".figure");
    const tell = (place, value, what) => {
      place.querySelector("b").textContent = decibels(value);
      place.querySelector("span").textContent = what;
    };
    tell(figure, found.psnr, page.hides ? "PSNR, without noise" : "PSNR of the way back");
    figure.hidden = false;
    this.waits = false;
    lost.hidden = found.lostPsnr === undefined;
    if (!lost.hidden) tell(lost, found.lostPsnr, "PSNR, with noise");
    page.root.timings = [...page.root.timings, performance.now() - began].slice(-TIMINGS);
    page.arrived();
  }

  choose(name) {
    for (const [own, card] of this.cards) card.setAttribute("aria-pressed", String(own === name));
  }

  /** Picture, translation and way back side by side. */
  download() {
    const { shape, found } = this, [, height, width] = shape, gap = 2;
    if (!found) return;
    const all = [this.sketch.pixels() ?? this.sheet, found.there, found.spoilt, found.back, found.lost]
      .filter(Boolean);
    const canvas = make("canvas", { width: all.length * (width + gap) - gap, height });
    const one = make("canvas"), context = canvas.getContext("2d");
    all.forEach((bytes, i) => {
      paint(one, bytes, shape);
      context.drawImage(one, i * (width + gap), 0);
    });
    canvas.toBlob((blob) => save(blob, "translation.png"));
  }
}

class Translation {
  constructor(root) {
    this.root = root;
    root.timings = []; // milliseconds from a stroke to its translation
    const row = root.querySelector(".row"), second = row.cloneNode(true);
    row.after(second);
    this.rows = [row, second].map((one, direction) => new Row(one, direction, this));
    const linked = new URLSearchParams(location.search);
    this.noise = whole(linked.get("noise") ?? kept.noise, 4, MAX_NOISE);
    this.seed = whole(linked.get("noise_seed") ?? kept.seed, 0, MAX_SEED);
    const slider = root.querySelector(".noise input");
    slider.addEventListener("input", () => this.change(whole(slider.value, 0, MAX_NOISE), this.seed));
    root.querySelector(".other").addEventListener("click", () =>
      this.change(this.noise || 4, Math.floor(Math.random() * MAX_SEED)));
  }

  /** What Python says, at first and after each run. */
  update({ data, setStateValue }) {
    const old = this.data ?? {};
    this.data = data;
    this.tell = setStateValue;
    this.hides = data.hides;
    this.root.classList.toggle("hides", data.hides);
    this.root.querySelector(".noise").hidden = !data.hides;
    this.controls();
    const another = ["weights", "answers", "shape"].some((name) => !same(old[name], data[name]));
    if (another) this.load();
    this.rows.forEach((row, k) => {
      if (another || !same(old.sides?.[k], data.sides[k]) || !same(old.sides?.[1 - k]?.title,
        data.sides[1 - k].title)) row.begin(data);
    });
  }

  close() {
    this.closed = true;
    clearTimeout(this.writing);
    for (const row of this.rows) {
      row.keep();
      row.latest.stop();
    }
    this.engine?.close();
  }

  async load() {
    const { weights, answers, shape } = this.data;
    for (const row of this.rows) row.latest.stop();
    this.engine?.close();
    this.engine = null;
    this.say("");
    this.root.dataset.state = "loading";
    const stale = () => this.closed || this.data.weights !== weights || this.data.answers !== answers;
    try {
      const engine = await openEngine({ weights, answers });
      if (stale()) return void engine.close();
      if (engine.shape && !same(engine.shape, shape)) throw new Error("It is for other pictures.");
      this.engine = engine;
      for (const row of this.rows) row.translate();
    } catch ({ message }) {
      if (stale()) return;
      this.root.dataset.state = "failed";
      this.say(`${message} Reload the page, or choose another network.`);
    }
  }

  arrived() {
    if (this.rows.every(({ waits }) => !waits)) this.root.dataset.state = "ready";
  }

  /** Say what has failed; the last good pictures stay. */
  say(sentence) {
    Object.assign(this.root.querySelector(".failure"), { hidden: !sentence, textContent: sentence });
  }

  // ---- the noise

  change(noise, seed) {
    Object.assign(this, { noise, seed });
    Object.assign(kept, { noise, seed });
    this.controls();
    for (const row of this.rows) row.translate();
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.write(), WRITE);
  }

  controls() {
    this.root.querySelector(".noise input").value = this.noise;
    this.root.querySelector(".noise output").textContent = `${this.noise}/255`;
  }

  write() {
    if (!this.root.isConnected) return;
    const { noise, seed } = this;
    const query = { noise: noise === 4 ? null : noise, noise_seed: seed || null };
    const search = queryWith(location.search, query);
    history.replaceState(history.state, "", location.pathname + search + location.hash);
  }

  // ---- telling Python

  take(row, name) {
    if (!row.shown) return;
    for (const one of this.rows) one.choose(one === row ? name : null);
    const pixels = btoa(Array.from(row.shown[name], (v) => String.fromCharCode(v)).join(""));
    this.tell("taken", { token: row.token, direction: row.direction, which: name, pixels });
  }
}

export default component(".lab-translation", Translation);
