// The bar below every bench: play and pause, steps, speed, a scrubber over all steps, forks.

import { make } from "../common.js";
import { DIVERGED, MAX_BRANCHES } from "../trajectory/session.js";
import { COLOURS } from "./form.js";

const SPEEDS = [[5, "5 steps/s"], [60, "60 steps/s"], [600, "600 steps/s"], [6000, "6,000 steps/s"], [0, "as fast as it can"]];
const FRAME = 11; // milliseconds of steps in a frame, the rest of which is for drawing
const LONGEST = 0.1; // seconds that are made up for, after a pause of the browser

export class Player {
  #since = 0; // when steps were last asked for
  #owed = 0; // parts of a step

  constructor(root, bench) {
    this.root = root;
    this.bench = bench;
    this.playing = false;
    this.overruled = false; // played on though the rule had stopped it
    this.find = (name) => root.querySelector(name);
    this.scrubber = this.find(".scrubber");
    this.speed = this.find(".speed select");
    for (const [value, title] of SPEEDS) this.speed.append(make("option", { value, textContent: title }));
    this.speed.value = bench.kind.speed ?? 600;
    const on = (name, hand) => this.find(name).addEventListener("click", hand);
    on(".play", () => this.toggle());
    on(".reset", () => this.go(0));
    on(".back", () => this.go(this.step - 1));
    on(".on", () => this.go(this.step + 1));
    on(".fork", () => this.fork());
    this.scrubber.addEventListener("input", () => this.go(Number(this.scrubber.value)));
    bench.root.addEventListener("keydown", (event) => this.#key(event));
  }

  get step() {
    return this.bench.chosen?.step ?? 0;
  }

  #key(event) {
    const { key, target, altKey, ctrlKey, metaKey } = event;
    const own = target.closest("input, select, summary, textarea, [role=application]");
    if (altKey || ctrlKey || metaKey || event.defaultPrevented) return;
    if (key === " " && !own && target.tagName !== "BUTTON") this.toggle();
    else if (own) return;
    else if (key === "ArrowRight") this.go(this.step + 1);
    else if (key === "ArrowLeft") this.go(this.step - 1);
    else if (key === "Home") this.go(0);
    else if (key === "End") this.go(Number(this.scrubber.max));
    else return;
    event.preventDefault();
  }

  toggle() {
    this.play(!this.playing);
    this.bench.say(this.playing ? "It plays." : `It stands at step ${this.step}.`);
  }

  play(on) {
    this.playing = on;
    this.#since = performance.now();
    this.#owed = 0;
    const { chosen } = this.bench;
    if (on && chosen?.stopped && chosen.stopped !== DIVERGED) {
      this.overruled = true;
      this.bench.ask({ do: "rule", rule: {} });
    }
    this.find(".play").textContent = on ? "Pause" : "Play";
    this.find(".play").setAttribute("aria-pressed", String(on));
    if (on) this.bench.frame();
    else this.bench.redraw(); // a bench that draws by turns while it plays draws all
  }

  /** To any step; beyond the last one it is computed. */
  go(step) {
    this.play(false);
    if (step === 0 && this.overruled) {
      this.overruled = false;
      this.bench.ask({ do: "rule", rule: this.bench.rule });
    }
    this.bench.ask({ do: "at", step: Math.max(step, 0) });
  }

  fork() {
    const { branches } = this.bench.chosen;
    if (branches.length >= MAX_BRANCHES) {
      this.bench.say(`There are ${MAX_BRANCHES} branches at most: remove one.`);
      return;
    }
    this.bench.ask({ do: "fork" });
    this.bench.say(`Branch ${branches.length + 1} begins at step ${this.step}: change a setting of its training.`);
  }

  /** What the engine is to do in the next frame; null where nothing is. */
  wanted(state) {
    if (state && !state.reached) return { do: "advance" };
    if (!this.playing || !state) return null;
    const speed = Number(this.speed.value);
    if (!speed) return { do: "advance", milliseconds: FRAME };
    const now = performance.now();
    this.#owed += Math.min((now - this.#since) / 1000, LONGEST) * speed;
    this.#since = now;
    const steps = Math.floor(this.#owed);
    this.#owed -= steps;
    return { do: "advance", steps };
  }

  take(state) {
    const { step, stopped, branches, active } = state;
    const length = Math.max(...branches.map((branch) => branch.length), step);
    this.scrubber.max = length;
    this.scrubber.value = step;
    this.scrubber.style.setProperty("--to", `${length ? (100 * step) / length : 0}%`);
    this.scrubber.setAttribute("aria-valuetext", `step ${step} of ${length}`);
    this.find(".step").textContent = `step ${step.toLocaleString("en")}`;
    if (stopped && this.playing && state.reached) {
      this.play(false);
      const { diverged } = branches[active];
      const why = stopped === DIVERGED ? this.#diverged(state, diverged) : `It stopped: ${stopped}.`;
      this.bench.say(why);
    }
    this.#chips(state);
  }

  #diverged(state, step) {
    if (this.bench.bench.diverged) return this.bench.bench.diverged(state);
    const last = Math.max(step - 1, 0).toLocaleString("en");
    const why = this.bench.bench.divergence(state);
    return `It diverged: at step ${step.toLocaleString("en")} the numbers are too large to be computed. ${why} Step ${last} is the last finite one.`;
  }

  #chips({ branches, active }) {
    const text = JSON.stringify([active, branches.map(({ id, diverged }) => [id, diverged])]);
    if (this.chips === text) return;
    this.chips = text;
    const place = this.find(".branches");
    place.hidden = branches.length < 2 || this.bench.kind.race; // a race has a table of its own
    place.replaceChildren(...branches.flatMap(({ segments, diverged }, i) => {
      const { from, training } = segments.at(-1);
      const what = this.bench.kind.chip?.(training) ?? `${training.optimiser}, ${training.rate}`;
      const title = `${i + 1} · ${what}${from ? `, from step ${from}` : ""}${diverged === null ? "" : ", diverged"}`;
      const chip = make("button", { type: "button", className: "chip", textContent: title });
      chip.style.setProperty("--colour", COLOURS[i]);
      chip.setAttribute("aria-pressed", String(i === active));
      chip.addEventListener("click", () => this.bench.ask({ do: "pick", branch: i }));
      const drop = make("button", { type: "button", className: "drop", textContent: "×" });
      drop.setAttribute("aria-label", `Remove branch ${i + 1}`);
      drop.addEventListener("click", () => this.bench.ask({ do: "drop", branch: i }));
      return [make("span", { className: "branch" }, chip, drop)];
    }));
  }
}
