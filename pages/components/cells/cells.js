// Two instruments on shapes: how two tensors are broadcast, and how views read one memory. Nothing
// is sent.

import { component, make, step } from "../common.js";
import { queryWith } from "../expression/address.js";
import {
  address, apply, broadcast, fresh, isContiguous, numbers, options, places, readShape, size,
  written,
} from "./shapes.js";

const TRIES = [["3, 1", "4"], ["2, 3", "3"], ["2, 3", "2"], ["4, 1", "1, 5"], ["2, 3, 1", "3, 4"]];
const BASES = [[6], [12], [2, 3], [3, 4], [2, 2, 3]];
const STEPS = 3; // operations one after the other
const WRITE = 500; // milliseconds without a change after which the address is written
const DEFAULT = { a: "3, 1", b: "4", base: "3, 4", chain: [".mT", ".reshape(2, 6)"] };

/** What stands there, for as long as the browser has this page. */
let kept = null;

class Cells {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    const typed = [[".shape-a", "a"], [".shape-b", "b"]];
    for (const [selector, name] of typed) {
      this.find(selector).addEventListener("input", ({ target }) => {
        this.state[name] = target.value;
        this.redraw();
      });
    }
    this.find(".tries").replaceChildren(...TRIES.map(([a, b]) => {
      const button = make("button", { type: "button", textContent: `(${a}) + (${b})` });
      button.addEventListener("click", () => {
        Object.assign(this.state, { a, b });
        this.fill();
      });
      return button;
    }));
  }

  update({ data: { linked } }) {
    if (this.state) return;
    this.state = kept ??= readLink(linked) ?? structuredClone(DEFAULT);
    this.fill();
  }

  fill() {
    this.find(".shape-a").value = this.state.a;
    this.find(".shape-b").value = this.state.b;
    this.redraw();
  }

  redraw() {
    this.drawBroadcast();
    this.drawMemory();
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.write(), WRITE);
  }

  write() {
    if (!this.root.isConnected) return;
    const text = linkText(this.state);
    const query = queryWith(location.search, { cells: text === linkText(DEFAULT) ? null : text });
    history.replaceState(history.state, "", location.pathname + query + location.hash);
  }

  // ---- broadcasting

  drawBroadcast() {
    const verdict = this.find(".verdict"), grids = this.find(".broadcasting .grids");
    const rows = this.find(".sides tbody");
    let a, b;
    try {
      [a, b] = [readShape(this.state.a), readShape(this.state.b)];
    } catch (error) {
      verdict.textContent = error.message;
      verdict.classList.add("wrong");
      rows.replaceChildren();
      return grids.replaceChildren();
    }
    const { columns, shape, error } = broadcast(a, b);
    const line = (name, sides) => make("tr", {}, make("th", { scope: "row", textContent: name }),
      ...sides.map((side, i) => make("td", {
        textContent: side ?? (name === "a + b" ? "✕" : "–"),
        className: columns[i].out === null ? "wrong" : side === 1 && columns[i].out > 1 ||
          side === null ? "repeated" : "",
      })));
    rows.replaceChildren(line("a", columns.map((c) => c.a)), line("b", columns.map((c) => c.b)),
      line("a + b", columns.map((c) => c.out)));
    verdict.classList.toggle("wrong", !shape);
    if (!shape) {
      verdict.textContent = "They do not fit: two sides must be equal, or one of them 1. In " +
        `PyTorch: “${error}”.`;
      return grids.replaceChildren(
        grid("a", fresh(counted(a, 1), a)), grid("b", fresh(counted(b, 10), b)));
    }
    verdict.textContent = `The result has the shape ${written(shape)}: ${size(shape)} numbers ` +
      `from ${size(a)} and ${size(b)}.`;
    const one = spread(fresh(counted(a, 1), a), shape);
    const other = spread(fresh(counted(b, 10), b), shape);
    const sums = numbers(one).map((v, i) => v + numbers(other)[i]);
    const drawn = [
      grid(`a ${written(a)}, repeated to ${written(shape)}`, one, repeatedAt(one)),
      grid(`b ${written(b)}, repeated to ${written(shape)}`, other, repeatedAt(other)),
      grid("a + b", fresh(sums, shape)),
    ];
    linkCells(drawn, (i) => {
      for (const { cells } of drawn) light(cells, i);
    });
    return grids.replaceChildren(drawn[0], sign("+"), drawn[1], sign("="), drawn[2]);
  }

  // ---- memory

  drawMemory() {
    const { state } = this, base = readShape(state.base, 12);
    const first = fresh(Array.from({ length: size(base) }, (_, i) => i), base), views = [first];
    state.chain = state.chain.slice(0, STEPS).filter((name) => {
      const made = apply(views.at(-1), name);
      if (made) views.push(made);
      return made;
    });
    this.drawChain(views);
    const view = views.at(-1), copied = view.memory !== first.memory;
    const code = `x = torch.arange(${size(base)}).reshape${written(base).replace(",)", ")")}\n` +
      `y = x${state.chain.join("")}`;
    this.find(".code").textContent = code;
    this.find(".told").replaceChildren(
      make("strong", { textContent: copied ? "A copy. " : "A view. " }),
      copied ? `${whyCopied(views, state.chain)} A change in y does not change x. `
        : "y reads the memory of x: a change in y is a change in x. ",
      `y.shape ${written(view.shape)}, y.stride() ${written(view.strides)}, ` +
        `y.storage_offset() ${view.offset}, ` +
        (isContiguous(view) ? "contiguous." : "not contiguous."),
    );
    const drawn = grid("y", view);
    const own = row(copied ? "Memory of y" : "Memory of x and y", view.memory);
    const used = places(view.shape).map((place) => address(view, place));
    used.forEach((at) => own.cells[at].classList.add("used"));
    const point = (i) => {
      light(drawn.cells, i);
      light(own.cells, used[i]);
      this.find(".where").textContent = whereText(view, i);
    };
    linkCells([drawn], point);
    this.find(".tensor").replaceChildren(drawn);
    this.find(".rows").replaceChildren(own,
      ...(copied ? [row("Memory of x, as it was", first.memory)] : []));
    point(0);
  }

  drawChain(views) {
    const { state } = this;
    const bases = make("select", {}, ...BASES.map((shape) =>
      make("option", { value: shape.join(", "), textContent: written(shape) })));
    bases.value = state.base;
    bases.addEventListener("change", () => this.rechain(0, () => (state.base = bases.value)));
    const boxes = [make("label", {}, "x of shape ", bases)];
    for (let i = 0; i <= Math.min(state.chain.length, STEPS - 1); i++) {
      const box = make("select", { ariaLabel: `Operation ${i + 1}` },
        make("option", { value: "", textContent: "nothing more" }),
        ...options(views[i]).map((name) => make("option", { value: name, textContent: name })));
      box.value = state.chain[i] ?? "";
      box.addEventListener("change", () => this.rechain(i + 1, () => {
        if (box.value) state.chain[i] = box.value;
        else state.chain.length = i;
      }));
      boxes.push(make("label", {}, i ? "then " : "y = x", box));
    }
    this.find(".chain").replaceChildren(...boxes);
  }

  /** Change a box, which is drawn anew, and give it the focus back. */
  rechain(place, change) {
    change();
    this.redraw();
    this.find(".chain").querySelectorAll("select")[place]?.focus();
  }

  close() {
    clearTimeout(this.writing);
  }
}

