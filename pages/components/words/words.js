// Words: what comes next while one types, one way to go on, neighbours by their embeddings; and, on
// the bench where a text is learnt, the network that is learning. Nothing is sent to the server.

import { Plot, inks } from "../bench/plot.js";
import { clamp, component, fetchBytes, make, save } from "../common.js";
import { queryWith } from "../expression/address.js";
import { fetchWeights } from "../safetensors.js";
import { MAX_CHARACTERS, MAX_WORDS, followers, prepare } from "./learner.js";
import {
  NGram, RARE, Vocabulary, cosines, draw, largest, network, principal, softmax, written,
} from "./predictor.js";
import { WordMap } from "./word_map.js";

const BARS = 8;
const NEIGHBOURS = 8;
const WORDS = 30; // that a text is gone on with
const ON_MAP = 250; // words, the most frequent
const LISTED = 400; // of a vocabulary, to choose from
const REST = 150; // milliseconds without a key after which a text is gone on with
const SLICE = 10; // milliseconds of going on at once
const WRITE = 500; // and after which the address is written
const MOST_TYPED = 2000; // characters
const MOST_LINKED = 300; // of them in an address
const TIMINGS = 1000;

const percent = (share) => (share > 0 && share < 0.0005 ? "< 0.1%" : `${(100 * share).toFixed(1)}%`);
const whole = (field, least, most, otherwise) => {
  const value = Number.parseInt(field, 10);
  return Number.isFinite(value) ? clamp(value, least, most) : otherwise;
};

let kept = {}; // by bench: what was typed and learnt, for whoever leaves the tab and comes back

class Words {
  constructor(root) {
    this.root = root;
    root.timings = [];
    this.find = (selector) => root.querySelector(selector);
    this.field = this.find(".text");
    this.map = new WordMap(this.find(".map"), (n) => this.about(n));
    this.moving = new WordMap(this.find(".moving"), (n) => this.about(n));
    this.losses = new Plot(this.find(".loss"));
    this.bars = this.rows(".bars", BARS, (n) => this.add(n));
    this.near = this.rows(".cosines", NEIGHBOURS, (n) => this.about(n));
    this.resized = new ResizeObserver(() => this.redraw());
    for (const canvas of root.querySelectorAll("canvas")) this.resized.observe(canvas);
    this.listen();
  }

  rows(place, count, press) {
    const made = Array.from({ length: count }, () => {
      const [name, fill, share] = ["name", "fill", "share"].map((className) =>
        make("span", { className }));
      const track = make("span", { className: "track" }, fill);
      const row = make("button", { className: "row", type: "button" }, name, track, share);
      row.addEventListener("click", () => press(row.number));
      return { row, name, fill, share };
    });
    this.find(place).replaceChildren(...made.map(({ row }) => row));
    return made;
  }

