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
    this.keepFocus(button);
    this.tell("picked", { name: button.dataset.pick, move: ++this.moves });
    const { stage: key } = this.data;
    const stage = key ? document.querySelector(`.st-key-${CSS.escape(key)}`) : null;
    stage?.scrollIntoView({ block: "nearest", behavior: reducedMotion() ? "auto" : "smooth" });
  }

  /** When the pictures are drawn anew, the button in the place of the clicked one has the focus. */
  keepFocus(button) {
    const [key, name] = [this.data.key, button.dataset.pick].map((v) => CSS.escape(v));
    this.observer?.disconnect();
    this.observer = new MutationObserver(() => {
      const again = document.querySelector(`[data-picks="${key}"] [data-pick="${name}"]`);
      if (button.isConnected || !again) return;
      this.observer.disconnect();
      if (document.activeElement === document.body) again.focus({ preventScroll: true });
    });
    this.observer.observe(document.body, { childList: true, subtree: true });
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
    this.observer?.disconnect();
  }
}

export default component(".lab-picks", Picks);
