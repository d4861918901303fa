// One paints holes into a picture, or draws roughly, and a diffusion finishes it with different
// noises. All of it runs in the browser; Python hears only which result was pressed.

import { clamp, component, make, reducedMotion, save } from "../common.js";
import { Pool } from "../diffusion/pool.js";
import { scales } from "../diffusion/sampling.js";
import { queryWith } from "../expression/address.js";
import { fetchClassifier } from "../network/classifier.js";
import { Sketch } from "../network/sketch.js";
import { Cards, show } from "./cards.js";
import { moments, readings, shownSpread, toBytes, toValues, withKnown } from "./fillings.js";
import { missing, pack, preset, unpack } from "./mask.js";
import { MaskPad } from "./mask_pad.js";
import { roughly } from "./scribbles.js";

const PACE = 300; // milliseconds between two beginnings while a hand moves
const LIVE_STEPS = 5; // of a picture while a hand moves
const WRITE = 400; // milliseconds of rest before the address is written
const STRENGTHS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const FIRST_MASK = "lower";
const COUNTS = [6, 8, 12];
/** By name of a control: what it is at first, its bounds, and how it is rounded. */
const CONTROLS = {
  class: { usual: -1, low: -1, high: Infinity, unit: 1 },
  guidance: { usual: 0, low: 0, high: 8, unit: 0.5 },
  steps: { usual: 20, low: 1, high: 200, unit: 1 },
  seed: { usual: 0, low: 0, high: 9999, unit: 1 },
  count: { usual: 8, low: 6, high: 12, unit: 1 },
  strength: { usual: 0.5, low: 0, high: 1, unit: 0.05 },
};
const FIELDS = { // of controls, by name
  class: ".label", guidance: ".guidance", steps: ".step-count", seed: ".seed", count: ".count",
  strength: ".strength input",
};

// What was painted and drawn, for whoever leaves the page and comes back: modules stay.
const kept = { values: {}, masks: {}, strokes: {} };

/** A control's value from anything. */
function checked(name, said) {
  const { usual, low, high, unit } = CONTROLS[name];
  const value = said === null || said === "" ? NaN : Number(said);
  if (!Number.isFinite(value)) return usual;
  const near = clamp(Math.round(value / unit) * unit, low, high);
  if (name === "count" && !COUNTS.includes(near)) return usual;
  return Number(near.toFixed(2));
}

