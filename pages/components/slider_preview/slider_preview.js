// Shows what a slider will show before it is let go: one question at a time, the latest value.

import { make } from "../common.js";

const KEPT = 64; // looks that a browser remembers: a slider of twenty steps there and back

class Ahead {
  constructor() {
    this.kept = new Map(); // what was seen, by address
    // A slider's value is a property, which nobody can watch; this is said to screen readers.
    new MutationObserver(([{ target }]) => this.look(target)).observe(document.body, {
      subtree: true,
      attributeFilter: ["aria-valuetext"],
    });
    document.addEventListener("pointerup", () => this.wake?.(), true);
  }

  /** Follow the hand until what is shown is what it asks for. */
  async look(slider) {
    if (this.busy) return;
    this.busy = true;
    try {
      while (await this.step(slider));
    } catch {
      // It is only ahead: what is let go comes through Streamlit.
    } finally {
      this.busy = false;
    }
  }

  /** Show one value; false when there is nothing to do. */
  async step(slider) {
    const label = CSS.escape(slider.getAttribute("aria-label") ?? "");
    const place = document.querySelector(`[data-looks][data-slider="${label}"]`);
    const value = Number(slider.value);
    if (!place || !slider.isConnected || value === Number(place.dataset.at)) return false;
    const asked = performance.now();
    const address = place.dataset.looks + value;
    const known = this.kept.get(address);
    const drawn = known ?? (await decoded(await fetched(address)));
    this.keep(address, drawn);
    place.replaceChildren(drawn.cloneNode(true)); // inside of what Streamlit replaces
    place.dataset.at = value;
    if (!known) await this.rest(performance.now() - asked);
    return true;
  }

  keep(address, drawn) {
    this.kept.set(address, drawn);
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
  }

  /** As long as the server has worked: many hands at once find it free half of the time. */
  rest(milliseconds) {
    return new Promise((done) => {
      this.wake = done; // by letting go: that look is the one that counts
      setTimeout(done, milliseconds);
    });
  }
}

async function fetched(address) {
  const answer = await fetch(new URL(address, location.origin));
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.text();
}

/** Some HTML with its pictures ready: nothing flashes when it is hung. */
async function decoded(html) {
  const { content } = make("template", { innerHTML: html });
  const drawn = document.importNode(content, true); // there its pictures load
  await Promise.all([...drawn.querySelectorAll("img")].map((picture) => picture.decode()));
  return drawn;
}

export default function () {
  window.labAhead ??= new Ahead(); // one for all pages of a visit
}
