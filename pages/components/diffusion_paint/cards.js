// Pictures side by side, each a button with a note below.

import { make } from "../common.js";
import { toBytes } from "./fillings.js";

/** Paint a picture, numbers (H, W, C) in [-1, 1], on a canvas. */
export function show(canvas, values, [channels, height, width]) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height), bytes = toBytes(values);
  for (let p = 0, i = 0; p < image.data.length; p += 4, i += channels) {
    for (let k = 0; k < 3; k++) image.data[p + k] = bytes[i + (channels === 3 ? k : 0)];
    image.data[p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

export class Cards {
  /** @param press is called with the number of a card that is pressed */
  constructor(place, press) {
    Object.assign(this, { place, press, cards: [], jobs: [] });
  }

  /** As many cards as there are names; those that stay keep their pictures. */
  resize(names) {
    this.place.dataset.count = names.length;
    while (this.cards.length > names.length) this.cards.pop().element.remove();
    while (this.cards.length < names.length) this.cards.push(this.card(this.cards.length));
    this.cards.forEach(({ element }, i) => (element.ariaLabel = names[i]));
  }

  card(i) {
    const canvas = make("canvas", { width: 1, height: 1 });
    const note = make("span", { className: "note" });
    const element = make("button", { type: "button", className: "card" }, canvas, note);
    element.setAttribute("aria-pressed", "false");
    element.addEventListener("click", () => this.press(i));
    this.place.append(element);
    return { element, canvas, note, values: null, done: false };
  }

  /** None is done any more; their pictures stay until others come. */
  begin() {
    for (const card of this.cards) {
      card.done = false;
      card.note.textContent = "";
      card.element.classList.add("old");
    }
    this.choose(-1);
  }

  draw(i, values, shape, done) {
    const card = this.cards[i];
    Object.assign(card, { values, done });
    card.element.classList.toggle("old", false);
    show(card.canvas, values, shape);
  }

  note(i, text) {
    this.cards[i].note.textContent = text;
  }

  choose(chosen) {
    this.cards.forEach(({ element }, i) =>
      element.setAttribute("aria-pressed", String(i === chosen)));
  }

  /** The pictures that are done. */
  get finished() {
    return this.cards.filter(({ done }) => done).map(({ values }) => values);
  }
}
