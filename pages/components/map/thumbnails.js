// The card under the pointer: the image itself, from sheets of a thousand that are fetched lazily.

import { clamp, make } from "../common.js";

const PART = 1000, COLUMNS = 40, ROWS = 25; // as in assets.py

export class Thumbnails {
  /** @param template an address with {part} in it */
  constructor(template) {
    this.template = template;
    this.sheets = new Map(); // the browser drops and restores what it has decoded by itself
  }

  /** The sheet of an image: arrived, or null while it is on its way. */
  sheet(part) {
    let sheet = this.sheets.get(part);
    if (!sheet) {
      const image = new Image();
      image.src = this.template.replace("{part}", part);
      sheet = { image, ready: false };
      sheet.arrived = image.decode().then(
        () => (sheet.ready = true),
        () => setTimeout(() => this.sheets.delete(part), 5000), // and may be fetched again
      );
      this.sheets.set(part, sheet);
    }
    return sheet;
  }

  /** Fetch the sheets of all these images, one after the other, while nothing else goes on. */
  async prefetch(ids) {
    const parts = new Set();
    for (const id of ids) parts.add(Math.floor(id / PART));
    const idle = window.requestIdleCallback ?? ((f) => setTimeout(f, 200));
    for (const part of [...parts].sort((a, b) => a - b)) {
      await new Promise((done) => idle(done));
      if (this.closed) return;
      await this.sheet(part).arrived;
    }
  }

  /** Where an image is on its sheet: the sheet, left, top, width, height; null before it is here. */
  place(id) {
    const { image, ready } = this.sheet(Math.floor(id / PART));
    if (!ready) return null;
    const width = image.naturalWidth / COLUMNS, height = image.naturalHeight / ROWS;
    const cell = id % PART;
    return [image, (cell % COLUMNS) * width, Math.floor(cell / COLUMNS) * height, width, height];
  }

  /** Draw an image in its own pixels; false while it has not arrived. */
  draw(id, canvas) {
    const place = this.place(id);
    if (!place) return false;
    const [, , , width, height] = place;
    Object.assign(canvas, { width, height }); // clears it, too
    canvas.getContext("2d").drawImage(...place, 0, 0, width, height);
    return true;
  }

  /** Draw an image into a square of another canvas; false while it has not arrived. */
  stamp(id, context, x, y, side) {
    const place = this.place(id);
    if (place) context.drawImage(...place, x, y, side, side);
    return Boolean(place);
  }

  /** Call once when the sheet of an image has arrived, however many ask for it. */
  whenHere(id, then) {
    const sheet = this.sheet(Math.floor(id / PART));
    if (sheet.awaited) return;
    sheet.awaited = true;
    sheet.arrived.then(() => sheet.ready && then());
  }
}

export class Card {
  constructor(element) {
    this.element = element;
    this.image = element.querySelector(".image");
    this.decoded = element.querySelector(".decoded");
    this.hide();
  }

  /** Show an image of the data set. @param lines what stands under it */
  show(id, lines, thumbnails) {
    this.id = id;
    this.caption(lines);
    const canvas = this.image.querySelector("canvas");
    const drawn = thumbnails.draw(id, canvas);
    canvas.hidden = !drawn;
    if (!drawn) {
      const { arrived } = thumbnails.sheet(Math.floor(id / PART));
      arrived.then(() => this.id === id && (canvas.hidden = !thumbnails.draw(id, canvas)));
    }
  }

  caption(lines) {
    const words = lines.map((textContent) => make("span", { textContent }));
    this.image.querySelector("figcaption").replaceChildren(...words);
    this.image.hidden = false;
    this.element.hidden = false;
  }

  /** Show what a place decodes to beside it. */
  decode(decoder, code, label) {
    const pixels = decoder.decode(code, label);
    const [, height, width] = decoder.shape;
    const canvas = this.decoded.querySelector("canvas");
    if (canvas.width !== width) canvas.width = width; // which would clear it
    if (canvas.height !== height) canvas.height = height;
    decoder.draw(pixels, canvas.getContext("2d"));
    this.decoded.hidden = false;
    this.element.hidden = false;
  }

  forget() {
    this.id = null;
    this.image.hidden = true;
    if (this.decoded.hidden) this.element.hidden = true;
  }

  hide() {
    this.decoded.hidden = true;
    this.forget();
  }

  /** Beside a place of the stage, inside of it. */
  move(x, y) {
    const { offsetWidth: wide, offsetHeight: high, offsetParent: stage } = this.element;
    if (!stage) return;
    const gap = 14;
    const left = x + gap + wide > stage.clientWidth ? x - gap - wide : x + gap;
    const top = y + gap + high > stage.clientHeight ? y - gap - high : y + gap;
    const most = Math.max(0, stage.clientWidth - wide);
    const lowest = Math.max(0, stage.clientHeight - high);
    this.element.style.translate = `${clamp(left, 0, most)}px ${clamp(top, 0, lowest)}px`;
  }
}
