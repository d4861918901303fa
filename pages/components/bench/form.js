// The settings of a bench as a form, made from its list of controls.
//
// A control has `name`, `label`, `help` (a line), `group` (the heading under which it is folded; none
// for those in view), `when(settings)` (whether it is shown), and by `kind`:
//   "number"  low, high, step; `mark(settings, bench)` a value to mark on the slider, or null; `log: true` for a slider by powers of ten between `from` and `to`, beside
//             a field that takes any number within the bounds; `whole: true` for whole numbers
//   "choice"  options: [[value, title], …]
//   "check"
//   "list"    whole numbers with commas: low, high of each, most of them

import { make } from "../common.js";
import { GAMES, MOST_AHEAD, MOST_TURNS, looksAhead } from "../trajectory/game.js";
import { INITIALISATIONS } from "../trajectory/network.js";
import { OPTIMISERS } from "../trajectory/optimisers.js";
import { MAX_BRANCHES } from "../trajectory/session.js";
import { MAX_STEPS, TRAINING } from "../trajectory/trajectory.js";

/** Colours of branches, classes and data that colour-blind people can tell apart (Okabe and Ito). */
export const COLOURS = [
  "#2b8cd6", "#e69f00", "#00a37a", "#cc79a7", "#d55e00", "#808080", "#8c6d31", "#7b5fc9",
];

export const MAX_SEGMENTS = 12;
const MAX_EDITS = 300; // weights set by hand at one step
const number = (value) => value.toLocaleString("en");

/** Controls that several benches have; a bench takes those that it wants by name. */
export const SHARED = {
  optimiser: {
    name: "optimiser", label: "Optimiser", kind: "choice",
    options: Object.entries(OPTIMISERS).map(([name, { title }]) => [name, title]),
  },
  rate: {
    name: "rate", label: "Learning rate", kind: "number", low: 0, high: 1e9, log: true,
    from: -5, to: 1,
  },
  momentum: {
    name: "momentum", label: "Momentum β", kind: "number", low: 0, high: 0.999, step: 0.01,
    group: "Training", when: ({ optimiser }) => optimiser === "momentum" || optimiser === "nesterov",
  },
  alpha: {
    name: "alpha", label: "Share of old squares α", kind: "number", low: 0, high: 0.9999, step: 0.001,
    group: "Training", when: ({ optimiser }) => optimiser === "rmsprop",
  },
  beta1: {
    name: "beta1", label: "β₁, of the gradients", kind: "number", low: 0, high: 0.999, step: 0.01,
    group: "Training", when: ({ optimiser }) => optimiser === "adam",
  },
  beta2: {
    name: "beta2", label: "β₂, of their squares", kind: "number", low: 0, high: 0.9999, step: 0.001,
    group: "Training", when: ({ optimiser }) => optimiser === "adam",
  },
  batch: {
    name: "batch", label: "Points a step", kind: "number", low: 0, high: 2000, step: 1, whole: true,
    to: 64, group: "Training", help: "0 takes all points in every step.",
  },
  clip: {
    name: "clip", label: "Longest gradient", kind: "number", low: 0, high: 1e6, step: 0.1, to: 10,
    group: "Training", help: "A longer gradient is shortened to this norm; 0 leaves all as they are.",
  },
  l1: {
    name: "l1", label: "L1 penalty", kind: "number", low: 0, high: 10, log: true, from: -5, to: 0,
    group: "Regularisation", help: "λ · Σ|w| is added to the loss.",
  },
  l2: {
    name: "l2", label: "L2 penalty (ridge)", kind: "number", low: 0, high: 10, log: true, from: -5,
    to: 0, group: "Regularisation", help: "λ · Σw² is added to the loss; biases are free.",
  },
  dropout: {
    name: "dropout", label: "Dropout", kind: "number", low: 0, high: 0.9, step: 0.05,
    group: "Regularisation", help: "The share of hidden units left out of a step.",
  },
  initialisation: {
    name: "initialisation", label: "First weights", kind: "choice", group: "Network",
    options: INITIALISATIONS.map((name) => [name, name.replace("_", " ")]),
  },
  seed: {
    name: "seed", label: "Seed", kind: "number", low: 0, high: 2 ** 31 - 1, step: 1, whole: true,
    to: 99, group: "Training", help: "Of first weights, batches, dropout and the split.",
  },
  reflow: { name: "reflow", label: "Reflows", kind: "number", low: 0, high: 4, whole: true },
  game: {
    name: "game", label: "Objective", kind: "choice",
    options: Object.entries(GAMES).map(([name, { title }]) => [name, title]),
  },
  frozen: {
    name: "frozen", label: "Frozen", kind: "choice",
    options: [["none", "nobody"], ["generator", "the generator"], ["discriminator", "the discriminator"]],
  },
  rate_d: {
    name: "rate_d", label: "Rate of the discriminator", kind: "number", low: 0, high: 1e9, log: true,
    from: -5, to: 1,
  },
  turns: {
    name: "turns", label: "Discriminator’s steps for one", kind: "number", low: 1, high: MOST_TURNS, step: 1,
    whole: true, help: "Of the generator.",
  },
  weight_clip: {
    name: "weight_clip", label: "Weights stay within ±", kind: "number", low: 0.001, high: 10, log: true,
    from: -3, to: 1, when: ({ game }) => game === "wgan",
  },
  penalty: {
    name: "penalty", label: "Penalty λ", kind: "number", low: 0, high: 1000, log: true, from: -2, to: 2,
    when: ({ game }) => game === "wgan_gp",
  },
  ahead: {
    name: "ahead", label: "Unrolled steps", kind: "number", low: 0, high: MOST_AHEAD, step: 1, whole: true,
    when: ({ game }) => game !== "wgan_gp",
  },
  rate_ahead: {
    name: "rate_ahead", label: "Rate of these steps", kind: "number", low: 0, high: 100, log: true,
    from: -3, to: 1, when: looksAhead,
  },
  stop_steps: {
    name: "stop_steps", label: "Stop after steps", kind: "number", low: 0, high: MAX_STEPS, step: 100,
    whole: true, to: 20000, group: "Stop rule", help: "0 never stops by it.",
  },
  stop_loss: {
    name: "stop_loss", label: "Stop at a loss of", kind: "number", low: 0, high: 1e9, log: true,
    from: -8, to: 0, group: "Stop rule", help: "Or less; 0 never stops by it.",
  },
  stop_patience: {
    name: "stop_patience", label: "Stop without gain in steps", kind: "number", low: 0, high: MAX_STEPS,
    step: 10, whole: true, to: 2000, group: "Stop rule", help: "0 never stops by it.",
  },
};

