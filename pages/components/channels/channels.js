// The layers of a network, and the channels of the one that is open.

import { component, make, reducedMotion, same, step } from "../common.js";

const PORTION = 200; // tiles that are built at once
const AHEAD = 600; // pixels below what is in view that are built already
const PATIENCE = 5000; // milliseconds that a pick waits for the server to have heard of the last
const CROP = 1.03; // a tile is drawn a little larger, so that no neighbour shines in at its edge

/** Which part of a layer's sheet a channel's tile shows. */
function part({ columns, channels }, channel) {
  const rows = Math.ceil(channels / columns);
  const at = (i, count) => (100 * (i * CROP + (CROP - 1) / 2)) / (count * CROP - 1);
  const [x, y] = [at(channel % columns, columns), at(Math.floor(channel / columns), rows)];
  return {
    backgroundSize: `${100 * columns * CROP}% ${100 * rows * CROP}%`,
    backgroundPosition: `${x}% ${y}%`,
  };
}

function tile(layer, channel) {
  const picture = make("span", { className: "picture" });
  picture.dataset.number = channel;
  Object.assign(picture.style, part(layer, channel));
  return picture;
}

class Channels {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(name);
    this.moves = Date.now(); // differs from those of an earlier visit to the page
    this.queue = []; // picks that wait until the server has heard of the one before
    this.sheets = make("style");
    root.append(this.sheets);
    this.box = this.find(".box");
    this.tiles = this.find(".tiles");
    this.listed = []; // the channels that pass the filter; their tiles are built in portions
    this.whole = this.find(".whole");
    this.filter = this.find(".filter");
    this.whole.addEventListener("click", (event) => this.pick(null, event));
    this.tiles.addEventListener("click", (event) => {
      const picked = event.target.closest(".tile");
      if (picked) this.pick(+picked.dataset.channel, event);
    });
    this.tiles.addEventListener("keydown", (event) => this.step(event));
    this.tiles.addEventListener("pointerover", (event) => this.lean(event.target.closest(".tile")));
    this.filter.addEventListener("input", () => this.search());
    this.box.addEventListener("scroll", () => this.fill(), { passive: true });
    new ResizeObserver(() => this.fill()).observe(this.box);
  }

  /** What Python says, at first and after each run. */
  update({ data, setStateValue }) {
    this.tell = setStateValue;
    const old = this.data, first = !old;
    this.data = data;
    const sheets = data.layers.map((layer) => layer.sheet);
    if (!same(sheets, this.drawn)) this.paint((this.drawn = sheets));
    // Another sheet alone is another background: what is open and scrolled stays as it is.
    const built = [data.layers.map((layer) => ({ ...layer, sheet: null })), data.names];
    if (!same(built, this.built)) {
      this.built = built;
      this.build(first);
    }
    this.mark();
    if (this.sent && data.heard >= this.sent.move) this.answered();
  }

  /** One rule a layer, so that a thousand tiles share one address. */
  paint(sheets) {
    const rule = (sheet, i) => {
      const address = JSON.stringify(new URL(sheet, document.baseURI).href);
      return `.sheet-${i} .picture { background-image: url(${address}); }`;
    };
    this.sheets.textContent = sheets.map((sheet, i) => (sheet ? rule(sheet, i) : "")).join("\n");
  }

  build(first) {
    const { layers, chosen } = this.data;
    this.cards = layers.map((layer, i) => this.card(layer, i));
    const row = this.find(".layers"), { scrollLeft } = row;
    row.replaceChildren(...this.cards);
    row.scrollLeft = scrollLeft;
    const known = (name) => layers.some((layer) => layer.name === name);
    const begin = chosen.map(([name]) => name).find(known) ?? null;
    const old = this.tiled(), stays = !first && (this.open === null || known(this.open));
    if (stays) this.dress();
    if (!stays || !same(old, this.tiled())) this.show(stays ? this.open : begin);
    else this.fill();
  }

  card(layer, i) {
    const first = Array.from({ length: Math.min(layer.channels, 9) }, (_, c) => tile(layer, c));
    const element = make(
      "button",
      { type: "button", className: `card sheet-${i}`, title: `${layer.title}: ${layer.note}` },
      make("span", { className: "mosaic" }, ...first),
      make("span", { className: "title", textContent: layer.title }),
      make("span", { className: "note", textContent: layer.note }),
      make("span", { className: "badge", hidden: true }),
    );
    element.addEventListener("click", () =>
      this.show(this.open === layer.name ? null : layer.name),
    );
    return element;
  }

  // ---- the open layer

  /** Open a layer, or none. */
  show(name) {
    this.open = name;
    this.filter.value = "";
    this.dress();
    if (!this.layer) return;
    const row = this.find(".layers"), card = this.cards[this.data.layers.indexOf(this.layer)];
    const over = card.offsetLeft + card.offsetWidth - row.offsetLeft - row.clientWidth;
    if (over > row.scrollLeft) {
      row.scrollTo({ left: over + 24, behavior: reducedMotion() ? "auto" : "smooth" });
    }
    const there = this.data.chosen.filter(([layer]) => layer === name);
    this.list(this.every(), Math.min(...there.map(([, channel]) => channel ?? 0)));
  }

  /** Everything of the open layer but its tiles. */
  dress() {
    const { layers, names } = this.data;
    const i = layers.findIndex((layer) => layer.name === this.open);
    this.layer = layers[i];
    this.names = names[this.open] ?? [];
    this.cards.forEach((card, c) => card.setAttribute("aria-expanded", String(c === i)));
    this.find(".panel").hidden = i < 0;
    this.find(".hint").hidden = i >= 0;
    if (i < 0) return;
    this.filter.hidden = !this.names.length;
    this.box.className = `box sheet-${i}`; // the others come back with mark and fill
    this.box.classList.toggle("named", this.names.length > 0);
    this.find(".heading").textContent = this.layer.title;
    this.tiles.setAttribute("aria-label", `Channels of ${this.layer.title}`);
  }

  /** What the tiles of the open layer are made from: the same, and they stay. */
  tiled() {
    return this.layer ? [this.open, this.layer.channels, this.layer.columns, this.names] : null;
  }

  every() {
    return Array.from({ length: this.layer.channels }, (_, channel) => channel);
  }

  /** Only the channels whose name, or number, has what was typed in it. */
  search() {
    const typed = this.filter.value.trim().toLowerCase();
    const all = this.every();
    const fits = (c) => String(c) === typed || (this.names[c] ?? "").toLowerCase().includes(typed);
    const matches = typed ? all.filter(fits) : all;
    this.list(matches);
    const [some, every] = [matches.length, all.length].map((n) => n.toLocaleString("en"));
    this.find(".matches").textContent = typed ? `${some} of ${every}` : "";
  }

  /** Build the tiles of these channels from the first on, as far as `to` and what is in view. */
  list(channels, to = 0) {
    this.listed = channels;
    this.find(".matches").textContent = "";
    this.tiles.replaceChildren();
    this.box.scrollTop = 0;
    this.extend(PORTION);
    if (to > 0 && to < channels.length) {
      this.extend(to + 1);
      const { offsetTop, offsetHeight } = this.tiles.children[to];
      if (offsetTop + offsetHeight > this.box.clientHeight)
        this.box.scrollTop = offsetTop - this.box.clientHeight / 3;
      this.focusable(this.tiles.children[to]);
    } else if (channels.length) this.focusable(this.tiles.children[0]);
    this.mark();
    this.fill();
  }

  /** So many tiles at least, in whole portions. */
  extend(count) {
    const from = this.tiles.children.length;
    const to = Math.min(Math.ceil(count / PORTION) * PORTION, this.listed.length);
    if (to > from) this.tiles.append(...this.listed.slice(from, to).map((c) => this.button(c)));
  }

  /** More, when the end comes near. */
  fill() {
    const { box, tiles } = this;
    const near = () => box.scrollTop + box.clientHeight + AHEAD > box.scrollHeight;
    const count = tiles.children.length;
    while (this.layer && box.clientHeight && near() && tiles.children.length < this.listed.length)
      this.extend(tiles.children.length + 1);
    if (tiles.children.length > count) this.mark();
    const below = box.scrollHeight - box.scrollTop - box.clientHeight;
    box.classList.toggle("below", below > 8);
  }

  button(channel) {
    const name = this.names[channel];
    const title = name ? `${channel}: ${name}` : `channel ${channel}`;
    const element = make(
      "button",
      { type: "button", className: "tile", tabIndex: -1, title },
      tile(this.layer, channel),
      make("span", { className: "number", textContent: name ?? channel }),
    );
    element.dataset.channel = channel;
    element.setAttribute("aria-label", name ? `channel ${channel}, ${name}` : `channel ${channel}`);
    return element;
  }

  /** What is chosen, on the cards, on the button of the whole layer and on the tiles. */
  mark() {
    const { layers, chosen, names } = this.data;
    layers.forEach((layer, i) => {
      const there = chosen.filter(([name]) => name === layer.name).map(([, channel]) => channel);
      const [badge, only] = [this.cards[i].querySelector(".badge"), there[0]];
      badge.hidden = !there.length;
      this.cards[i].classList.toggle("chosen", there.length > 0);
      this.cards[i].classList.toggle("undrawn", !layer.sheet);
      if (!there.length) badge.textContent = "";
      else if (there.length > 1) badge.textContent = `${there.length} chosen`;
      else if (only === null) badge.textContent = "whole";
      else badge.textContent = names[layer.name]?.[only] ?? `channel ${only}`;
      if (layer.name !== this.open) return;
      this.box.classList.toggle("undrawn", !layer.sheet);
      this.whole.setAttribute("aria-pressed", String(there.includes(null)));
      for (const element of this.tiles.children)
        element.setAttribute("aria-pressed", String(there.includes(+element.dataset.channel)));
    });
  }

  // ---- the hand

  /** The arrow keys go from tile to tile; Tab goes past them all. */
  step(event) {
    const all = this.tiles.children, from = [...all].indexOf(event.target);
    const last = this.listed.length - 1, to = step(all, from, event.key, last);
    if (from < 0 || to === null) return;
    event.preventDefault();
    if (to < 0 || to > last) return;
    this.extend(to + 1);
    this.mark();
    this.focusable(all[to]);
    all[to].focus();
  }

  focusable(element) {
    this.tiles.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    element.tabIndex = 0;
  }

  /** A tile grows under the mouse towards the middle, and so is not cut off. */
  lean(element) {
    if (!element) return;
    const { box } = this, share = (at, room) => Math.min(Math.max(100 * (at / room), 0), 100);
    const x = share(element.offsetLeft, box.clientWidth - element.offsetWidth);
    const y = share(element.offsetTop - box.scrollTop, box.clientHeight - element.offsetHeight);
    element.firstChild.style.transformOrigin = `${x}% ${y}%`;
  }

  pick(channel, event) {
    const more = this.find(".more input").checked || event.shiftKey;
    event.target.closest("button").classList.add("pending");
    this.queue.push({ move: ++this.moves, layer: this.open, channel, more });
    this.send();
  }

  /** One at a time: two that come together would be one to the server, the later. */
  send() {
    if (this.sent || !this.queue.length) return;
    this.sent = this.queue.shift();
    this.timer = setTimeout(() => this.answered(), PATIENCE);
    this.tell("picked", this.sent);
  }

  answered() {
    clearTimeout(this.timer);
    this.sent = null;
    if (!this.queue.length)
      for (const element of this.root.querySelectorAll(".pending"))
        element.classList.remove("pending");
    this.send();
  }
}

export default component(".lab-channels", Channels);