class Paint {
  constructor(root) {
    Object.assign(this, { root, strokes: 0, ladderOf: null });
    const linked = new URLSearchParams(location.search);
    this.values = Object.fromEntries(Object.keys(CONTROLS).map((name) =>
      [name, checked(name, linked.get(`fill_${name}`) ?? kept.values[name] ?? null)]));
    this.linkedMask = linked.get("fill_mask");
    const rested = () => this.change(false);
    const changed = () => {
      this.strokes++;
      this.change(true);
    };
    this.pad = new MaskPad(this.find(".filling"), () => this.masked(), rested);
    this.sketch = new Sketch(this.find(".sketching"), changed, rested);
    this.results = new Cards(this.find(".results > .cards"), (i) => this.take(this.results, i));
    this.ladder = new Cards(this.find(".steps"), (i) => this.take(this.ladder, i));
    for (const [name, selector] of Object.entries(FIELDS)) this.listen(name, this.find(selector));
    this.press(".other", () => this.setTo("seed", Math.floor(Math.random() * 10_000)));
    this.press(".save-picture", () => this.download(this.stage(), "picture"));
    this.press(".save-mask", () => this.download(this.maskPicture(), "mask", 1));
    this.press(".save-results", () => this.downloadResults());
    this.ladder.resize(STRENGTHS.map((s) => `Strength ${s}`));
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  press(selector, f) {
    this.find(selector).addEventListener("click", f);
  }

  listen(name, field) {
    const live = field.type === "range";
    field.addEventListener(live ? "input" : "change", () => this.setTo(name, field.value, live));
    if (live) field.addEventListener("change", () => this.change(false));
  }

  setTo(name, said, live = false) {
    this.values[name] = checked(name, said);
    this.fields();
    this.change(live);
  }

  /** The controls show what is chosen. */
  fields() {
    const { values } = this;
    if (values.class >= (this.data.asked?.length ?? 0)) values.class = -1;
    for (const [name, selector] of Object.entries(FIELDS)) this.find(selector).value = values[name];
    this.find(".guidance").disabled = values.class < 0;
    this.find(".strength output").textContent = values.strength.toFixed(2);
    this.results.resize(Array.from({ length: values.count }, (_, i) => `Result ${i + 1}`));
    this.tellLevel();
  }

  tellLevel() {
    const { process } = this;
    if (!process) return;
    const { alpha, sigma } = scales(process, this.values.strength);
    const left = process === "residual" ? "the drawing" : `${alpha.toFixed(2)} × the drawing`;
    this.find("#lab-paint-level").textContent = this.values.strength
      ? `It begins with ${left} + ${sigma.toFixed(2)} × noise, and takes the noise away.`
      : "No noise is added: this is the drawing itself.";
  }

  /** What Python says, at first and after each run. */
  update({ data, setStateValue }) {
    const old = this.data ?? {};
    this.data = data;
    this.tell = setStateValue;
    const another = (name) => JSON.stringify(old[name]) !== JSON.stringify(data[name]);
    if (another("asked")) this.offerClasses();
    if (another("mode") || another("token") || another("shape")) this.begin();
    if (another("reader")) this.loadReader();
    if (another("weights")) this.load();
    else if (another("mode") || another("token")) this.change(false);
  }

  close() {
    this.closed = true;
    this.keep();
    this.opening?.close();
    clearTimeout(this.timer);
    clearTimeout(this.writing);
  }

  keep() {
    const { data } = this;
    kept.values = { ...this.values };
    if (this.filling) kept.masks[String(data.shape)] = this.pad.mask;
    else kept.strokes[data.token] = this.sketch.strokes;
  }

  get filling() {
    return this.data.mode === "fill";
  }

  // ---- what the network and its reader are

  async load() {
    const { weights } = this.data;
    this.cancel(this.results, this.ladder);
    this.opening?.close();
    Object.assign(this, { pool: null, ladderOf: null });
    this.say("");
    this.root.dataset.state = "loading";
    try {
      const pool = this.opening = new Pool(weights), { process, shape } = await pool.ready;
      if (this.closed || this.data.weights !== weights) return void pool.close();
      if (String(shape) !== String(this.data.shape)) throw new Error("It is for other pictures.");
      Object.assign(this, { pool, process });
      this.root.dataset.state = "ready";
      this.fields();
      this.change(false);
    } catch (error) {
      if (this.closed || this.data.weights !== weights) return;
      this.root.dataset.state = "failed";
      this.say(`${error.message} Reload the page, or choose another network.`);
    }
  }

  /** Say what has failed; the last good pictures stay. */
  say(sentence) {
    Object.assign(this.find(".failure"), { hidden: !sentence, textContent: sentence });
  }

  async loadReader() {
    const { reader } = this.data;
    this.reader = null;
    if (!reader) return;
    const found = await fetchClassifier(reader.weights).catch(() => null); // then nothing is read
    if (this.closed || this.data.reader?.weights !== reader.weights) return;
    this.reader = found;
    if (this.root.dataset.drawn === "all") this.summarise();
  }

  offerClasses() {
    const { asked } = this.data;
    const any = make("option", { value: -1, textContent: "Any" });
    const options = (asked ?? []).map((textContent, value) => make("option", { value, textContent }));
    this.find(".label").replaceChildren(any, ...options);
    for (const label of this.root.querySelectorAll(".asked")) label.hidden = !asked;
  }

  // ---- the stage

  /** A picture or an empty sheet is put on the stage. */
  begin() {
    const { shape, picture, token, digits, set } = this.data, [channels, height, width] = shape;
    this.picture = picture && Uint8Array.from(atob(picture), (c) => c.charCodeAt(0));
    this.find(".filling").hidden = !this.filling;
    this.find(".sketching").hidden = this.filling;
    this.find(".strength").hidden = this.find(".ladder").hidden = this.filling;
    this.find(".save-mask").hidden = !this.filling;
    this.find(".summary").hidden = true;
    if (this.filling) {
      this.known = toValues(this.picture);
      show(this.find(".picture"), this.known, shape);
      const linked = unpack(this.linkedMask, height, width);
      const mask = linked ?? kept.masks[String(shape)] ?? preset(FIRST_MASK, height, width);
      this.linkedMask = null;
      this.pad.begin([height, width], mask);
    } else {
      const sheet = digits ? null : new Uint8Array(channels * height * width);
      this.sketch.begin(shape, this.picture ?? sheet, true);
      const strokes = kept.strokes[token] ?? (this.picture ? [] : roughly(set));
      if (strokes.length) this.sketch.resume(strokes);
    }
    for (const cards of [this.results, this.ladder]) {
      for (const card of cards.cards) card.values = null;
    }
    this.ladderOf = null;
    this.fields();
  }

  /** What stands on the stage, numbers (H, W, C); null while nothing does. */
  stage() {
    if (this.filling) return this.known;
    const pixels = this.sketch.pixels();
    return pixels && (this.picture || this.sketch.drawn) ? toValues(pixels) : null;
  }

  maskPicture() {
    return Float32Array.from(this.pad.mask, (v) => 2 * v - 1);
  }

  /** Another mask: what is known now stands in the old fillings at once. */
  masked() {
    this.results.cards.forEach(({ values }, i) => {
      if (!values) return;
      this.results.draw(i, withKnown(values, this.known, this.pad.mask), this.data.shape, false);
      this.results.cards[i].element.classList.add("old");
    });
    this.change(true);
  }

  // ---- drawing

  /** Begin anew: soon and with few steps while the hand moves, at once with all when it rests. */
  change(live) {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.write(), WRITE);
    if (!live) {
      clearTimeout(this.timer);
      this.timer = null;
      this.run(false);
    } else {
      this.timer ??= setTimeout(() => {
        this.timer = null;
        this.run(true);
      }, PACE);
    }
  }