/** A value within a control's bounds; throws a sentence where it is not. */
export function checkedValue(control, value) {
  const { kind, label, low, high } = control;
  if (kind === "check") {
    if (typeof value !== "boolean") throw new Error(`“${label}” is on or off.`);
  } else if (kind === "choice") {
    if (!control.options.some(([option]) => option === value)) {
      throw new Error(`“${label}” has no choice ${String(value).slice(0, 40)}.`);
    }
  } else if (kind === "list") {
    const whole = Array.isArray(value) && value.length <= control.most;
    if (!whole || !value.every((one) => Number.isInteger(one) && one >= low && one <= high)) {
      throw new Error(`“${label}” is up to ${control.most} whole numbers from ${low} to ${high}.`);
    }
  } else if (typeof value !== "number" || !(value >= low && value <= high)) {
    throw new Error(`“${label}” is a number from ${number(low)} to ${number(high)}.`);
  } else if (control.whole && !Number.isInteger(value)) {
    throw new Error(`“${label}” is a whole number.`);
  }
  return value;
}

/** Whether this is a weight set by hand: `[index, value]`. */
const isEdit = (edit) =>
  Array.isArray(edit) && edit.length === 2 && Number.isInteger(edit[0]) && edit[0] >= 0 &&
  Number.isFinite(edit[1]) && Math.abs(edit[1]) <= 1000;

export class Form {
  #fields = new Map(); // by name: {row, show}

  constructor(root, { controls, presets }, bench) {
    this.root = root;
    this.bench = bench;
    this.controls = new Map(controls.map((control) => [control.name, control]));
    const groups = new Map([["", root]]);
    for (const control of controls) {
      const group = control.group ?? "";
      if (!groups.has(group)) groups.set(group, make("details", {}, make("summary", { textContent: group })));
      groups.get(group).append(this.#field(control));
    }
    root.append(...[...groups.values()].slice(1));
    if (presets.length) root.append(this.#presets(presets));
    root.addEventListener("submit", (event) => event.preventDefault());
  }

  #presets(presets) {
    const reason = make("p", { className: "note" });
    const buttons = presets.map((preset) => {
      const button = make("button", { type: "button", textContent: preset.name });
      button.addEventListener("click", () => {
        this.bench.preset(preset.settings, preset.branches);
        reason.textContent = preset.reason;
        this.bench.say(`${preset.name}: ${preset.reason}`);
      });
      return button;
    });
    const box = make("details", { open: true }, make("summary", { textContent: "Known good settings" }));
    box.append(make("div", { className: "presets" }, ...buttons), reason);
    return box;
  }

  #field(control) {
    const { name, label, kind, help } = control;
    const field = { choice: "choice", check: "check", list: "list" }[kind] ?? "numeric";
    const made = this[`_${field}`](control);
    const row = make("div", { className: `field ${kind}` }, ...made.elements);
    if (help) row.append(make("p", { className: "note", textContent: help }));
    made.elements.forEach((element) => element.querySelectorAll("input, select").forEach((input) => {
      input.setAttribute("aria-label", label);
      input.dataset.name = name;
    }));
    this.#fields.set(name, { row, show: made.show });
    return row;
  }

