// Shows what a slider of Streamlit's will show before it is released: one request at a time, for
// the latest value.

import { component, make } from "../common.js";

const KEPT = 64; // previews that a browser remembers: a slider of twenty steps there and back
const LOOK = 100; // milliseconds after which a slider that is not there yet is looked for again
const kept = new Map(); // by address

class SliderPreview {
  constructor(root) {
    this.root = root;
    // A slider's value is a property, which nobody can watch; this is for screen readers.
    this.observer = new MutationObserver(() => this.follow());
    this.released = () => this.wake?.();
    document.addEventListener("pointerup", this.released, true);
  }

  /** What Python says, at first and after each run, in which Streamlit may make another slider. */
  update({ data }) {
    this.data = data;
    this.attach();
  }

  /** Watch the slider; one that Streamlit has not drawn yet is looked for again. */
  attach() {
    clearTimeout(this.again);
    const slider = document.querySelector(`.st-key-${CSS.escape(this.data.slider)} input`);
    if (!slider && !this.closed) this.again = setTimeout(() => this.attach(), LOOK);
    if (slider === this.slider) return;
    this.observer.disconnect();
    this.slider = slider;
    if (slider) this.observer.observe(slider, { attributeFilter: ["aria-valuetext"] });
    this.root.dataset.state = slider ? "watching" : "waiting";
  }

  /** Follow the hand until what is shown is what the slider stands at. */
  async follow() {
    if (this.busy) return;
    this.busy = true;
    try {
      while (await this.step());
    } catch {
      // It is only a preview: what is released comes through Streamlit.
    } finally {
      this.busy = false;
    }
  }

  /** Show one value; false when there is nothing to do. */
  async step() {
    const place = document.querySelector(`[data-slider="${CSS.escape(this.data.slider)}"]`);
    const value = Number(this.slider.value);
    if (!place || this.closed || value === Number(place.dataset.at)) return false;
    const begin = performance.now();
    const address = place.dataset.looks + value;
    const known = kept.get(address);
    const drawn = known ?? (await decoded(await fetched(address)));
    keep(address, drawn);
    place.replaceChildren(drawn.cloneNode(true)); // inside of what Streamlit replaces
    place.dataset.at = value;
    if (!known) await this.rest(performance.now() - begin);
    return true;
  }

  /** As long as the server has worked: many hands at once leave it free half of the time. */
  rest(milliseconds) {
    return new Promise((done) => {
      this.wake = done; // by the release: that value is the one that counts
      setTimeout(done, milliseconds);
    });
  }

  close() {
    this.closed = true;
    clearTimeout(this.again);
    this.observer.disconnect();
    document.removeEventListener("pointerup", this.released, true);
  }
}

function keep(address, drawn) {
  kept.set(address, drawn);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

async function fetched(address) {
  const answer = await fetch(new URL(address, location.origin));
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.text();
}

/** Some HTML with its pictures ready: nothing flashes when it is shown. */
async function decoded(html) {
  const { content } = make("template", { innerHTML: html });
  const drawn = document.importNode(content, true); // there its pictures load
  await Promise.all([...drawn.querySelectorAll("img")].map((picture) => picture.decode()));
  return drawn;
}

export default component(".lab-slider-preview", SliderPreview);
