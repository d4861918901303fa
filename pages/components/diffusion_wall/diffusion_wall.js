// A wall of pictures that come out of noise, computed in the browser. Each picture keeps its noisy
// picture and its guess of every step, so that time can be scrubbed; the controls begin again. Of
// the one that is chosen the path is shown; a row leads to another by mixing their noises.

import { clamp, component, make, reducedMotion, same, step as stepTo } from "../common.js";
import { Pool } from "../diffusion/pool.js";
import { first, firstNoise, scales, times } from "../diffusion/sampling.js";
import { queryWith } from "../expression/address.js";
import { Between } from "./between.js";
import { bytes, paint, savePictures } from "./paint.js";
import { Path } from "./path.js";
import { Track } from "./track.js";

const NARROW = 720; // pixels of the component below which the wall has fewer pictures
const PLAY = 3500; // milliseconds from noise to picture
const REST = 400; // milliseconds without a change until the address is written
const DRAG = 120; // milliseconds a slider rests before the wall is drawn anew
const ABOUT = {
  euler: "A straight step along what the network says: DDIM (Song et al. 2021). The picture is a "
    + "function of its first noise.",
  heun: "Looks twice, here and where Euler would go, and takes the mean (Karras et al. 2022): better "
    + "with few steps, at twice the cost.",
  ddim: "A share of the noise is drawn anew at each step (Song et al. 2021); all of it, η = 1, is the "
    + "ancestral sampling of Ho et al. 2020.",
};