/** Which operation could not do without new memory. */
function whyCopied(views, chain) {
  const name = chain[views.findIndex((view, i) => view.memory !== views[i + 1]?.memory)];
  return name.startsWith(".reshape")
    ? `No strides reach the numbers in this order, so ${name} wrote them into new memory.`
    : "contiguous() wrote the numbers into new memory, one after the other.";
}

const light = (cells, i) => cells.forEach((cell, k) => cell.classList.toggle("lit", k === i));
const counted = (shape, unit) => Array.from({ length: size(shape) }, (_, i) => unit * (i + 1));
const sign = (textContent) => make("span", { className: "sign", textContent });

/** A tensor with strides of 0 along the dimensions in which it is repeated. */
function spread(view, shape) {
  const missing = shape.length - view.shape.length;
  const strides = shape.map((side, d) =>
    (d < missing || view.shape[d - missing] === 1 && side > 1 ? 0 : view.strides[d - missing]));
  return { ...view, shape, strides };
}

const repeatedAt = ({ shape, strides }) =>
  places(shape).map((place) => place.some((i, d) => i > 0 && strides[d] === 0));

/** A tensor as a table of cells, one below the other for each place of a third dimension. */
function grid(title, view, repeated = []) {
  const { shape } = view, values = numbers(view), columns = shape.at(-1) ?? 1;
  const block = columns * (shape.at(-2) ?? 1), all = places(shape);
  const cells = values.map((value, i) => make("span", {
    className: repeated[i] ? "cell repeated" : "cell", textContent: value, role: "img",
    ariaLabel: `${value} at [${all[i].join(", ")}]`,
  }));
  const blocks = [];
  for (let i = 0; i < cells.length; i += block) {
    const part = make("div", { className: "block" }, ...cells.slice(i, i + block));
    part.style.gridTemplateColumns = `repeat(${columns}, auto)`;
    blocks.push(part);
  }
  const made = make("figure", {}, make("div", { className: "blocks" }, ...blocks),
    make("figcaption", { textContent: title }));
  made.cells = cells;
  return made;
}

/** Memory as a row of cells with their places. */
function row(title, memory) {
  const cells = memory.map((value, i) => make("span", { className: "cell" },
    make("small", { textContent: i }), `${value}`));
  const made = make("figure", { className: "line" }, make("figcaption", { textContent: title }),
    make("div", { className: "strip" }, ...cells));
  made.cells = cells;
  return made;
}

/** Say which cell is pointed at, or chosen with the arrow keys. */
function linkCells(grids, point) {
  for (const { cells } of grids) {
    cells.forEach((cell, i) => {
      cell.tabIndex = i ? -1 : 0;
      cell.addEventListener("pointerenter", () => point(i));
      cell.addEventListener("focus", () => point(i));
      cell.addEventListener("keydown", (event) => {
        const to = step(cells, i, event.key);
        if (to === null || !cells[to]) return;
        event.preventDefault();
        cell.tabIndex = -1;
        cells[to].tabIndex = 0;
        cells[to].focus();
      });
    });
  }
}

function whereText(view, i) {
  const place = places(view.shape)[i], at = address(view, place);
  const parts = place.map((k, d) => `${k}·${view.strides[d]}`);
  const sum = [view.offset, ...parts].join(" + ");
  return `y[${place.join(", ")}] = ${view.memory[at]}: offset ${sum} = place ${at}`;
}

const linkText = ({ a, b, base, chain }) => [a, b, base, ...chain].join("~").replaceAll(" ", "");

/** What a link says, checked; null where it is empty or damaged. */
function readLink(text) {
  const [a, b, base, ...chain] = text.slice(0, 200).split("~");
  const spaced = (part) => part.replaceAll(",", ", ");
  try {
    if (!BASES.some((shape) => shape.join() === base)) return null;
    const [one, other] = [readShape(a), readShape(b)];
    return { a: one.join(", "), b: other.join(", "), base: spaced(base), chain: chain.map(spaced) };
  } catch {
    return null;
  }
}

export default component(".lab-cells", Cells);