  cancel(...some) {
    for (const cards of some) {
      for (const job of cards.jobs) job.cancel();
      cards.jobs = [];
    }
  }

  run(live) {
    this.cancel(this.results);
    this.root.dataset.drawn = "some";
    if (!this.pool) return;
    this.say("");
    this.results.begin();
    this.find(".summary").classList.add("old"); // it keeps its place
    this.find(".state").textContent = this.filling ? this.fill(live) : this.redraw(live);
  }

  /** Fillings of different noises; a sentence about them. */
  fill(live) {
    const { mask } = this.pad, holes = missing(mask), n = this.values.count;
    if (!holes) {
      this.find(".summary").hidden = true;
      for (let i = 0; i < n; i++) this.results.draw(i, this.known, this.data.shape, false);
      return "Nothing is missing: paint a hole, or press “Lower half”.";
    }
    const known = holes < mask.length
      ? { image: this.known, mask: Uint8Array.from(mask, (v) => 1 - v) } : null;
    this.draw(this.results, Array.from({ length: n }, (_, index) => ({ index, known })), live);
    if (!known) return "All of it is missing: these are new pictures, made from noise alone.";
    const [filled, all] = [holes, mask.length].map((count) => count.toLocaleString("en"));
    return `${filled} of ${all} pixels are missing; the others are kept as they are.`;
  }

  /** Pictures from the drawing, at the chosen strength and at all; a sentence about them. */
  redraw(live) {
    const start = this.stage(), { count, strength, ...others } = this.values;
    if (!start) {
      this.find(".summary").hidden = true;
      this.cancel(this.ladder);
      return "Draw something rough: a few strokes will do.";
    }
    const from = (index, at) => ({ index, start, from: at });
    const drawing = live && this.sketch.down;
    const of = JSON.stringify([others, this.data.token, this.strokes, drawing]);
    if (of !== this.ladderOf) { // the strength changes nothing in it
      this.ladderOf = of;
      this.cancel(this.ladder);
      this.ladder.begin();
      this.draw(this.ladder, STRENGTHS.map((s) => from(0, s)), drawing);
      STRENGTHS.forEach((s, i) => this.ladder.note(i, String(s)));
    }
    this.draw(this.results, Array.from({ length: count }, (_, i) => from(i, strength)), live);
    return strength ? "" : "At strength 0 all are the drawing itself.";
  }