class Wall {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.cells = [];
    this.moves = Date.now(); // differs from those of an earlier visit to the page
    this.path = new Path(this);
    this.between = new Between(this);
    this.listen();
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(root);
  }

  /** What Python says, at first and after each run. */
  update({ data, setStateValue }) {
    const old = this.data;
    this.tell = setStateValue;
    this.data = data;
    if (!old) this.values = { ...data.controls };
    if (old?.url !== data.url) {
      if (old) this.values = { ...this.values, asked: data.usual.asked };
      this.open(!old && this.values.at === null);
    }
    const { invited } = data;
    if (invited && invited !== this.invited && this.asks(invited)) {
      // of an address that says another class, its own is meant at first
      if (old || this.values.asked === data.usual.asked) this.change({ asked: invited });
    }
    this.invited = invited;
  }

  close() {
    this.closed = true;
    this.pause();
    this.pool?.close();
    this.resized.disconnect();
    for (const timer of [this.timer, this.writing]) clearTimeout(timer);
  }

  asks = (asked) => asked === "any" || asked === "each" || Number(asked) < this.data.classes.length;

  // ---- the network

  /** Another network. */
  open(plays) {
    const { url, classes, takers } = this.data;
    this.pool?.close();
    this.pool = new Pool(url);
    this.find(".failure").hidden = true;
    this.root.dataset.state = "loading";
    this.values.at ??= 0;
    this.build();
    this.find(".pages").replaceChildren(...Object.entries(takers).map(([page, textContent]) => {
      const button = make("button", { type: "button", textContent });
      button.addEventListener("click", () => this.send(page));
      return button;
    }));
    this.find(".send").hidden = !Object.keys(takers).length;
    const told = this.find(".untold");
    told.hidden = classes.length > 0;
    told.textContent = "This network was told no classes, so it cannot be asked for one.";
    this.playing = false;
    this.fit();
    this.controls();
    this.draw();
    if (plays && !reducedMotion()) this.play();
    else this.show();
  }

  fail(error) {
    if (this.closed) return;
    const sentence = error?.message ?? String(error);
    Object.assign(this.find(".failure"), { hidden: false, textContent: sentence });
    if (this.root.dataset.state !== "loading") return;
    this.root.dataset.state = "failed";
    this.tell("failed", { url: this.data.url, sentence });
  }

  // ---- the wall

  /** As many pictures as there is room for. */
  fit() {
    if (!this.data || !this.root.clientWidth) return;
    const [columns, rows] = this.root.clientWidth < NARROW ? this.data.narrow : this.data.wide;
    const count = columns * rows;
    this.find(".wall").style.setProperty("--columns", columns);
    this.columns = columns;
    if (this.cells.length !== count) {
      while (this.cells.length > count) this.cells.pop().job?.cancel();
      while (this.cells.length < count) this.cells.push(this.cell(this.cells.length));
      this.find(".wall").replaceChildren(...this.cells.map(({ button }) => button));
      this.values.picture = Math.min(this.values.picture, count - 1);
      if (this.values.other !== null) this.values.other = Math.min(this.values.other, count - 1);
      this.choose(this.values.picture);
      this.draw();
    }
    this.show();
  }

  cell(index) {
    const canvas = make("canvas", {});
    const [, height, width] = this.data.shape;
    Object.assign(canvas, { width, height });
    const button = make("button", { type: "button" }, canvas);
    button.addEventListener("click", (event) => {
      if (event.shiftKey || this.picking) this.pair(index);
      else this.choose(index);
    });
    return { index, button, canvas, track: null, job: null, drawn: null };
  }

  label(index) {
    const { asked } = this.values, { length } = this.data.classes;
    return asked === "any" || !length ? -1 : asked === "each" ? index % length : Number(asked);
  }

  /** How pictures are drawn, but for their noise. */
  how(index) {
    const { steps, sampler, eta, guidance } = this.values;
    const ancestral = sampler === "ddim" ? eta : 0;
    const label = this.label(index);
    return {
      label, steps, order: sampler === "heun" ? 2 : 1, eta: ancestral, guidance: label < 0 ? 0 : guidance,
    };
  }

  /** Draws what is not yet drawn with the controls as they are. */
  draw() {
    if (!this.pool) return;
    const { noise, steps } = this.values, { shape, process } = this.data;
    this.times = times(steps);
    this.find(".time").max = steps;
    const waiting = [];
    for (const cell of this.cells) {
      const order = { seed: noise, index: cell.index, ...this.how(cell.index) };
      const wanted = JSON.stringify([this.data.url, order]);
      if (cell.wanted === wanted) continue;
      cell.job?.cancel();
      const stale = Boolean(cell.track);
      const nothing = first(process, firstNoise(shape, noise, cell.index));
      Object.assign(cell, { wanted, track: new Track(nothing, steps), drawn: null, stale });
      waiting.push({ cell, order, wanted });
    }
    if (waiting.length && this.root.dataset.state === "ready") this.find(".failure").hidden = true;
    this.begin(waiting);
    this.name();
    this.between.draw();
  }

  begin(waiting) {
    const jobs = this.pool.drawAll(waiting.map(({ cell, order, wanted }) => {
      const { track } = cell;
      return [order, (step, x, guess) => {
        if (this.closed || cell.wanted !== wanted) return;
        if (this.root.dataset.state !== "ready") this.root.dataset.state = "ready";
        track.add(step, x, guess);
        this.ask();
      }];
    }));
    for (const [i, { cell }] of waiting.entries()) {
      cell.job = jobs[i];
      cell.job.done.catch((error) => this.fail(error));
    }
  }

  name() {
    for (const { button, index } of this.cells) button.ariaLabel = this.title(index);
  }

  title(index) {
    const label = this.label(index), name = this.data.classes[label];
    return label < 0 ? `Picture ${index + 1}` : `Picture ${index + 1}, asked for ${name}`;
  }

  // ---- time

  /** The frame at which time stands. */
  get frame() {
    return Math.round((1 - this.values.at) * this.values.steps);
  }

  ask() {
    this.asked ??= requestAnimationFrame((now) => {
      this.asked = null;
      if (this.playing) this.advance(now);
      this.show();
    });
  }

  play() {
    this.playing = true;
    this.fresh = true; // while they come, show how far they are
    this.began = null;
    this.values.at = 1;
    this.find(".play").ariaPressed = "true";
    this.ask();
  }

  pause() {
    this.playing = false;
    const play = this.find(".play");
    play.ariaPressed = "false";
    this.later();
  }

  advance(now) {
    if (this.root.dataset.state !== "ready") return; // the first step that comes asks again
    this.began ??= now;
    this.values.at = clamp(1 - (now - this.began) / PLAY, 0, 1);
    if (this.values.at === 0) this.pause();
    else this.ask();
  }

  go(frame) {
    this.pause();
    const { steps } = this.values;
    this.values.at = 1 - clamp(frame, 0, steps) / steps;
    this.show();
    this.later();
  }

  /** Draws what is to be seen, where it is another than before. */
  show() {
    const { frame } = this, { steps, show } = this.values;
    const { shape, process } = this.data;
    let finished = 0;
    for (const cell of this.cells) {
      const { track } = cell;
      if (!track) continue;
      finished += track.last === steps;
      const at = Math.min(frame, track.last);
      // what is drawn anew while time stands still takes the old one's place when it is there
      if (at < frame && cell.stale && !this.fresh) continue;
      const seen = `${show} ${at}`;
      if (cell.drawn === seen) continue;
      const shrink = show === "noisy" ? Math.max(1, scales(process, this.times[at]).sigma) : 1;
      paint(cell.canvas, show === "noisy" ? track.xs[at] : track.guess(at), shape, shrink);
      Object.assign(cell, { drawn: seen, stale: reducedMotion() && at < frame });
    }
    const all = this.cells.length;
    if (finished === all) this.fresh = false;
    this.root.dataset.drawn = finished;
    this.find(".progress").textContent = finished < all ? `${finished} of ${all} drawn` : "";
    const t = this.times[frame], time = this.find(".time");
    time.value = frame;
    time.ariaValueText = `t = ${t.toFixed(2)}, step ${frame} of ${steps}`;
    const long = make("span", { className: "long", textContent: ` · step ${frame} of ${steps}` });
    this.find(".now").replaceChildren(`t = ${t.toFixed(2)}`, long);
    this.path.draw(frame);
  }

  // ---- one picture, and two

  get chosen() {
    return this.cells[this.values.picture];
  }

  choose(index) {
    this.values.picture = index;
    this.mark();
    this.path.choose(this.chosen);
    this.between.draw();
    if (this.times) this.path.draw(this.frame);
    this.later();
  }

  /** The other end of the row between two. */
  pair(index) {
    this.pick(false);
    this.values.other = index;
    this.find(".between").open = true;
    this.mark();
    this.between.draw();
    this.later();
  }

  pick(on) {
    this.picking = on;
    this.root.classList.toggle("picking", on);
    this.find(".pick").ariaPressed = String(on);
  }

  mark() {
    const { picture, other } = this.values;
    for (const { button, index } of this.cells) {
      button.ariaPressed = String(index === picture);
      button.classList.toggle("other", index === other && this.find(".between").open);
      button.tabIndex = index === picture ? 0 : -1;
    }
  }

  /** The finished picture, or as far as it is, to another page. */
  send(page) {
    const { track } = this.chosen;
    this.find(".send").open = false;
    const pixels = btoa(String.fromCharCode(...bytes(track.xs[track.last])));
    this.tell("sent", { page, pixels, move: ++this.moves });
  }

  // ---- controls

  build() {
    const { classes } = this.data;
    const chip = ([value, textContent]) => {
      const button = make("button", { type: "button", textContent });
      button.dataset.asked = value;
      button.addEventListener("click", () => this.change({ asked: value }));
      return button;
    };
    const options = classes.length ? [["each", "Each in turn"], ["any", "Any"], ...classes.entries()] : [];
    this.find(".chips").replaceChildren(...options.map(([v, name]) => chip([String(v), name])));
  }

  /** Shows the values. */
  controls() {
    const { asked, steps, sampler, eta, guidance, noise, show } = this.values;
    for (const chip of this.root.querySelectorAll(".chips button")) {
      chip.ariaPressed = String(chip.dataset.asked === asked);
    }
    for (const button of this.root.querySelectorAll(".shows button")) {
      button.ariaPressed = String(button.dataset.show === show);
    }
    this.find(".guided").hidden = asked === "any";
    for (const [name, value, digits] of [["guidance", guidance, 1], ["steps", steps, 0], ["eta", eta, 2]]) {
      const input = this.find(`input.${name}`);
      input.value = value;
      input.nextElementSibling.value = value.toFixed(digits);
    }
    const seed = this.find("input.noise");
    if (!seed.matches(":focus") || Number(seed.value) !== noise) seed.value = noise;
    this.find(".sampler").value = sampler;
    this.find(".fresh").hidden = sampler !== "ddim";
    this.find(".about").textContent = ABOUT[sampler];
  }

  /** Sets some values; what is drawn follows, after a moment where one still drags. */
  change(values, wait = 0) {
    const { frame } = this, before = this.values;
    this.values = { ...before, ...values };
    if ("noise" in values && !this.playing && !reducedMotion() && frame === before.steps) this.play();
    this.controls();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.draw();
      this.show();
    }, wait);
    this.later();
  }

  listen() {
    const on = (selector, event, action) => this.find(selector).addEventListener(event, action);
    on(".play", "click", () => (this.playing ? this.pause() : this.play()));
    on(".next", "click", () => this.go(this.frame < this.values.steps ? this.frame + 1 : 0));
    on(".time", "input", ({ target }) => {
      this.fresh = false;
      this.go(Number(target.value));
    });
    for (const name of ["guidance", "steps", "eta"]) {
      on(`input.${name}`, "input", ({ target }) => this.change({ [name]: Number(target.value) }, DRAG));
    }
    on("input.noise", "input", ({ target }) => {
      const value = Number.parseInt(target.value, 10);
      if (Number.isFinite(value)) this.change({ noise: clamp(value, 0, 9999) }, DRAG);
    });
    on("input.noise", "blur", () => this.controls());
    on(".another", "click", () => this.change({ noise: (this.values.noise + 1) % 10000 }));
    on(".sampler", "change", ({ target }) => this.change({ sampler: target.value }));
    on(".shows", "click", ({ target }) => {
      const { show } = target.dataset;
      if (!show) return;
      this.values.show = show;
      this.controls();
      this.show();
      this.later();
    });
    on(".all", "click", () => savePictures(this.cells.map(({ canvas }) => canvas), this.columns,
      `${this.data.name}-${this.values.noise}`));
    on(".one", "click", () => savePictures([this.chosen.canvas], 1,
      `${this.data.name}-${this.values.noise}-${this.values.picture + 1}`));
    on(".pick", "click", () => this.pick(!this.picking));
    on(".between", "toggle", () => {
      const { values } = this;
      if (this.find(".between").open) {
        values.other ??= (values.picture + 1) % this.cells.length;
      } else {
        values.other = null;
        this.pick(false);
      }
      this.mark();
      this.between.draw();
      this.later();
    });
    on(".wall", "keydown", (event) => {
      const from = this.cells.findIndex(({ button }) => button === event.target);
      const to = from < 0 ? null : stepTo(this.cells.map(({ button }) => button), from, event.key);
      if (to === null) return;
      event.preventDefault();
      const cell = this.cells[to];
      if (!cell) return;
      for (const { button } of this.cells) button.tabIndex = button === cell.button ? 0 : -1;
      cell.button.focus();
    });
    on(".send", "keydown", ({ key }) => {
      if (key === "Escape") this.find(".send").open = false;
    });
  }

  // ---- the address

  later() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.write(), REST);
  }

  write() {
    if (!this.root.isConnected || this.playing) return;
    const { usual } = this.data;
    const shown = Object.entries(this.values).map(([name, value]) => {
      const rounded = typeof value === "number" ? Math.round(value * 1000) / 1000 : value;
      const first = name === "at" ? 0 : usual[name];
      return [name, same(rounded, first) ? null : rounded];
    });
    const query = queryWith(location.search, Object.fromEntries(shown));
    history.replaceState(history.state, "", location.pathname + query + location.hash);
  }
}

export default component(".lab-drawing", Wall);