  listen() {
    const on = (selector, event, action) => this.find(selector).addEventListener(event, action);
    on(".text", "input", () => this.typed());
    for (const name of [".temperature", ".seed"]) on(name, "input", () => this.later());
    on(".another", "click", () => {
      this.find(".seed").value = (whole(this.find(".seed").value, 0, 9999, 0) + 1) % 10000;
      this.goOn();
    });
    on(".save", "click", () =>
      save(`${this.find(".continuation").textContent}\n`, "words.txt", "text/plain"));
    on(".word", "change", ({ target }) => {
      const number = this.vocabulary?.find(target.value.trim());
      if (number === undefined) {
        this.find(".near-note").textContent = `“${target.value.slice(0, 40)}” is not in the vocabulary.`;
      } else this.about(number);
    });
    on(".learn", "click", () => (this.running ? this.stop() : this.learn()));
    on(".sonnet", "click", () => {
      this.find("textarea").value = this.data.text;
      this.learn();
    });
    on("textarea", "input", () => this.sized());
    on(".open input", "change", async ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (!file) return;
      if (file.size > 4 * MAX_CHARACTERS) return this.fail("That file is too large: take a part of it.");
      this.find("textarea").value = (await file.text()).slice(0, MAX_CHARACTERS + 1);
      this.learn();
    });
    on(".scrubber", "input", ({ target }) => this.look(Number(target.value)));
  }

  /** What Python says: `bench` (its name in addresses), and `weights`, `vocabulary` of a run, or
   * the `text` that is learnt at first. */
  update({ data }) {
    const old = this.data;
    this.data = data;
    this.root.ariaLabel = data.name;
    if (!old) this.begin();
    if (old?.weights === data.weights && old?.text === data.text) return;
    if (data.weights) this.load();
    else this.beginLearning();
  }

  close() {
    this.closed = true;
    this.worker?.terminate();
    this.resized.disconnect();
    for (const timer of [this.timer, this.writing]) clearTimeout(timer);
  }

  // ---- the address

  name = (value) => `${this.data.bench}-${value}`;

  begin() {
    const linked = new URLSearchParams(location.search);
    const before = kept[this.data.bench] ?? {};
    const from = (value, otherwise) => linked.get(this.name(value)) ?? before[value] ?? otherwise;
    this.field.value = String(from("typed", this.data.typed)).slice(0, MOST_TYPED);
    this.find(".temperature").value = clamp(Number(from("t", 1)) || 0, 0, 2);
    this.find(".seed").value = whole(from("seed", 0), 0, 9999, 0);
    this.find(".epochs").value = whole(from("epochs", 100), 1, 1000, 100);
    this.find(".start").value = whole(from("start", 0), 0, 9999, 0);
    this.picked = from("word", null)?.slice(0, 60) ?? null;
    this.find(".learning").hidden = Boolean(this.data.weights);
    this.find(".laid").hidden = !this.data.weights;
  }

  values() {
    return {
      typed: this.field.value, t: this.find(".temperature").value, seed: this.find(".seed").value,
      word: this.picked,
      ...(this.data.weights ? {} : { epochs: this.find(".epochs").value, start: this.find(".start").value }),
    };
  }

  write() {
    if (!this.root.isConnected) return;
    const values = this.values();
    kept[this.data.bench] = { ...values, text: this.find("textarea").value };
    const usual = { typed: this.data.typed, t: "1", seed: "0", epochs: "100", start: "0", word: null };
    const shown = Object.entries(values).map(([name, value]) =>
      [this.name(name), value === usual[name] ? null : String(value ?? "").slice(0, MOST_LINKED)]);
    const query = queryWith(location.search, Object.fromEntries(shown));
    history.replaceState(history.state, "", location.pathname + query + location.hash);
  }

  later() {
    this.find(".warmth").textContent = Number(this.find(".temperature").value).toFixed(1);
    clearTimeout(this.timer);
    clearTimeout(this.writing);
    this.timer = setTimeout(() => this.goOn(), REST);
    this.writing = setTimeout(() => this.write(), WRITE);
  }

  // ---- a network

  async load() {
    const { weights, vocabulary } = this.data;
    const current = () => !this.closed && this.data.weights === weights;
    this.root.dataset.state = "loading";
    this.find(".failure").hidden = true;
    this.net = null;
    try {
      const [found, bytes] = await Promise.all(
        [fetchWeights(weights), fetchBytes(vocabulary, "vocabulary")]);
      if (!current()) return;
      if (!bytes) throw new Error("The vocabulary did not arrive whole.");
      const words = new Vocabulary(new TextDecoder().decode(bytes).split("\n"));
      this.take(network(found, words), words);
    } catch (error) {
      if (current()) this.fail(`${error.message} Reload the page, or choose another network.`);
    }
  }

  fail(sentence) {
    if (this.data.weights) this.root.dataset.state = "failed";
    Object.assign(this.find(".failure"), { hidden: false, textContent: sentence });
    return null;
  }

  /** Another network, or the same with other weights. */
  take(net, vocabulary) {
    const another = this.vocabulary !== vocabulary;
    this.net = net;
    this.vocabulary = vocabulary;
    this.never = [vocabulary.numbers.get(RARE)];
    this.root.dataset.state = "ready";
    if (another) {
      this.find("datalist").replaceChildren(
        ...vocabulary.words.slice(0, LISTED).map((value) => make("option", { value })));
      const number = this.picked === null ? undefined : vocabulary.find(this.picked);
      this.word = number ?? vocabulary.find(this.data.about ?? "") ?? null;
      if (this.data.weights) this.lay();
    }
    this.typed();
  }

  // ---- what is typed

  /** What is read, and the beginning of a word that is not yet typed to its end. */
  read() {
    const text = this.field.value, prompt = this.vocabulary.read(text);
    const last = /\S+$/.exec(text)?.[0];
    if (!last || prompt.unknown.at(-1) !== last) return { ...prompt, part: "" };
    const starts = this.vocabulary.words.some((word) => word.startsWith(last));
    if (!starts) return { ...prompt, part: "" };
    const before = this.vocabulary.read(text.slice(0, text.length - last.length));
    return { ...before, part: last };
  }

  typed() {
    if (!this.net) return;
    const began = performance.now();
    const prompt = this.prompt = this.read();
    this.turn = null;
    const shares = this.shares(prompt.numbers);
    const { words } = this.vocabulary;
    const best = shares
      ? largest(shares, BARS, (n) => words[n] !== RARE && words[n].startsWith(prompt.part)) : [];
    this.bars.forEach(({ row, name, fill, share }, i) => {
      row.hidden = best[i] === undefined;
      if (row.hidden) return;
      row.number = best[i];
      name.textContent = words[best[i]];
      fill.style.width = `${100 * shares[best[i]]}%`;
      share.textContent = percent(shares[best[i]]);
      row.ariaLabel = `${words[best[i]]}, ${share.textContent}`;
    });
    this.find(".asked").textContent = prompt.part ? `Words that begin with “${prompt.part}”` : "The next word";
    this.find(".reading").textContent = this.reading(prompt, Boolean(shares));
    this.find(".time").textContent = shares ? this.rest(shares, best) : "";
    this.find(".counted").textContent = this.counted(prompt);
    this.near_();
    this.root.timings = [...this.root.timings, performance.now() - began].slice(-TIMINGS);
    this.later();
  }

  /** The probabilities behind some words; those of the last ones asked for are kept, for within a
   * word the words before it stay. */
  shares(numbers) {
    const key = numbers.join();
    if (this.last?.net !== this.net || this.last.key !== key) {
      const logits = this.net.next(numbers);
      this.last = { net: this.net, key, shares: logits && softmax(logits) };
    }
    return this.last.shares;
  }

  reading({ unknown, words }, enough) {
    const named = [...new Set(unknown)].slice(0, 5).map((word) => `“${word.slice(0, 40)}”`).join(", ");
    const parts = [];
    if (unknown.length) {
      parts.push(this.never[0] === undefined
        ? `Not in the vocabulary, and passed over: ${named}.`
        : `Not among the ${(this.vocabulary.words.length - 1).toLocaleString("en")} words it knows, and read as “${RARE}”: ${named}.`);
    }
    if (!enough) {
      const missing = this.net.context - words.length;
      parts.push(`It looks at ${this.net.context} words before: ${missing} more, please.`);
    } else if (this.net.context) {
      parts.push(`It sees “${words.slice(-this.net.context).join(" ")}”, and nothing before.`);
    }
    return parts.join(" ");
  }

  rest(shares, best) {
    const rare = this.never[0], shown = best.reduce((sum, n) => sum + shares[n], 0);
    const others = `All others together: ${percent(1 - shown)}`;
    return rare === undefined ? `${others}.` : `${others}, of which rare words ${percent(shares[rare])}.`;
  }

  /** What followed the two words in the text that was learnt. */
  counted({ numbers, words }) {
    if (!this.stream || numbers.length < 2) return "";
    const found = followers(this.stream, numbers.slice(-2)), name = words.slice(-2).join(" ");
    if (!found.size) {
      return `Counted: “${name}” never stands in the text. An n-gram model that only counts has `
        + "nothing to say here; the network answers from words with embeddings like these.";
    }
    const total = [...found.values()].reduce((a, b) => a + b);
    const often = total === 1 ? "once" : `${total.toLocaleString("en")} times`;
    const behind = [...found].sort((a, b) => b[1] - a[1]).slice(0, 4)
      .map(([n, count]) => `“${this.vocabulary.words[n]}” ${count}/${total}`);
    return `Counted: “${name}” stands ${often} in the text, then ${behind.join(", ")}.`;
  }

  add(number) {
    const { part } = this.prompt, text = this.field.value;
    const before = part ? text.slice(0, text.length - part.length) : text.trimEnd();
    const word = this.vocabulary.words[number];
    this.field.value = `${before}${before && !/\s$/.test(before) ? " " : ""}${word}`.slice(-MOST_TYPED);
    this.typed();
  }

  /** Goes on with what is typed, a few words at a time, so that a key is never kept waiting. */
  async goOn() {
    if (!this.net || this.closed) return;
    const turn = this.turn = {};
    const numbers = [...this.prompt.numbers], from = numbers.length;
    const how = {
      temperature: Number(this.find(".temperature").value), seed: whole(this.find(".seed").value, 0, 9999, 0),
    };
    for (let n = 0, began = performance.now(); n < WORDS; n++) {
      if (performance.now() - began > SLICE) {
        await new Promise((resolve) => setTimeout(resolve));
        if (this.turn !== turn || this.closed) return;
        began = performance.now();
      }
      const logits = this.net.next(numbers);
      if (!logits) break;
      numbers.push(draw(logits, how, n, this.never));
    }
    const all = numbers.map((n) => this.vocabulary.words[n]);
    const given = written(all.slice(0, from));
    this.find(".continuation").replaceChildren(
      make("span", { className: "given" }, given), written(all).slice(given.length));
    this.write();
  }

  // ---- embeddings

  about(number) {
    this.word = number;
    this.picked = this.vocabulary.words[number];
    this.near_();
    this.later();
  }

  near_() {
    const { words } = this.vocabulary;
    const word = this.word ?? this.prompt.numbers.at(-1) ?? 0;
    if (this.nearOf?.net === this.net && this.nearOf.word === word) return;
    this.nearOf = { net: this.net, word };
    this.find(".about").textContent = `“${words[word]}”`;
    this.find(".word").value = words[word];
    const found = cosines(this.net, word);
    const best = largest(found, NEIGHBOURS, (n) => n !== word && words[n] !== RARE);
    this.near.forEach(({ row, name, fill, share }, i) => {
      row.hidden = best[i] === undefined;
      if (row.hidden) return;
      row.number = best[i];
      name.textContent = words[best[i]];
      fill.style.width = `${100 * Math.max(0, found[best[i]])}%`;
      share.textContent = found[best[i]].toFixed(2);
      row.ariaLabel = `${words[best[i]]}, cosine ${share.textContent}`;
    });
    this.find(".near-note").textContent = "By the cosine of the angle between embeddings."
      + (this.net.context ? " They began at random: on a text as short as a sonnet most of it is chance." : "");
    this.marks = { word, near: best };
    this.redraw();
  }

  lay() {
    const { embedding, width, size } = this.net, { words } = this.vocabulary;
    const shown = words.map((_, n) => n).filter((n) => /[\p{L}]/u.test(words[n]) && words[n] !== RARE)
      .slice(0, Math.min(size, ON_MAP));
    const rows = shown.map((n) => embedding.subarray(n * width, (n + 1) * width));
    const { places, share, axes, mean } = principal(rows);
    this.laid = { places, shown, axes, mean };
    this.find(".map-note").textContent = `The ${shown.length} most frequent words, on the two directions in which `
      + `their embeddings vary most: ${percent(share)} of the variance of ${width} numbers. Press a word.`;
  }

  /** The map, with the word that is looked at and its neighbours where they are not on it. */
  drawMap() {
    const { places, shown, axes, mean } = this.laid, { embedding, width } = this.net;
    const on = new Set(shown), more = [this.marks.word, ...this.marks.near].filter((n) => !on.has(n));
    const others = more.map((n) => axes.map((axis) =>
      axis.reduce((sum, v, i) => sum + v * (embedding[n * width + i] - mean[i]), 0)));
    const all = [...shown, ...more];
    this.map.set([...places, ...others], all.map((n) => this.vocabulary.words[n]), all);
    this.map.draw(this.marks);
  }

  redraw() {
    if (!this.net) return;
    if (this.data?.weights) this.drawMap();
    else if (this.data) {
      this.moving.draw(this.marks);
      this.drawLosses();
    }
  }

  // ---- learning

  beginLearning() {
    const before = kept[this.data.bench];
    this.find("textarea").value = before?.text ?? this.data.text;
    this.learn();
  }

  sized() {
    const words = this.find("textarea").value.split(/\s+/).filter(Boolean).length;
    this.find(".size").textContent = `${words.toLocaleString("en")} words; at most ${MAX_WORDS.toLocaleString("en")}. `
      + "The text stays in this browser.";
  }

  learn() {
    this.sized();
    this.find(".failure").hidden = true;
    let prepared;
    try {
      prepared = prepare(this.find("textarea").value);
    } catch (error) {
      return this.fail(error.message);
    }
    this.worker?.terminate();
    this.stream = prepared.stream;
    this.epochs = whole(this.find(".epochs").value, 1, 1000, 100);
    this.words = new Vocabulary(prepared.known);
    this.joined = prepared.joined;
    this.course = []; // of each picture {epoch, places, share}
    this.rowsOfLoss = [];
    this.following = true;
    const names = prepared.known, shown = names.map((_, n) => n);
    this.named = { names, shown };
    this.began = performance.now();
    this.setRunning(true);
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.told(data);
    this.worker.onerror = () => this.fail("The text cannot be learnt here: this browser has no workers.");
    const seed = whole(this.find(".start").value, 0, 9999, 0);
    this.worker.postMessage({
      do: "learn", stream: this.stream, size: prepared.known.length, seed, epochs: this.epochs,
    });
    return null;
  }

  stop() {
    this.worker.postMessage({ do: "stop" });
  }

  setRunning(running) {
    this.running = running;
    this.root.dataset.learning = running;
    this.find(".learn").textContent = running ? "Stop" : "Learn";
  }

  told({ losses, running, done, steps, places, share, weights }) {
    if (this.closed) return;
    this.rowsOfLoss.push(...losses);
    this.course.push({ epoch: done, places, share });
    if (this.course.length > 600) this.course = this.course.filter((_, i, all) => i % 2 === 0 || i === all.length - 1);
    this.setRunning(running);
    const loss = this.rowsOfLoss.at(-1)?.[1], seconds = (performance.now() - this.began) / 1000;
    const left = running && done > 0 ? `, about ${Math.ceil(seconds * (this.epochs / done - 1))} s left` : "";
    const joined = this.joined ? ` ${this.joined.toLocaleString("en")} less frequent words are one.` : "";
    this.find(".progress").textContent = loss !== undefined && !Number.isFinite(loss)
      ? "It diverged: the loss is no longer a number."
      : `Epoch ${Math.floor(done)} of ${this.epochs}${loss === undefined ? "" : `, loss ${loss.toFixed(3)}`}, `
        + `${steps.toLocaleString("en")} steps in ${seconds.toFixed(1)} s${left}.${joined}`;
    const scrubber = this.find(".scrubber");
    scrubber.max = this.course.length - 1;
    if (this.following) scrubber.value = scrubber.max;
    const typing = this.root.getRootNode().activeElement === this.field;
    if (!running || typing || this.course.length % 8 === 1) this.take(new NGram(weights), this.words);
    this.look(this.following ? this.course.length - 1 : Number(scrubber.value));
  }

  /** Shows the words as they lay at a moment of the training. */
  look(at) {
    const moment = this.course[at];
    if (!moment) return;
    this.following = at === this.course.length - 1;
    const places = [];
    for (let i = 0; i < moment.places.length; i += 2) places.push([moment.places[i], moment.places[i + 1]]);
    const { names, shown } = this.named;
    this.moving.set(places, names, shown);
    this.find(".shown").textContent = Math.floor(moment.epoch);
    this.shownEpoch = moment.epoch;
    this.find(".moving-note").textContent = `Embeddings of ${places.length === names.length ? "all" : `the ${places.length} most frequent`} `
      + `${places.length === names.length ? `${names.length} ` : ""}words, on their two directions of largest variance: `
      + `${percent(moment.share)} of it. Press a word.`;
    this.redraw();
  }

  drawLosses() {
    if (!this.rowsOfLoss?.length) return;
    const rows = this.rowsOfLoss.filter(([, loss]) => loss > 0 && Number.isFinite(loss));
    if (!rows.length) return;
    const losses = rows.map(([, loss]) => loss);
    const y = [Math.min(...losses) / 1.2, Math.max(...losses) * 1.2];
    this.losses.begin({ x: [0, Math.max(this.epochs, 1)], y, labels: ["epoch", "loss"], log: true });
    this.losses.line(rows, { colour: inks(this.losses.canvas).accent, width: 2 });
    const at = this.shownEpoch ?? 0;
    this.losses.line([[at, y[0]], [at, y[1]]], { colour: this.losses.inks.text, width: 1, alpha: 0.5 });
  }
}

export default component(".lab-words", Words);