  /** Draw a picture on each of some cards, all together. */
  draw(cards, wanted, live) {
    const { class: label, guidance, steps: most, seed } = this.values;
    const steps = live ? Math.min(most, LIVE_STEPS) : most, pictures = [];
    for (const [i, { known, from, start }] of wanted.entries()) {
      if (from === 0) {
        this.drawn(cards, i, start);
        continue;
      }
      pictures.push([{ ...wanted[i], seed, label, guidance, steps }, (step, x, guess) => {
        if (step === steps) this.drawn(cards, i, x);
        else if (!reducedMotion()) cards.draw(i, known ? withKnown(guess, this.known, this.pad.mask) : guess,
          this.data.shape, false);
      }]);
    }
    for (const job of this.pool.drawAll(pictures)) {
      cards.jobs.push(job);
      job.done.catch((error) => this.say(error.message));
    }
  }

  drawn(cards, i, x) {
    cards.draw(i, x, this.data.shape, true);
    if (cards !== this.results || this.results.finished.length < this.values.count) return;
    this.root.dataset.drawn = "all";
    this.summarise();
  }

  /** Mean, spread, and what a classifier reads. */
  summarise() {
    const { shape, reader, set } = this.data, pictures = this.results.finished;
    const found = moments(pictures);
    if (!found) return;
    Object.assign(this.find(".summary"), { hidden: false, className: "summary" });
    const what = this.filling ? "fillings" : "pictures";
    for (const [name, values] of [["mean", found.mean], ["spread", shownSpread(found.spread)]]) {
      show(this.find(`.${name}`), values, shape);
      this.find(`.${name}`).ariaLabel = `${name} of ${pictures.length} ${what}, pixel by pixel`;
    }
    this.find(".about").textContent = this.filling
      ? `The mean of these ${pictures.length} is blurred where they differ; the spread is their ` +
        "standard deviation, black where all agree. An answer that keeps the squared error small " +
        "has to be near the mean of all possible ones, so it is blurred too."
      : `The mean of these ${pictures.length} pictures, and their standard deviation in each pixel.`;
    let said = "";
    if (this.reader && String(this.reader.shape) === String(shape)) {
      const read = pictures.map((values) => {
        const shares = this.reader.classify(toBytes(values));
        return shares.indexOf(Math.max(...shares));
      });
      read.forEach((k, i) => this.results.note(i, reader.classes[k]));
      said = readings(read, reader.classes, what);
      this.find(".about").textContent += ` Read by ${reader.name}, which is right on ` +
        `${reader.right} of the test images of ${set}: a reading, not the truth.`;
    }
    this.find(".readings").textContent = said;
  }

  // ---- telling Python, the address, files

  take(cards, i) {
    const { values, done } = cards.cards[i];
    if (!done) return;
    for (const one of [this.results, this.ladder]) one.choose(one === cards ? i : -1);
    const pixels = btoa(Array.from(toBytes(values), (v) => String.fromCharCode(v)).join(""));
    this.tell("taken", { token: this.data.token, mode: this.data.mode, pixels });
  }

  write() {
    if (!this.root.isConnected) return;
    this.keep();
    const shown = Object.entries(CONTROLS).map(([name, { usual }]) =>
      [`fill_${name}`, this.values[name] === usual ? null : this.values[name]]);
    const query = Object.fromEntries(shown), [, height, width] = this.data.shape;
    if (this.filling) {
      const mask = pack(this.pad.mask, height, width);
      query.fill_mask = mask === FIRST_MASK ? null : mask;
    }
    const search = queryWith(location.search, query);
    history.replaceState(history.state, "", location.pathname + search + location.hash);
  }

  download(values, name, channels = this.data.shape[0]) {
    if (!values) return;
    const canvas = make("canvas");
    show(canvas, values, [channels, ...this.data.shape.slice(1)]);
    canvas.toBlob((blob) => save(blob, `${name}.png`));
  }

  /** All results in one picture, side by side. */
  downloadResults() {
    const [, height, width] = this.data.shape, { cards } = this.results;
    const across = Math.ceil(Math.sqrt(cards.length)), gap = 2;
    const canvas = make("canvas", {
      width: across * (width + gap) - gap,
      height: Math.ceil(cards.length / across) * (height + gap) - gap,
    });
    const context = canvas.getContext("2d");
    cards.forEach((card, i) => context.drawImage(
      card.canvas, (i % across) * (width + gap), Math.floor(i / across) * (height + gap)));
    canvas.toBlob((blob) => save(blob, `${this.filling ? "fillings" : "pictures"}.png`));
  }
}

export default component(".lab-paint", Paint);