  #set(control, value, field) {
    try {
      const checked = checkedValue(control, value);
      field?.removeAttribute("aria-invalid");
      this.bench.fault("");
      this.bench.change({ [control.name]: checked, ...control.also?.(checked, this.bench.settings) });
    } catch (error) {
      if (control.kind === "choice") this.show(this.bench.settings); // what was before
      field?.setAttribute("aria-invalid", "true");
      this.bench.fault(error.message);
    }
  }

  _choice(control) {
    const select = make("select", {});
    for (const [value, title] of control.options) select.append(make("option", { value, textContent: title }));
    select.addEventListener("change", () => this.#set(control, select.value));
    const elements = [make("label", {}, make("span", { textContent: control.label }), select)];
    return { elements, show: (value) => { select.value = value; } };
  }

  _check(control) {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => this.#set(control, box.checked));
    const elements = [make("label", {}, box, make("span", { textContent: control.label }))];
    return { elements, show: (value) => { box.checked = value; } };
  }

  _list(control) {
    const field = make("input", { type: "text", inputMode: "numeric", autocomplete: "off" });
    field.addEventListener("change", () => {
      this.#set(control, field.value.split(/[\s,]+/).filter(Boolean).map(Number), field);
    });
    const elements = [make("label", {}, make("span", { textContent: control.label }), field)];
    return { elements, show: (value) => { field.value = value.join(", "); } };
  }

  _numeric(control) {
    const { label, low, high, log, from, to, step, mark } = control;
    const field = make("input", { type: "text", inputMode: "decimal", autocomplete: "off" });
    const slider = make("input", { type: "range" });
    // by powers of ten; the first place is 0 where that may be
    const [first, last] = log ? [from, to] : [low, to ?? high];
    Object.assign(slider, { min: log && low === 0 ? first - 0.05 : first, max: last, step: log ? 0.05 : step });
    const valueOf = (place) => {
      if (!log) return Number(place.toPrecision(10));
      return low === 0 && place < first ? 0 : Number((10 ** place).toPrecision(2));
    };
    slider.addEventListener("input", () => this.#set(control, valueOf(Number(slider.value)), field));
    field.addEventListener("change", () => {
      const text = field.value.trim().replaceAll(",", "");
      this.#set(control, text ? Number(text) : NaN, field);
    });
    const elements = [make("label", {}, make("span", { textContent: label }), field), make("div", { className: "slide" }, slider)];
    const tick = make("span", { className: "mark", hidden: true });
    if (mark) elements[1].append(tick);
    const show = (value, settings) => {
      if (field.getRootNode().activeElement !== field || !field.hasAttribute("aria-invalid")) field.value = String(value);
      field.removeAttribute("aria-invalid");
      slider.value = log ? (value > 0 ? Math.log10(value) : slider.min) : value;
      const share = (slider.value - slider.min) / (slider.max - slider.min);
      slider.style.setProperty("--to", `${100 * share}%`);
      slider.setAttribute("aria-valuetext", String(value));
      const marked = mark?.(settings, this.bench.bench) ?? null;
      const place = log ? Math.log10(marked) : marked;
      tick.hidden = marked === null || !(place >= slider.min && place <= slider.max);
      tick.style.setProperty("--at", (place - slider.min) / (slider.max - slider.min));
    };
    return { elements, show };
  }

  show(settings) {
    for (const [name, { row, show }] of this.#fields) {
      row.hidden = !(this.controls.get(name).when?.(settings) ?? true);
      show(settings[name], settings);
    }
  }

  /** Settings from a link: only names that are known, only values within their bounds. */
  checked(said) {
    if (typeof said !== "object" || said === null) throw new Error("This link is damaged.");
    const { defaults } = this.bench.kind;
    for (const [name, value] of Object.entries(said)) {
      if (!Object.hasOwn(defaults, name)) throw new Error("This link has a setting that is not known here.");
      const control = this.controls.get(name) ?? SHARED[name];
      if (control) checkedValue(control, value);
      else if (typeof value !== typeof defaults[name]) throw new Error("This link is damaged.");
    }
    return said;
  }

  /** Branches from a link: steps in their order, settings of training within their bounds. */
  checkedBranches(said, settings) {
    const damaged = new Error("The branches in this link are damaged.");
    if (!Array.isArray(said) || !said.length || said.length > MAX_BRANCHES) throw damaged;
    const { defaults } = this.bench.kind;
    const base = Object.fromEntries(Object.keys(TRAINING).map((name) => [name, defaults[name]]));
    const step = (value) => Number.isInteger(value) && value >= 0 && value <= MAX_STEPS;
    return said.map((segments) => {
      if (!Array.isArray(segments) || !segments.length || segments.length > MAX_SEGMENTS) throw damaged;
      return segments.map((segment, i) => {
        const { from, training = {}, edits = [] } = segment ?? {};
        const later = i === 0 ? from === 0 : step(from) && from > segments[i - 1].from;
        if (!later || Object.keys(training).some((name) => !(name in TRAINING))) throw damaged;
        if (!Array.isArray(edits) || edits.length > MAX_EDITS || !edits.every(isEdit)) throw damaged;
        return { from, training: { ...base, ...this.checked(training) }, edits };
      });
    });
  }
}
