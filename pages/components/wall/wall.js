// Networks side by side, in one row until they are unfolded, and one scrubber over their epochs. A
// line below is about the network under the pointer or the focus, else the chosen one. Sheets are fetched when needed: the
// ones in view at once, the others when somebody begins to scrub or to play.

import { component, make } from "../common.js";

const STEP = 350; // milliseconds an epoch when played

class Wall {
  constructor(root) {
    this.root = root;
    this.moves = Date.now(); // differs from those of an earlier visit to the page
    this.range = root.querySelector("input");
    this.button = root.querySelector(".play");
    this.all = root.querySelector(".all");
    this.all.addEventListener("click", () => this.unfold(this.all.ariaExpanded !== "true"));
    this.range.addEventListener("input", () => {
      this.pause();
      this.fetch();
      this.show(+this.range.value);
    });
    this.button.addEventListener("click", () => (this.timer ? this.pause() : this.play()));
  }

  /** What Python says, at first and after each run. */
  update({ data, setStateValue }) {
    this.tell = setStateValue;
    const cards = JSON.stringify(data.cards);
    if (cards !== this.drawn) {
      this.drawn = cards;
      this.build(data);
    }
    this.root.querySelector(".measured").textContent = data.note;
    for (const { card, element } of this.cards) {
      const chosen = card.id === data.chosen;
      element.setAttribute("aria-pressed", String(chosen));
      if (chosen && this.chosen !== data.chosen) this.reveal(element);
    }
    this.chosen = data.chosen;
    this.tellAbout();
  }

  /** All in a grid with their figures, or in one row that is pushed sideways. */
  unfold(open) {
    this.all.ariaExpanded = String(open);
    this.all.textContent = open ? "Show one row" : "Show all";
    this.root.querySelector(".cards").classList.toggle("strip", !open);
    this.root.querySelector(".measured").hidden = !open;
    const chosen = this.cards.find(({ card }) => card.id === this.chosen);
    if (!open && chosen) this.reveal(chosen.element);
  }

  /** Push the row so far that a card is seen; the page stays where it is. */
  reveal(element) {
    const row = element.parentElement;
    const [a, b] = [row.getBoundingClientRect(), element.getBoundingClientRect()];
    if (b.left < a.left || b.right > a.right) row.scrollBy({ left: b.left - a.left });
  }

  /** What the word on a card means. */
  tellAbout(id = this.chosen) {
    const told = this.cards.find(({ card }) => card.id === id);
    this.root.querySelector(".about").textContent = told?.shown?.state
      ? `${told.card.title}, ${told.card.note}: ${told.shown.state}. ${told.shown.meaning}`
      : told ? `${told.card.title}, ${told.card.note}.` : "";
  }

  build({ cards, epoch }) {
    this.pause();
    this.fetched = false;
    this.chosen = null;
    this.cards = cards.map((card) => this.card(card));
    this.root.querySelector(".cards").replaceChildren(...this.cards.map((c) => c.element));
    this.last = Math.max(...cards.flatMap((card) => card.sheets.map((sheet) => sheet.epoch)));
    this.range.max = this.last;
    this.show(Math.min(epoch ?? this.last, this.last));
  }

  card(card) {
    const picture = make("img", { alt: card.alt, decoding: "async" });
    const figure = make("div", { className: "figure" });
    const state = make("span", { className: "state" });
    const title = make("span", { className: "title", textContent: card.title });
    const element = make(
      "button",
      { type: "button", className: "card" },
      picture,
      make("div", { className: "line" }, title, state),
      make("div", { className: "note", textContent: card.note }),
      figure,
    );
    picture.addEventListener("error", () => element.classList.add("lost"));
    picture.addEventListener("load", () => element.classList.remove("lost"));
    element.addEventListener("click", () => {
      this.tell("picked", { id: card.id, move: ++this.moves });
    });
    for (const event of ["pointerenter", "focus"])
      element.addEventListener(event, () => this.tellAbout(card.id));
    for (const event of ["pointerleave", "blur"])
      element.addEventListener(event, () => this.tellAbout());
    return { card, element, picture, figure, state };
  }

  /** Every network's last sheet that is not after the epoch. */
  show(epoch) {
    this.epoch = epoch;
    this.range.value = epoch;
    this.range.setAttribute("aria-valuetext", `epoch ${epoch} of ${this.last}`);
    this.root.querySelector("output").value = epoch ? `epoch ${epoch}` : "untrained";
    for (const drawn of this.cards) {
      const { card, picture, figure, state } = drawn;
      const sheet = card.sheets.findLast((s) => s.epoch <= epoch) ?? card.sheets[0];
      if (picture.getAttribute("src") !== sheet.url) picture.src = sheet.url;
      drawn.shown = sheet;
      figure.textContent = sheet.figure;
      state.textContent = sheet.state;
      state.dataset.state = sheet.state;
      state.hidden = !sheet.state;
    }
    this.tellAbout();
  }

  /** All sheets, once: the browser keeps them. */
  fetch() {
    if (this.fetched) return;
    this.fetched = true;
    const urls = this.cards.flatMap(({ card }) => card.sheets.map((s) => [s.epoch, s.url]));
    this.kept = urls
      .sort((a, b) => a[0] - b[0])
      .map(([, url]) => Object.assign(new Image(), { src: url }));
  }

  play() {
    this.fetch();
    if (this.epoch >= this.last) this.show(0);
    this.button.setAttribute("aria-pressed", "true");
    this.timer = setInterval(() => {
      this.show(this.epoch + 1);
      if (this.epoch >= this.last) this.pause();
    }, STEP);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.button.setAttribute("aria-pressed", "false");
  }

  close() {
    this.pause();
  }
}

export default component(".lab-wall", Wall);
