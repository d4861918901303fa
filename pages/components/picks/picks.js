// Tells which of the pictures under its key was clicked. They are HTML of the page, drawn anew at
// every run, so it is the document that listens.

import { component, reducedMotion, step } from "../common.js";

class Picks {
  constructor(root) {
    this.root = root;
    this.moves = Date.now(); // differs from those of an earlier visit to the page
    this.clicked = (event) => this.click(event);
    this.pressed = (event) => this.press(event);
    document.addEventListener("click", this.clicked);
    document.addEventListener("keydown", this.pressed);
  }

  update({ data, setStateValue }) {
    this.data = data;
    this.tell = setStateValue;
    this.root.dataset.state = "listening";
  }

  /** The button that an event is about; null where it is none of ours. */
  button(event) {
    return event.target.closest?.(`[data-picks="${CSS.escape(this.data.key)}"] [data-pick]`);
  }

  click(event) {
    const button = this.button(event);
    if (!button) return;
    this.tell("picked", { index: Number(button.dataset.pick), move: ++this.moves });
    const stage = document.querySelector(`.st-key-${CSS.escape(this.data.stage)}`);
    stage?.scrollIntoView({ block: "nearest", behavior: reducedMotion() ? "auto" : "smooth" });
  }

  /** The arrow keys go from picture to picture; Tab goes past them all. */
  press(event) {
    const button = this.button(event);
    if (!button) return;
    const all = [...button.closest("[role=group]").querySelectorAll("[data-pick]")];
    const to = step(all, all.indexOf(button), event.key);
    if (to === null) return;
    event.preventDefault();
    if (!all[to]) return;
    for (const each of all) each.tabIndex = each === all[to] ? 0 : -1;
    all[to].focus();
  }

  close() {
    document.removeEventListener("click", this.clicked);
    document.removeEventListener("keydown", this.pressed);
  }
}

export default component(".lab-picks", Picks);
