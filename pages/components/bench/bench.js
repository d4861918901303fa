// The frame of every bench: settings, the engine, the player, the chart of losses, links, files.
//
// A bench is a module in `benches/` whose default export is a class:
//
//   static defaults     {name: value} of all its settings, those of training too (`...TRAINING` of
//                       ../trajectory/trajectory.js) and those of the stop rule (stop_steps, stop_loss, stop_patience)
//   static controls     [{name, label, kind, …}]: what the form is made of, see form.js; a setting
//                       of training can be changed in the middle, any other begins again
//   static presets      [{name, settings, reason}]: known good settings
//                       (and `branches` where it begins with several: of each its training, or
//                       a list of its segments, {from, training})
//   static keys         a sentence on keys of its stage, or ""
//   static shown        names of settings that change the picture alone (may be left out, as all
//                       that is static from here on)
//   static watched      names of the numbers that its problem watches, for the CSV
//   static measured     names of the two that it measures, where these are no losses of train and test
//   static onwards      true where another setting of training counts from the present step on; where
//                       not, from the last fork on
//   static chip         of a training, what a branch’s button says; may be left out
//   static race         true where it stops when all branches have stopped, not the active one
//   static speed        steps a second to begin with
//   static plays        false where it does not begin to play by itself
//   constructor(frame)  builds its stage in `frame.stage`. `frame.settings` are the settings now,
//                       `frame.data` what Python said, `frame.change({name: value})` sets some,
//                       `frame.add(training)` adds a branch, `frame.preset(settings, trainings)`
//                       begins again, `frame.say(sentence)` tells what happened, `frame.chosen` is
//                       the last state
//   check(settings)     gives settings that may be used; throws an Error with a sentence where what
//                       stands under a name without a control (points, say) is wrong
//   problem(settings)   plain data for makeProblem in ../trajectory/problem.js
//   news(data)          what Python says from the second time on
//   draw(state, colours)  state is what ../trajectory/session.js says: step, active, branches (each
//                       {weights, running, train, test, norm, step, diverged, rows, …})
//   numbers(state)      [[name, ...values]] for the table beside the chart; the first row is its head
//   divergence(state)   why a rate was too large, as a sentence; "" where that is not known
//   script(settings, segments, step)  a PyTorch script that prints the numbers of that step
//   canvas()            what PNG takes
//   branches(settings)  trainings to begin with, one for each branch; may be left out
//   lines(state)        what the chart of losses draws, see loss_chart.js; may be left out
//   dropped(branch)     is called before a branch goes; may be left out
//   diverged(state)     the sentence for a branch that ended early; may be left out
//
// A new bench: write the module, add it to BENCHES here, and draw it in a tab of
// pages/foundations.py with `bench("its name", key=…)`.

import { component, make, reducedMotion, same, save } from "../common.js";
import { Engine } from "../trajectory/engine.js";
import { TRAINING } from "../trajectory/trajectory.js";
import { Classification } from "./benches/classification.js";
import { Depth } from "./benches/depth.js";
import { FlowLine } from "./benches/flow_line.js";
import { FlowPlane } from "./benches/flow_plane.js";
import { GameBench } from "./benches/game.js";
import { Optimisers } from "./benches/optimisers.js";
import { Regression } from "./benches/regression.js";
import { COLOURS, Form, MAX_SEGMENTS } from "./form.js";
import { csv, savePng } from "./downloads.js";
import { LossChart } from "./loss_chart.js";
import { MAX_CHARACTERS, VERSION, pack, unpack } from "./link.js";
import { Player } from "./player.js";

const BENCHES = {
  classification: Classification, depth: Depth, flow_line: FlowLine, flow_plane: FlowPlane,
  game: GameBench, optimisers: Optimisers, regression: Regression,
};
const DRAGGED = 800; // milliseconds within which changes are one
const REST = 600; // milliseconds without a change until the address is written
const RULE = { stop_steps: "steps", stop_loss: "loss", stop_patience: "patience" };
const PARAMETER = "state";

