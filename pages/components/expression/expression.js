// An expression as a graph: its values and gradients follow while a leaf is dragged, and one goes
// backwards edge by edge. Only a new expression is sent, to be parsed.

import { component, make, same, save } from "../common.js";
import { queryWith, valuesText } from "./address.js";
import { Drawing, png } from "./drawing.js";
import {
  backward, difference, differences, forward, leafNames, requiresGrad, script,
} from "./graph.js";
import { Leaf, start } from "./leaf.js";
import { labels, list, sumOf, told } from "./story.js";
import { Fault, tensor } from "./tensors.js";

const REST = 800; // milliseconds without a key after which an expression is sent
const WRITE = 500; // and without a change after which the address is written
const PACE = 1500; // milliseconds of a step when played
const FAR = 1e-3; // from here on gradient and difference are said to differ
const DRAG = 150; // pixels for half of a slider

/** What is worked on, for as long as the browser has this page: tabs come and go. */
let kept = null;

class Expression {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.field = this.find(".text");
    this.drawing = new Drawing(this.find(".sheet"));
    this.leaves = [];
    this.listen();
  }

  update({ data: { answer, examples }, setStateValue }) {
    this.tell = setStateValue;
    if (!same(this.examples, examples)) this.offer(examples);
    if (!this.state) return this.begin(answer);
    if (answer.move === this.asked) this.take(answer);
    return null;
  }

  /** What was worked on before the tab was left, or what Python says of the link. */
  begin(answer) {
    const link = JSON.stringify(answer);
    if (kept && (answer.move || kept.link === link)) this.state = kept;
    else this.state = kept = { link, values: null };
    if (this.state.graph) {
      this.field.value = this.state.text;
      this.build();
    } else this.take(answer);
  }

  close() {
    clearTimeout(this.later);
    clearInterval(this.playing);
    cancelAnimationFrame(this.frame);
  }

  // ---- what is typed

  listen() {
    this.find(".typed").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.field.addEventListener("input", () => {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.send(), REST);
    });
    const press = (name, action) => this.find(`.${name}`).addEventListener("click", action);
    press("first", () => this.go(0));
    press("back", () => this.go(this.step - 1));
    press("next", () => this.go(this.step + 1));
    press("end", () => this.go(Infinity));
    press("play", () => this.play(!this.playing));
    press("copy", () => this.copy());
    press("save-png", () => this.savePng());
    press("save-csv", () => save(this.csv(), "graph.csv", "text/csv"));
    press("save-script", () => save(this.script(), "gradients.py", "text/x-python"));
    this.find(".scrubber").addEventListener("input", ({ target }) => this.go(Number(target.value)));
    this.find(".sheet").addEventListener("pointerdown", (event) => this.drag(event));
  }

  send(leaves = null) {
    clearTimeout(this.later);
    const text = this.field.value;
    if (text === this.sent && !leaves) return;
    this.sent = text;
    this.asked = Date.now();
    this.given = leaves;
    this.field.setAttribute("aria-busy", "true");
    this.tell("typed", { text, move: this.asked });
  }

  offer(examples) {
    this.examples = examples;
    const buttons = examples.map(({ title, text, leaves }) => {
      const button = make("button", { type: "button", textContent: title, title: text });
      button.addEventListener("click", () => {
        this.field.value = text;
        this.send(leaves);
      });
      return button;
    });
    this.find(".examples").replaceChildren(...buttons);
  }

  /** A parsed expression, or its fault. */
  take({ text, graph, code, fault, leaves, note }) {
    this.field.removeAttribute("aria-busy");
    this.asked = null; // each answer is taken once
    if (!this.field.value) this.field.value = text;
    this.wrong = fault ? { fault, text } : null;
    if (note) this.wrong = { fault: { sentence: note, start: 0, end: 0 } };
    this.root.classList.toggle("empty", !graph && !this.state.graph);
    if (fault) return this.fail(fault, text);
    const given = this.given ?? leaves ?? {};
    this.given = null;
    let values = fitted(graph, { ...this.state.leaves, ...given });
    if (!tried(() => forward(graph, values))) values = fitted(graph, given); // of other shapes
    Object.assign(this.state, { text, graph, code, leaves: values });
    return this.build();
  }

  // ---- the graph

  build() {
    const { graph, leaves } = this.state;
    Object.assign(this.state, { names: labels(graph), needed: requiresGrad(graph) });
    this.leaves = leafNames(graph).map((name) =>
      new Leaf(name, leaves[name], (...news) => this.changed(...news)));
    this.find(".leaves").replaceChildren(...this.leaves.map(({ element }) => element));
    this.find(".side").classList.toggle("none", !this.leaves.length);
    this.drawn = null;
    this.broken = this.looking = false;
    this.step = Infinity;
    this.play(false);
    this.redraw();
    const example = this.examples.find(({ text }) => text === this.state.text);
    this.find(".reason").textContent = example?.reason ?? "";
    for (const button of this.find(".examples").children) {
      button.setAttribute("aria-pressed", String(button.title === this.state.text));
    }
    this.write();
  }

  changed(name, value, moved) {
    this.state.leaves[name] = value;
    if (!this.wrong?.text) this.wrong = null; // a note on a link has been read by now
    if (moved) this.write();
    this.redraw();
  }

  /** Draw with the next frame. */
  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      const began = performance.now();
      this.work();
      this.took = performance.now() - began; // read by a benchmark
    });
  }

  work() {
    const { state } = this, { graph } = state;
    try {
      state.values = forward(graph, state.leaves);
      this.shape();
      Object.assign(state, backward(graph, state.values));
      this.broken = false;
      this.fail(this.wrong?.fault ?? null, this.wrong?.text);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { message: sentence, start: from, end } = error;
      this.broken = true;
      this.fail({ sentence, start: from, end }, state.text);
      if (!this.drawn) this.find(".sheet").textContent = "The graph is drawn once it has values.";
      for (const leaf of this.leaves) leaf.tell(null);
      return;
    }
    this.show();
    this.compare();
    this.find(".code code").textContent = this.script();
  }

  /** Draw boxes anew where shapes have changed. */
  shape() {
    const shapes = JSON.stringify([this.state.text, this.state.values.map(({ shape }) => shape)]);
    if (this.drawn === shapes) return;
    this.drawn = shapes;
    this.drawing.build(this.state);
  }

  /** The gradients that have arrived after the steps so far. */
  show() {
    const { state } = this, { edges, values } = state;
    this.step = Math.min(this.step, edges.length);
    const gone = edges.slice(0, this.step), partial = values.map(() => null);
    partial[values.length - 1] = state.needed.at(-1) ? state.gradients.at(-1) : null;
    for (const { source, gradient } of gone) {
      const before = partial[source];
      partial[source] = before
        ? { shape: before.shape, data: before.data.map((v, i) => v + gradient.data[i]) } : gradient;
    }
    const all = this.step === edges.length, at = this.playing || !all || this.looking;
    const current = at && this.step ? edges[this.step - 1] : null;
    this.drawing.show({ values, partial, gone, current });
    this.find(".scrubber").max = edges.length;
    this.find(".scrubber").value = this.step;
    this.find(".count").textContent = `${this.step} of ${edges.length}`;
    for (const name of ["first", "back"]) this.find(`.${name}`).disabled = !this.step;
    for (const name of ["next", "end"]) this.find(`.${name}`).disabled = all;
    this.say(all && !at ? null : told(state, this.step));
  }

  say(story) {
    const { edges, values, needed } = this.state;
    const steps = edges.length === 1 ? "one step" : `${edges.length} steps`;
    const whole = needed.at(-1) && edges.length
      ? `All gradients are there, after ${steps} backwards. Play them, or go step by step, and ` +
        "see each product."
      : needed.at(-1) ? "The result is the leaf itself: its gradient is 1."
        : "No gradient flows: no way leads from the result back to a leaf.";
    this.find(".story").ariaLive = story ? "polite" : "off"; // not at each move of a slider
    const result = values.at(-1), sum = result.data.length === 1 ? "" : "the sum of ";
    this.find(".formula").textContent = story?.formula ?? `L = ${sum}${list(result)}`;
    this.find(".rule").textContent = story?.rule ?? whole;
    this.find(".numbers").textContent = story?.numbers ?? "";
  }

  /** The gradient by the chosen number of each leaf beside a difference. */
  compare() {
    const { graph, leaves, gradients, values } = this.state;
    let far = false;
    for (const leaf of this.leaves) {
      const place = graph.nodes.findIndex((node) => node.operation === "leaf" &&
        node.text === leaf.name);
      const slope = tried(() => difference(graph, leaves, leaf.name, leaf.chosen));
      leaf.tell(gradients[place], slope);
      const gradient = gradients[place]?.data[leaf.chosen];
      far ||= slope !== null && Math.abs(slope - gradient) > FAR * Math.max(1, Math.abs(gradient));
    }
    const detached = graph.nodes.some(({ operation }) => operation === "detach");
    this.find(".kink").textContent = !far ? "" : detached
      ? "Gradient and difference are not the same here: the difference moves the detached " +
        "part too, and the gradient does not see it."
      : "Gradient and difference are not the same here: the function has a kink near these " +
        "values, or changes too fast for a difference.";
    const several = this.find(".several"), result = values.at(-1);
    several.hidden = result.data.length === 1;
    if (!several.hidden) several.textContent = sumOf(result);
  }

  fail(fault, text = "") {
    const place = this.find(".fault");
    place.hidden = !fault;
    this.field.setAttribute("aria-invalid", String(Boolean(fault)));
    this.root.classList.toggle("faulty", Boolean(this.broken));
    const said = JSON.stringify([fault, text]);
    if (this.said === said) return; // an alert is read out each time that it is written
    this.said = said;
    if (!fault) return;
    const { sentence, start: from, end } = fault;
    this.find(".sentence").textContent = sentence;
    const marked = end > from || from > 0;
    this.find(".marked").replaceChildren(...(marked ? [
      text.slice(0, from), make("mark", { textContent: text.slice(from, end) || " " }),
      text.slice(Math.max(end, from)),
    ] : []));
  }

  // ---- steps backwards

  go(step) {
    this.play(false);
    this.looking = step !== Infinity;
    this.step = Math.max(0, step);
    this.settle();
  }

  play(on) {
    if (on && (this.broken || !this.state.edges)) return;
    clearInterval(this.playing);
    this.playing = null;
    const button = this.find(".play");
    button.textContent = on ? "Pause" : "Play backwards";
    button.setAttribute("aria-pressed", String(on));
    if (!on) return;
    this.looking = true;
    if (this.step >= this.state.edges.length) this.step = 0;
    this.playing = setInterval(() => {
      this.step += 1;
      if (this.step >= this.state.edges.length) this.play(false);
      this.settle();
    }, PACE);
    this.settle();
  }

  /** Show a step, and bring its edge into view. */
  settle() {
    if (this.broken || !this.state.edges) return;
    this.show();
    const edge = this.state.edges[this.step - 1], sheet = this.find(".sheet");
    if (!edge || !this.looking) return;
    const box = this.drawing.centreOf(edge.source), room = sheet.getBoundingClientRect();
    if (box.left < room.left || box.right > room.right) {
      sheet.scrollLeft += box.left + box.width / 2 - room.left - room.width / 2;
    }
    if (box.top < room.top || box.bottom > room.bottom) {
      sheet.scrollTop += box.top + box.height / 2 - room.top - room.height / 2;
    }
  }

  // ---- dragging in the picture

  drag(event) {
    const cell = event.target.closest(".leaf .cell.value");
    if (!cell) return;
    event.preventDefault();
    const place = this.drawing.nodes.findIndex(({ element }) => element.contains(cell));
    const leaf = this.leaves.find(({ name }) => name === this.state.graph.nodes[place].text);
    const from = event.clientX, value = leaf.value.data[cell.index];
    leaf.choose(cell.index);
    const reach = Number(leaf.slider.max);
    const move = ({ clientX }) => leaf.set(cell.index, value + ((clientX - from) * reach) / DRAG);
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  // ---- the address, and files

  /** Write the address when nothing has changed for a while. */
  write() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => {
      if (!this.root.isConnected) return;
      const { text, leaves, graph } = this.state, first = this.examples[0];
      const values = valuesText(leafNames(graph), leaves);
      const plain = text === first.text && values === first.values;
      const query = queryWith(location.search, {
        expression: plain ? null : text, values: plain || !values ? null : values,
      });
      history.replaceState(history.state, "", location.pathname + query + location.hash);
    }, WRITE);
  }

  script() {
    return script(this.state.code, this.state.leaves);
  }

  async copy() {
    const code = this.find(".code code"), said = this.find(".copied");
    try {
      await navigator.clipboard.writeText(code.textContent);
      said.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(code);
      said.textContent = "It is selected: copy it with your keyboard.";
    }
  }

  csv() {
    const { graph, leaves, names, values, gradients, needed } = this.state;
    const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
    const numbers = ({ data }) => quoted(Array.from(data).join(" "));
    const rows = graph.nodes.map(({ operation, text }, i) => {
      const slopes = operation === "leaf" ? tried(() => differences(graph, leaves, text)) : null;
      return [
        quoted(names[i]), quoted(operation), quoted(`(${text})`),
        quoted(values[i].shape.join("×")), numbers(values[i]),
        needed[i] ? numbers(gradients[i]) : "", slopes ? numbers(slopes) : "",
      ].join(",");
    });
    return ["node,operation,computes,shape,value,gradient,difference", ...rows, ""].join("\r\n");
  }

  async savePng() {
    const ground = getComputedStyle(this.root).getPropertyValue("--st-background-color") || "#fff";
    save(await png(this.drawing.picture, ground), "graph.png", "image/png");
  }
}

/** A value for each leaf: a given one, or one to begin with, of a shape that products can take. */
function fitted(graph, given) {
  const found = {}, multiplied = new Set(graph.nodes.flatMap(({ operation, inputs }) =>
    operation === "@" ? inputs : []));
  graph.nodes.forEach(({ operation, text }, i) => {
    if (operation !== "leaf") return;
    const guess = !multiplied.has(i) ? [] : /^[A-Z]/.test(text) ? [3, 3] : [3];
    const { shape, data } = given[text] ?? start(guess, Object.keys(found).length);
    found[text] = tensor(shape, data);
  });
  return found;
}

/** What a function gives; null where that is no finite number. */
function tried(compute) {
  try {
    return compute();
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

export default component(".lab-expression", Expression);
