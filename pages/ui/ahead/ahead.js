// Shows what a slider will show before it is let go: one question at a time, the latest value.

const LABELLED = (label) => `input[type="range"][aria-label="${CSS.escape(label)}"]`;
const KEPT = 64; // looks that a browser remembers: a slider of twenty steps there and back

class Ahead {
  constructor() {
    this.kept = new Map(); // what was seen, by value
    this.moves = new MutationObserver(() => this.look());
    this.letGo = () => this.wake?.();
  }

  /** What Python says, at first and after each run: `value` is what is shown now. */
  update({ data }) {
    if (data.looks !== this.address) this.kept.clear();
    this.address = data.looks;
    this.place = data.place;
    this.shown = Number(data.value);
    this.watch(document.querySelector(LABELLED(data.slider)));
  }

  /** Look whenever the slider's value is another. */
  watch(slider) {
    if (slider === this.slider) return this.look();
    this.moves.disconnect();
    this.slider = slider;
    if (!slider) return;
    // The value is a property, which nobody can watch; this is said of it to screen readers.
    this.moves.observe(slider, { attributeFilter: ["aria-valuetext"] });
    document.addEventListener("pointerup", this.letGo, true);
  }

  /** Follow the hand until what is shown is what it asks for. */
  async look() {
    if (this.busy || !this.slider?.isConnected) return;
    this.busy = true;
    try {
      while (this.wanted() !== this.shown) await this.show(this.wanted(), this.address);
    } catch {
      // It is only ahead: what is let go comes through Streamlit.
    } finally {
      this.busy = false;
    }
  }

  wanted() {
    return Number(this.slider.value);
  }

  async show(value, address) {
    const asked = performance.now();
    const known = this.kept.has(value);
    const drawn = known ? this.kept.get(value) : await decoded(await fetched(address + value));
    if (address !== this.address) return;
    this.keep(value, drawn);
    // Inside of what Streamlit replaces when it draws anew.
    document.querySelector(`.${this.place}`).replaceChildren(drawn.cloneNode(true));
    this.shown = value;
    if (!known) await this.rest(performance.now() - asked);
  }

  /** As long as the server has worked: many hands at once find it free half of the time. */
  rest(milliseconds) {
    return new Promise((done) => {
      this.wake = done; // by letting go: that look is the one that counts
      setTimeout(done, milliseconds);
    });
  }

  keep(value, drawn) {
    this.kept.set(value, drawn);
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
  }

  close() {
    this.moves.disconnect();
    document.removeEventListener("pointerup", this.letGo, true);
    this.slider = null;
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

export default function ({ parentElement, ...component }) {
  const root = parentElement.querySelector(".lab-ahead");
  root.ahead ??= new Ahead(); // called again after each run: the elements stay
  root.ahead.update(component);
  return () => root.ahead.close();
}
