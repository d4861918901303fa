// The confusion matrix of a tagger on all held-out words, and the sentences of one of its cells
// among those that came with the network.

import { make } from "../common.js";

const LISTED = 30; // sentences of a cell at most

export class Confusions {
  /**
   * @param {HTMLElement} root
   * @param {(words: string[]) => void} use - a sentence is pressed.
   * @param {() => void} changed - another cell is chosen.
   */
  constructor(root, use, changed) {
    Object.assign(this, { use, changed, chosen: null });
    this.find = (selector) => root.querySelector(`.confusions ${selector}`);
    this.section = root.querySelector(".confusions");
  }

  /** `linked` is what the address says: two tags with a point between, of which one may be “.”. */
  begin(linked) {
    const found = /^([A-Z]+|\.)\.([A-Z]+|\.)$/.exec(linked ?? "");
    this.chosen = found ? [found[1], found[2]] : null;
  }

  show(tagger, corpus, { confusion, titles, total }) {
    Object.assign(this, { tagger, corpus, titles, share: corpus.complete ? 1 : 0 });
    this.section.hidden = !confusion?.length || !corpus.sentences.length;
    if (this.section.hidden) return;
    const { tags } = tagger;
    if (!this.chosen || !this.chosen.every((tag) => tags.includes(tag))) this.chosen = worst(confusion, tags);
    this.find(".told").textContent =
      `Rows: what each of ${total.toLocaleString("en")} held-out words is; columns: what the network says. Press a number for its sentences.`;
    const head = make("tr", {}, make("th"), ...tags.map((tag) => make("th", { textContent: tag, title: titles[tag] ?? tag })));
    const rows = tags.map((tag, i) => {
      const sum = confusion[i].reduce((a, b) => a + b, 0) || 1;
      const cells = tags.map((given, j) => this.cell(tag, given, confusion[i][j], confusion[i][j] / sum));
      return make("tr", {}, make("th", { scope: "row", textContent: tag, title: titles[tag] ?? tag }), ...cells);
    });
    this.find(".matrix").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
    this.list();
  }

  cell(tag, given, count, share) {
    const button = make("button", { type: "button", textContent: count ? count.toLocaleString("en") : "·" });
    const shade = tag === given ? "var(--st-text-color)" : "var(--high)";
    const strength = tag === given ? 10 * share : Math.min(75, 100 * Math.sqrt(share * 4));
    button.style.background = `color-mix(in srgb, ${shade} ${strength}%, transparent)`;
    button.title = `${tag} called ${given}: ${count.toLocaleString("en")}, ${(100 * share).toFixed(1)} % of its row`;
    button.setAttribute("aria-label", button.title);
    button.dataset.cell = `${tag} ${given}`;
    button.addEventListener("click", () => {
      this.chosen = [tag, given];
      this.list();
      this.changed();
    });
    return make("td", {}, button);
  }

  arrived(share) {
    this.share = share;
    if (!this.section.hidden) this.list();
  }

  list() {
    const [tag, given] = this.chosen, there = this.corpus.sentences.length;
    for (const button of this.section.querySelectorAll("td button")) {
      button.setAttribute("aria-pressed", button.dataset.cell === `${tag} ${given}`);
    }
    const found = this.corpus.errors(tag, given), title = (name) => this.titles[name] ?? name;
    const what = tag === given ? `${title(tag)}, rightly named` : `${title(tag)} called ${title(given).toLowerCase()}`;
    const among = this.share < 1
      ? `the first ${this.corpus.done} of ${there}` : `${there.toLocaleString("en")}`;
    this.find(".errors .told").textContent =
      `${what}: ${found.length.toLocaleString("en")} in ${among} held-out sentences that came with the network${found.length > LISTED ? `; the first ${LISTED}` : ""}.`;
    this.find(".errors ol").replaceChildren(
      ...found.slice(0, LISTED).map(({ sentence, at }) => this.line(sentence, at, at)));
  }

  /** A sentence to press, with a stretch in it that is marked. */
  line(sentence, from, to, note = "") {
    const { words, tags, given } = sentence;
    const part = (start, end) => words.slice(start, end).join(" ");
    const said = given.slice(from, to + 1).join(" "), right = tags.slice(from, to + 1).join(" ");
    const button = make("button", { type: "button", className: "line", title: "Put it into the field" },
      make("small", { textContent: note }), `${part(0, from)} `,
      make("b", { textContent: part(from, to + 1) }), ` ${part(to + 1)} `,
      make("small", { textContent: said === right ? said : `${said} (right: ${right})` }));
    button.addEventListener("click", () => this.use(words));
    return make("li", {}, button);
  }
}

/** The most frequent error. */
export function worst(confusion, tags) {
  let best = [tags[0], tags[0]], most = 0;
  confusion.forEach((row, i) => row.forEach((count, j) => {
    if (i !== j && count > most) [best, most] = [[tags[i], tags[j]], count];
  }));
  return best;
}