class Bench {
  #queue = [];
  #busy = false;
  #series = new Map(); // by a branch's id: {rows, measures}, arrays of rows
  #rest = 0;

  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(name);
    this.stage = this.find(".stage");
    this.frame = this.#frame.bind(this);
  }

  /** What Python says, at first and after each run. */
  update({ data }) {
    const first = !this.data;
    this.data = data;
    if (first) this.#begin(BENCHES[data.bench]);
    else {
      this.bench.news?.(data);
      if (data.preset !== this.named) this.#named(data.preset);
    }
  }

  /** Known good settings by their name, which an invitation of the page may give. */
  #named(name) {
    this.named = name;
    const found = this.kind.presets.find((one) => one.name === name);
    if (found) this.preset(found.settings, found.branches);
    if (found) this.say(`${found.name}: ${found.reason}`);
  }

  async #begin(Kind) {
    this.kind = Kind;
    this.settings = { ...Kind.defaults };
    this.engine = new Engine();
    this.bench = new Kind(this);
    this.form = new Form(this.find(".controls"), Kind, this);
    this.player = new Player(this.find(".player"), this);
    this.chart = new LossChart(this.find(".chart"), this.find(".legend"));
    this.#takes();
    new ResizeObserver(() => this.redraw()).observe(this.root);
    this.named = this.data.preset;
    const linked = await this.#linked();
    if (!linked && this.named) this.#named(this.named);
    else this.#start(linked ?? {}, !linked);
  }

  /** Begins with settings, branches and a step, all of which have been checked. */
  #start({ settings = {}, branches = null, step = 0, active = 0 }, play = true) {
    this.settings = { ...this.kind.defaults, ...settings };
    this.form.show(this.settings);
    const trainings = this.bench.branches?.(this.settings) ?? [{}];
    const segments =
      branches ?? trainings.map((one) => [{ from: 0, training: { ...this.training, ...one } }]);
    this.ask({ ...this.#problem(), branches: segments, step, active });
    this.player.play(play && this.kind.plays !== false && !reducedMotion());
  }

  get training() {
    return Object.fromEntries(Object.keys(TRAINING).map((name) => [name, this.settings[name]]));
  }

  get rule() {
    const rule = Object.entries(RULE).map(([name, as]) => [as, this.settings[name]]);
    return { ...Object.fromEntries(rule), all: Boolean(this.kind.race) };
  }

  #problem() {
    const problem = this.bench.problem(this.settings);
    this.reshaped = !same(problem.network, this.network);
    this.network = problem.network;
    return { do: "problem", problem, rule: this.rule };
  }

  // ---- what is changed

  /** Sets some settings; those of training change the active branch from its last fork on. */
  change(changes) {
    const before = this.settings;
    this.settings = { ...before, ...changes };
    const names = Object.keys(changes).filter((name) => before[name] !== this.settings[name]);
    if (!names.length) return;
    this.form.show(this.settings);
    if (names.some((name) => name in RULE)) this.ask({ do: "rule", rule: this.rule });
    const training = names.filter((name) => name in TRAINING);
    const quiet = (name) => name in TRAINING || name in RULE || this.kind.shown?.includes(name);
    if (!names.every(quiet)) {
      const branches = this.chosen?.branches.map(({ segments }) => segments) ?? [[{ from: 0 }]];
      const { active = 0 } = this.chosen ?? {};
      const changed = Object.fromEntries(training.map((name) => [name, this.settings[name]]));
      Object.assign(branches[active].at(-1).training, changed);
      const message = this.#problem();
      // weights that were set by hand are of the network before
      if (this.reshaped) for (const segment of branches.flat()) segment.edits = [];
      this.ask({ ...message, branches });
    } else if (training.length) {
      const changed = Object.fromEntries(training.map((n) => [n, changes[n]]));
      this.ask({ do: this.#onwards() ? "turn" : "train", training: changed });
    } else {
      this.redraw();
      this.#rests();
    }
    this.player.overruled = false;
  }

  /**
   * Whether a change makes a new part of the branch at the present step. A hand that drags a slider
   * changes the part that it has begun, and so does one that has made as many as a link holds.
   */
  #onwards() {
    if (!this.kind.onwards || !this.chosen) return false;
    const now = performance.now();
    const dragged = now - this.changed < DRAGGED;
    this.changed = now;
    const { active, branches } = this.chosen;
    const { segments } = branches[active];
    if (dragged && segments.length > 1) return false;
    if (segments.length < MAX_SEGMENTS || segments.at(-1).from === this.chosen.step) return true;
    this.say(`${MAX_SEGMENTS} parts of a branch are the most: the last one is changed, from its beginning.`);
    return false;
  }

  /** Known good settings: all others as at first. */
  preset(settings, trainings = null) {
    const kept = Object.fromEntries(
      (this.kind.kept ?? []).map((name) => [name, this.settings[name]]),
    );
    const first = Object.fromEntries(Object.keys(TRAINING).map((n) => [n, this.kind.defaults[n]]));
    const segment = ({ from, training }) => ({ from, training: { ...first, ...training } });
    const branches = trainings?.map((one) => (one.map ? one : [{ from: 0, training: one }]).map(segment));
    this.#start({ settings: { ...kept, ...settings }, branches });
  }

  /** One more branch, from the start. */
  add(training) {
    const branches = [
      ...this.chosen.branches.map(({ segments }) => segments), [{ from: 0, training }],
    ];
    this.ask({ ...this.#problem(), branches, active: branches.length - 1 });
  }

  // ---- the engine: one question at a time, the next with the frame that follows

  /** Asks the engine; of several problems or trainings that wait, only the last is asked. */
  ask(message) {
    if (message.do === "drop") this.bench.dropped?.(message.branch);
    const last = this.#queue.at(-1);
    if (message.do === "problem") this.#queue = this.#queue.filter((one) => one.do === "rule");
    if (last?.do === message.do && (message.do === "train" || message.do === "turn")) {
      Object.assign(last.training, message.training);
    } else if (last?.do === message.do && message.do === "at") last.step = message.step;
    else if (last?.do === message.do && message.do === "edit") last.edits.push(...message.edits);
    else this.#queue.push(message);
    this.#next();
  }

  async #next() {
    if (this.#busy) return;
    const message = this.#queue.shift() ?? this.player.wanted(this.chosen);
    if (!message) return;
    this.#busy = true;
    const known = Object.fromEntries(
      [...this.#series].map(([id, { rows, measures }]) => [id, { rows: rows.length, measures: measures.length }]),
    );
    const state = await this.engine.ask({ ...message, known });
    this.#busy = false;
    this.#take(state);
    if (this.#queue.length) this.#next();
    else requestAnimationFrame(this.frame);
  }

  #frame() {
    if (!this.root.isConnected) return;
    this.#next();
  }

  #take(state) {
    const ids = new Set();
    for (const branch of state.branches) {
      ids.add(branch.id);
      const kept = this.#series.get(branch.id) ?? { rows: [], measures: [] };
      for (const name of ["rows", "measures"]) {
        const { from, width = 3, numbers } = branch[name];
        kept[name].length = Math.min(kept[name].length, from);
        for (let i = 0; i < numbers.length; i += width) kept[name].push(numbers.subarray(i, i + width));
      }
      this.#series.set(branch.id, kept);
      Object.assign(branch, kept);
    }
    for (const id of this.#series.keys()) if (!ids.has(id)) this.#series.delete(id);
    this.chosen = state;
    const { training } = state.branches[state.active].segments.at(-1);
    if (!this.#queue.length && Object.keys(training).some((n) => n in this.settings && this.settings[n] !== training[n])) {
      this.settings = { ...this.settings, ...training }; // another branch was picked
      this.form.show(this.settings);
    }
    this.player.take(state);
    this.redraw();
    this.root.dataset.state = "ready";
    this.#rests();
  }

  redraw() {
    if (!this.chosen) return;
    this.bench.draw(this.chosen, COLOURS);
    this.chart.draw(this.chosen, this.bench.lines?.(this.chosen));
    this.#numbers(this.bench.numbers(this.chosen), this.bench.verdict?.(this.chosen) ?? "");
  }

  #numbers(rows, verdict) {
    const place = this.find(".numbers");
    const text = JSON.stringify([rows, verdict]);
    if (place.text === text) return;
    place.text = text;
    const table = make("table", {});
    rows.forEach((row, i) => {
      const cells = row.map((value, k) => {
        const cell = make(i && k ? "td" : "th", { textContent: value });
        cell.scope = i ? "row" : "col";
        return cell;
      });
      table.append(make("tr", {}, ...cells));
    });
    place.replaceChildren(table, make("p", { className: "verdict", textContent: verdict }));
  }

  /** Tells a sentence, also to those who cannot see. */
  say(sentence) {
    this.find(".told").textContent = sentence;
  }

  fault(sentence) {
    const place = this.find(".message");
    place.textContent = sentence;
    place.hidden = !sentence;
  }

  // ---- the address, and files

  #rests() {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.player.playing || this.#write(), REST);
  }

  /** All that is needed to be here again; settings that are as at first are left out. */
  describe() {
    const { branches, active, step } = this.chosen;
    const { defaults } = this.kind;
    const changed = (of, from) =>
      Object.fromEntries(Object.entries(of).filter(([n, v]) => JSON.stringify(v) !== JSON.stringify(from[n])));
    const settings = changed(this.settings, defaults);
    const paths = branches.map(({ segments }) =>
      segments.map(({ from, training, edits = [] }) => ({
        from, training: changed(training, defaults), ...(edits.length ? { edits } : {}),
      })),
    );
    return { v: VERSION, bench: this.data.bench, settings, branches: paths, active, step };
  }

  async #write() {
    if (!this.chosen || !this.root.isConnected) return;
    const text = await pack(this.describe());
    const address = new URL(location.href);
    if (text.length > MAX_CHARACTERS) address.searchParams.delete(PARAMETER);
    else address.searchParams.set(PARAMETER, text);
    if (address.href !== location.href) history.replaceState(history.state, "", address);
    return text.length <= MAX_CHARACTERS;
  }

  async #linked() {
    const text = new URLSearchParams(location.search).get(PARAMETER);
    if (!text) return null;
    try {
      const said = await unpack(text);
      return said.bench === this.data.bench ? this.#checked(said) : null;
    } catch (error) {
      this.fault(`${error.message} The bench begins with its own settings instead.`);
      return null;
    }
  }

  /** What a link or a file says, checked against the bounds of the controls. */
  #checked({ settings = {}, branches, active = 0, step = 0 }) {
    const checked = this.bench.check({ ...this.kind.defaults, ...this.form.checked(settings) });
    const paths = branches && this.form.checkedBranches(branches, checked);
    return { settings: checked, branches: paths, active: Number(active) || 0, step: Number(step) || 0 };
  }

  #takes() {
    const name = `latent-lab-${this.data.bench}`;
    const takes = {
      link: async () => {
        if (!(await this.#write())) {
          this.say("This is too long for a link: take “Save as file” instead.");
          return;
        }
        await navigator.clipboard?.writeText(location.href).catch(() => null);
        this.say("The link to this step, with all settings, is in the clipboard and in the address.");
      },
      png: () => savePng(this.bench.canvas(), `${name}.png`),
      csv: () => save(csv(this.chosen, this.kind.watched, this.kind.measured), `${name}.csv`, "text/csv"),
      script: () => {
        const { segments, step } = this.chosen.branches[this.chosen.active];
        save(this.bench.script(this.settings, segments, step), `${name}.py`, "text/x-python");
      },
      json: () => save(JSON.stringify(this.describe(), null, 1), `${name}.json`, "application/json"),
    };
    for (const button of this.root.querySelectorAll("[data-take]")) {
      button.addEventListener("click", () => this.chosen && takes[button.dataset.take]());
    }
    this.find(".open input").addEventListener("change", async ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file) await this.#open(file);
    });
  }

  async #open(file) {
    try {
      if (file.size > 1e6) throw new Error("This file is larger than 1 MB: it is none of this bench.");
      const said = JSON.parse(await file.text());
      if (said?.v !== VERSION || said.bench !== this.data.bench) {
        throw new Error("This file is of another bench, or of another version of the lab.");
      }
      this.#start(this.#checked(said), false);
      this.fault("");
    } catch (error) {
      this.fault(error instanceof SyntaxError ? "This file is not one that was saved here." : error.message);
    }
  }

  close() {
    clearTimeout(this.#rest);
    this.player.play(false);
    this.engine.close();
  }
}

export default component(".lab-bench", Bench);
