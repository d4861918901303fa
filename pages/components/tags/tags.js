// A sentence and its tags, as one types: the network runs here. Letters are rubbed out by a press;
// a stretch of the sentence is compared with the held-out sentences, which are read once.

import { clamp, component, fetchBytes, make, same, save } from "../common.js";
import { queryWith } from "../expression/address.js";
import { fetchWeights } from "../safetensors.js";
import { Confusions } from "./confusions.js";
import { Corpus, largest } from "./corpus.js";
import { compareOrders } from "./order.js";
import { readRubbed, rubbedText, toggled, without } from "./rubbed.js";
import { Tagger } from "./tagger.js";
import { wordsOf } from "./tokens.js";

const WRITE = 500; // milliseconds without a change after which the address is written
const SLICE = 12; // and of one piece of reading the held-out sentences
const SHARES = 3; // tags under a word
const COLOURS = ["#4c78a8", "#e45756", "#54a24b", "#b279a2", "#eeca3b", "#9d755d", "#72b7b2",
  "#f58518", "#ff9da6", "#79706e", "#8a8a8a", "#bab0ac"];
const SEEN = { known: "", rare: "rare word", new: "never seen" };
const LEGEND = "Dashed: never seen in training, capitals aside. Dotted: seen too seldom for a vector " +
  "of its own. Press a letter to rub it out; press a tag, then another, to choose a stretch.";

/** Taggers by their address, for as long as the browser has this page. */
const taggers = new Map();

