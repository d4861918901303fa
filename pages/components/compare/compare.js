// Two pictures over one another and the divider between them.

import { clamp, component, make } from "../common.js";

const NEAR = { mouse: 16, pen: 20, touch: 32 }; // pixels from the divider that still grasp it
const SLACK = 6; // pixels that a finger moves before it drags: it may want to scroll the page

class Compare {
  constructor(root) {
    this.find = (name) => root.querySelector(name);
    this.stage = this.find(".stage");
    this.range = this.find("input");
    this.wanted = {}; // by name: the latest address, and its picture as it comes
    this.turn = this.shown = 0; // the latest pair, the latest that is shown
    this.range.addEventListener("input", () => this.move(this.range.value / 100));
    this.find("button").addEventListener("click", () => this.load(this.data));
    for (const [name, hand] of Object.entries({
      pointerdown: (event) => this.press(event),
      pointermove: (event) => this.drag(event),
      pointerup: (event) => this.release(event),
      pointercancel: () => this.drop(),
      lostpointercapture: () => this.drop(),
    }))
      this.stage.addEventListener(name, hand);
    new ResizeObserver(() => this.cover()).observe(this.stage);
  }

  /** What Python says, at first and after each run. */
  update({ data }) {
    this.data = data;
    this.range.setAttribute("aria-label", `Divider: ${data.alt}`);
    this.find(".left").textContent = data.labels[0];
    this.find(".right").textContent = data.labels[1];
    this.stage.querySelectorAll("img").forEach((picture) => this.describe(picture));
    this.place(this.moved ? this.share : data.share);
    if (["before", "after"].some((name) => this.wanted[name]?.url !== data[name])) this.load(data);
  }

  // ---- the pictures

  /** Show a pair once it is decoded, unless a later one is there already. */
  async load({ before, after }) {
    const turn = ++this.turn;
    const pair = [this.picture("before", before), this.picture("after", after)];
    if (!this.shown) this.first(turn, pair[0]);
    try {
      const pictures = await Promise.all(pair);
      if (turn < this.shown) return;
      this.shown = turn;
      pictures.forEach((picture) => this.attach(picture));
      this.stage.classList.add("ready");
      this.cover();
      if (turn === this.turn) this.find(".problem").hidden = true;
    } catch {
      if (turn !== this.turn) return;
      this.wanted = {};
      this.find(".problem").hidden = false;
    }
  }

  /** As long as there is nothing else, the first picture does not wait for the second. */
  async first(turn, before) {
    const picture = await before.catch(() => null);
    if (picture && !this.shown && turn === this.turn) this.attach(picture);
  }

  picture(name, url) {
    if (this.wanted[name]?.url !== url) {
      const element = make("img", { className: name, draggable: false, decoding: "sync" });
      element.src = url;
      this.wanted[name] = { url, decoded: element.decode().then(() => element) };
    }
    return this.wanted[name].decoded;
  }

  /** In the place of the one before; only decoded ones come here, so nothing flashes. */
  attach(picture) {
    if (picture.parentNode) return;
    this.describe(picture);
    const old = this.stage.querySelector(`img.${picture.className}`);
    if (old) old.replaceWith(picture);
    else if (picture.className === "before") this.stage.prepend(picture);
    else this.find(".divider").before(picture);
    if (picture.className === "before" && picture.naturalWidth)
      this.stage.style.setProperty("--aspect", picture.naturalWidth / picture.naturalHeight);
  }

  describe(picture) {
    const { labels, alt } = this.data;
    picture.alt = `${labels[picture.className === "before" ? 0 : 1]}: ${alt}`;
  }

  // ---- the divider

  /** The hand has put it there, and there it stays. */
  move(share) {
    this.moved = true;
    this.place(share);
  }

  place(share) {
    this.share = clamp(share, 0, 1);
    const percent = Math.round(100 * this.share);
    const [before, after] = this.data.labels;
    this.stage.style.setProperty("--at", `${100 * this.share}%`);
    this.range.value = percent;
    const text = `${before} ${percent} %, ${after} ${100 - percent} %`;
    this.range.setAttribute("aria-valuetext", text);
    this.cover();
  }

  /** A label goes when its own picture is no longer under it. */
  cover() {
    const at = this.share * this.stage.clientWidth;
    const left = this.find(".left"), right = this.find(".right");
    left.classList.toggle("covered", at < left.offsetLeft + left.offsetWidth);
    right.classList.toggle("covered", at > right.offsetLeft);
  }

  press(event) {
    if (!event.isPrimary || event.button || !this.shown) return;
    const { left, width } = this.stage.getBoundingClientRect();
    const off = event.clientX - left - this.share * width;
    const near = NEAR[event.pointerType] ?? NEAR.mouse;
    // Grasped beside its middle it does not jump; anywhere else it comes.
    this.hand = { id: event.pointerId, x: event.clientX, off: Math.abs(off) < near ? off : 0 };
    if (event.pointerType === "touch") return; // the page may scroll yet
    this.stage.setPointerCapture(event.pointerId);
    this.follow(event);
  }

  drag(event) {
    if (this.hand?.id !== event.pointerId) return;
    if (this.hand.drags || Math.abs(event.clientX - this.hand.x) > SLACK) this.follow(event);
  }

  follow(event) {
    this.hand.drags = true;
    this.stage.classList.add("held");
    const { left, width } = this.stage.getBoundingClientRect();
    this.move((event.clientX - this.hand.off - left) / width);
  }

  release(event) {
    if (this.hand?.id !== event.pointerId) return;
    if (!this.hand.drags) this.follow(event); // a tap
    this.drop();
    this.range.focus({ preventScroll: true }); // arrow keys go on from here
  }

  drop() {
    this.hand = null;
    this.stage.classList.remove("held");
  }
}

export default component(".lab-compare", Compare);