class Tags {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.text = this.find(".text");
    this.confusions = new Confusions(root, (words) => this.type(words.join(" ")), () => this.changed());
    this.listen();
  }

  update({ data }) {
    const first = !this.data;
    const another = first || !same(data.files, this.data.files);
    this.data = data;
    if (first) this.begin();
    if (another) this.load();
  }

  close() {
    clearTimeout(this.later);
    clearTimeout(this.reading);
    cancelAnimationFrame(this.frame);
  }

  // ---- what is chosen

  begin() {
    const query = new URLSearchParams(location.search), { examples } = this.data;
    this.state = {
      text: query.get("sentence") ?? examples[0].text,
      rubbed: new Map(),
      lettersOnly: query.get("letters") === "only",
      unit: Number(query.get("unit") ?? NaN),
      stretch: /^\d{1,3}-\d{1,3}$/.test(query.get("stretch") ?? "")
        ? query.get("stretch").split("-").map(Number) : null,
    };
    this.linked = query.get("rubbed");
    this.confusions.begin(query.get("confused"));
    this.text.value = this.state.text;
    const { lettersOnly } = this.state;
    this.find(".letters-only").checked = lettersOnly;
    this.find(".examples").replaceChildren(...examples.map(({ title, text }) => {
      const button = make("button", { type: "button", textContent: title, title: text });
      button.addEventListener("click", () => this.type(text));
      return button;
    }));
  }

  listen() {
    this.text.addEventListener("input", () => this.type(this.text.value, false));
    const press = (name, action) => this.find(name).addEventListener("click", action);
    press(".restore", () => this.change({ rubbed: new Map() }));
    press(".save-csv", () => save(this.csv(), "tags.csv", "text/csv"));
    this.find(".letters-only").addEventListener("change", ({ target }) =>
      this.change({ lettersOnly: target.checked }));
    this.find(".unit").addEventListener("input", ({ target }) =>
      this.change({ unit: Number(target.value) }));
    this.find(".order").addEventListener("toggle", () => this.orders());
  }

  type(text, write = true) {
    if (write) this.text.value = text;
    this.change({ text, rubbed: new Map(), stretch: null });
  }

  change(values) {
    Object.assign(this.state, values);
    this.draw();
    this.changed();
  }

  /** The address follows when things have rested. */
  changed() {
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      const { text, rubbed, lettersOnly, unit, stretch } = this.state;
      const query = queryWith(location.search, {
        sentence: text === this.data.examples[0].text || text.length > 1500 ? null : text,
        rubbed: rubbed.size ? rubbedText(rubbed) : null,
        letters: lettersOnly ? "only" : null,
        unit: Number.isInteger(unit) ? `${unit}` : null,
        stretch: stretch ? stretch.join("-") : null,
        confused: this.confusions.chosen?.join(".") ?? null,
      });
      history.replaceState(history.state, "", location.pathname + query + location.hash);
    }, WRITE);
  }

  // ---- the network

  async load() {
    const { files, network } = this.data;
    this.root.dataset.state = "loading";
    try {
      if (!taggers.has(files.weights)) {
        const [tensors, vocabulary, heldOut] = await Promise.all(
          [fetchWeights(files.weights), text(files.vocabulary), text(files.heldOut)]);
        if (taggers.size > 3) taggers.clear();
        const tagger = new Tagger(network, tensors, vocabulary, heldOut);
        taggers.set(files.weights, { tagger, corpus: new Corpus(tagger) });
      }
      if (files.weights !== this.data.files.weights) return; // another was chosen meanwhile
      Object.assign(this, taggers.get(files.weights));
      this.find(".sentence").replaceChildren();
      this.fail("");
    } catch (error) {
      this.fail(error.message);
      return;
    }
    if (this.linked) {
      this.state.rubbed = readRubbed(this.linked, this.shown());
      this.linked = null;
    }
    this.root.dataset.state = "ready";
    this.confusions.show(this.tagger, this.corpus, this.data);
    this.find(".order").hidden = !this.tagger.both;
    this.orders();
    this.draw();
    this.read();
  }

  fail(sentence) {
    this.find(".failure").textContent = sentence;
    this.find(".failure").hidden = !sentence;
    this.root.dataset.state = sentence ? "failed" : this.root.dataset.state;
  }

  /** Reads the held-out sentences, a little at a time. */
  read() {
    clearTimeout(this.reading);
    const { corpus } = this;
    if (corpus.complete) return this.arrived(1);
    this.reading = setTimeout(() => {
      if (corpus !== this.corpus || !this.root.isConnected) return;
      const share = document.hidden ? 0 : corpus.advance(SLICE);
      this.arrived(corpus.complete ? 1 : Math.min(share, 0.99));
      if (!corpus.complete) this.read();
    }, document.hidden ? 1000 : 8);
    return null;
  }

  arrived(share) {
    const shown = Math.floor(share * 20);
    if (shown === this.shownShare && share < 1) return;
    this.shownShare = shown;
    this.confusions.arrived(share);
    this.stretch();
  }

  // ---- the sentence

  shown() {
    return wordsOf(this.state.text).slice(0, this.tagger.maxWords);
  }

  draw() {
    if (!this.tagger) return;
    cancelAnimationFrame(this.frame);
    const { rubbed, lettersOnly } = this.state, { maxWords } = this.tagger;
    const all = wordsOf(this.state.text);
    this.words = all.slice(0, maxWords);
    this.given = without(this.words, rubbed);
    this.answers = this.words.length ? this.tagger.read(this.given, { lettersOnly }) : [];
    const units = this.tagger.units * this.tagger.cells.length;
    if (!(this.state.unit >= 0 && this.state.unit < units)) this.state.unit = this.liveliest(units);
    this.note(all.length);
    this.fill();
    this.find(".restore").hidden = !rubbed.size;
    this.find(".legend").textContent = this.words.length ? LEGEND : "";
    this.stretch();
  }

  /** The unit that changes most along the sentence. */
  liveliest(units) {
    let best = 0, most = -1;
    for (let u = 0; u < units && this.answers.length; u++) {
      const values = this.answers.map(({ joined }) => joined[u]);
      const range = Math.max(...values) - Math.min(...values);
      if (range > most) [best, most] = [u, range];
    }
    return best;
  }

  note(count) {
    const { letters, maxWords } = this.tagger, parts = [];
    if (!count) parts.push("There is no word yet: type a sentence.");
    if (count > maxWords) {
      parts.push(`The first ${maxWords} words are tagged; ${(count - maxWords).toLocaleString("en")} more are not read.`);
    }
    if (this.state.text.length >= this.text.maxLength) {
      parts.push(`The text ends after ${this.text.maxLength.toLocaleString("en")} characters: the rest was cut off.`);
    }
    const spelt = this.given.map((word) => [...word]);
    if (spelt.some((word) => word.length > letters)) {
      parts.push(`Of a word of more than ${letters} characters the last ${letters} are read.`);
    }
    if (spelt.some((word) => word.some((c) => c > "~" && !"’‘“”„«»—–…".includes(c)))) {
      parts.push("Characters that English does not write are all one to this network: it guesses by the words around.");
    }
    this.find(".note").textContent = parts.join(" ");
  }

  fill() {
    const { stretch } = this.state, { tags } = this.tagger;
    const place = this.find(".sentence"), left = place.scrollLeft;
    while (place.children.length > this.words.length) place.lastChild.remove();
    this.words.forEach((word, at) => {
      const card = place.children[at] ?? place.appendChild(this.card(at));
      const { probabilities, seen } = this.answers[at];
      const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
      const [best] = order, first = order.slice(0, SHARES);
      const chosen = Boolean(stretch) && at >= stretch[0] && at <= stretch[1];
      const shown = [this.given[at], word, seen, chosen, ...first, ...first.map((tag) => percent(probabilities[tag]))].join(" ");
      if (card.shown === shown) return; // most words stay as they are while one types
      card.shown = shown;
      card.className = `word ${seen}${chosen ? " chosen" : ""}`;
      this.letters(card, word, at);
      card.mark.textContent = SEEN[seen];
      const { pick } = card;
      pick.textContent = tags[best];
      pick.style.setProperty("--colour", colour(best));
      pick.title = this.data.titles[tags[best]] ?? tags[best];
      pick.setAttribute("aria-label", `${this.given[at]}: ${pick.title}, ${percent(probabilities[best])}. Choose for a stretch.`);
      pick.setAttribute("aria-pressed", chosen);
      card.bars.forEach((bar, i) => {
        bar.hidden = i >= first.length;
        if (!bar.hidden) show(bar, tags[first[i]], probabilities[first[i]], colour(first[i]));
      });
    });
    place.scrollLeft = left;
    this.frame = requestAnimationFrame(() => this.states());
  }

  /** The states under the words, which may come a frame behind the tags. */
  states() {
    const { unit } = this.state, units = this.tagger.units * this.tagger.cells.length;
    [...this.find(".sentence").children].forEach((card, at) => {
      const { joined } = this.answers[at], value = joined[unit];
      strip(card.canvas, joined);
      card.marker.style.top = `${(100 * (unit + 0.5)) / units}%`;
      card.fill.style.cssText = `--colour: ${value < 0 ? "var(--low)" : "var(--high)"}; width: ${Math.abs(value) * 50}%; left: ${value < 0 ? 50 - Math.abs(value) * 50 : 50}%`;
      card.number.textContent = value.toFixed(2);
    });
    const range = this.find(".unit");
    range.max = units - 1;
    range.value = unit;
    this.find(".unit-name").textContent = this.unitName();
  }

  unitName() {
    const { unit } = this.state, { units, both } = this.tagger;
    if (!this.words.length) return "";
    const reads = both && unit >= units ? "reads from the right" : "reads from the left";
    const values = this.answers.map(({ joined }) => joined[unit]);
    const high = largest(values), low = largest(values.map((v) => -v));
    return `${unit + 1}, ${reads}: highest at “${this.given[high]}”, lowest at “${this.given[low]}”`;
  }

  card(at) {
    const part = (name, className, ...children) => make(name, { className }, ...children);
    const mark = part("div", "mark"), pick = part("button", "pick"), canvas = part("canvas", "units");
    const marker = part("span", "marker"), fill = part("span", "fill"), number = part("span", "number");
    const bars = Array.from({ length: SHARES }, () => part("div", "bar", part("span", "name"),
      part("span", "track", part("span", "fill")), part("span", "share")));
    const card = make("div", {}, part("div", "letters"), mark, pick, part("div", "shares", ...bars),
      part("div", "strip", canvas, marker), part("div", "value", part("span", "track", fill), number));
    Object.assign(card, { mark, pick, canvas, marker, fill, number, bars });
    canvas.title = "What each unit of the LSTMs gives at this word: orange above zero, blue below. Press one to follow it.";
    pick.type = "button";
    pick.addEventListener("click", () => this.pick(at));
    canvas.addEventListener("click", (event) => {
      const { top, height } = event.currentTarget.getBoundingClientRect();
      const units = this.answers[at].joined.length;
      this.change({ unit: clamp(Math.floor(((event.clientY - top) / height) * units), 0, units - 1) });
    });
    return card;
  }

  letters(card, word, at) {
    const gone = this.state.rubbed.get(at), key = `${word} ${[...(gone ?? [])]}`;
    const place = card.querySelector(".letters");
    if (place.dataset.key === key) return;
    const focused = [...place.children].indexOf(place.getRootNode().activeElement);
    place.dataset.key = key;
    place.replaceChildren(...[...word].map((letter, i) => {
      const off = gone?.has(i) ?? false;
      const button = make("button", {
        type: "button", className: off ? "letter gone" : "letter", textContent: letter, tabIndex: i ? -1 : 0,
      });
      button.setAttribute("aria-pressed", off);
      button.setAttribute("aria-label", `${letter}, letter ${i + 1} of ${word}: ${off ? "write it again" : "rub it out"}`);
      button.addEventListener("click", () =>
        this.change({ rubbed: toggled(this.state.rubbed, at, i) }));
      button.addEventListener("keydown", ({ key: pressed }) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[pressed];
        if (step) place.children[i + step]?.focus();
      });
      return button;
    }));
    place.children[focused]?.focus();
  }

  // ---- a stretch

  pick(at) {
    const { stretch } = this.state;
    const open = stretch && stretch[0] === stretch[1] && stretch[0] !== at;
    if (stretch && stretch[0] === at && stretch[1] === at) return this.change({ stretch: null });
    return this.change({
      stretch: open ? [Math.min(at, stretch[0]), Math.max(at, stretch[0])] : [at, at],
    });
  }

  stretch() {
    const { stretch } = this.state, said = this.find(".stretch .told"), list = this.find(".found");
    const there = this.corpus.sentences.length;
    if (stretch && stretch[1] >= this.words.length) this.state.stretch = null;
    if (!this.state.stretch || !there) {
      said.textContent = there
        ? "Press the tag under a word, and the tag under another: the stretch between them is looked for among held-out sentences, by the states of the network alone."
        : "No sentences came with this network.";
      return list.replaceChildren();
    }
    if (!this.corpus.complete) {
      said.textContent = `The held-out sentences are being read: ${Math.round((this.corpus.done / there) * 100)} %.`;
      return list.replaceChildren();
    }
    const [from, to] = this.state.stretch;
    const states = this.answers.slice(from, to + 1).map(({ joined }) => joined);
    const { found, usual } = this.corpus.nearest(states, this.words);
    const what = this.given.slice(from, to + 1).join(" ");
    said.textContent = found.length
      ? `“${what}”: the most similar states in ${there.toLocaleString("en")} sentences that it never learnt from (Brown corpus), one a sentence, with the cosine; of all stretches of this length the median is ${usual.toFixed(2)}.`
      : `No held-out sentence has ${to - from + 1} words.`;
    return list.replaceChildren(...found.map(({ sentence, from: start, cosine }) =>
      this.confusions.line(sentence, start, start + to - from, cosine.toFixed(3))));
  }

  orders() {
    if (this.tagger?.both && this.find(".order").open) compareOrders(this.root, this.tagger);
  }

  csv() {
    const { tags } = this.tagger, quoted = (text) => `"${(/^[=+\-@]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
    const rows = this.answers.map(({ probabilities, seen }, at) =>
      [quoted(this.given[at]), seen, tags[largest(probabilities)], ...[...probabilities].map((p) => p.toFixed(6))].join(","));
    return [["word", "seen", "tag", ...tags].join(","), ...rows].join("\n");
  }
}

/** A text file of a run; empty where the run has none. */
async function text(url) {
  return url ? new TextDecoder().decode((await fetchBytes(url, "vocabulary")) ?? new Uint8Array()) : "";
}

export const colour = (tag) => COLOURS[tag % COLOURS.length];
const percent = (share) => `${(100 * share).toFixed(share > 0.99 && share < 0.9995 ? 1 : 0)} %`;

function show({ children: [title, { firstChild: fill }, number] }, name, share, shade) {
  title.textContent = name;
  fill.style.cssText = `--colour: ${shade}; width: ${100 * share}%`;
  number.textContent = percent(share);
}

/** What each unit gives, one a row: orange above zero, blue below. */
function strip(canvas, values) {
  if (canvas.height !== values.length || canvas.width !== 1) {
    Object.assign(canvas, { width: 1, height: values.length });
  }
  const context = canvas.getContext("2d"), pixels = context.createImageData(1, values.length);
  const words = new Uint32Array(pixels.data.buffer); // alpha, blue, green, red
  for (let row = 0; row < values.length; row++) {
    const strength = Math.round(255 * Math.min(1, Math.abs(values[row])));
    words[row] = ((strength << 24) | (values[row] < 0 ? 0xff7d3d : 0x0c72e8)) >>> 0;
  }
  context.putImageData(pixels, 0, 0);
}

export default component(".lab-tags", Tags);
