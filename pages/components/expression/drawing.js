// The graph as SVG: a box a node with its value and its gradient as cells, a line an edge.

import { layout } from "./layout.js";
import { brief } from "./story.js";
import { written } from "./tensors.js";

const CELL = 50, ROW = 20, HEAD = 24, LABEL = 44, PAD = 7, EDGE = 6, LANE = 12;
const SHRUNK = 0.8; // of its size, at least, where there is little room
const MOST = 6; // rows and columns of a tensor that are drawn
const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and children. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const table = (shape) => [shape.length > 1 ? shape[0] : 1, shape.at(-1) ?? 1];
const drawn = (shape) => table(shape).map((side) => Math.min(side, MOST));

/** Text of an element, set only where it changes: that is what a frame costs. */
function say(element, text) {
  if (element.said !== text) element.textContent = element.said = text;
}

export class Drawing {
  /** @param place the element that it is drawn in */
  constructor(place) {
    this.place = place;
  }

  /** Draw a graph anew. */
  build({ graph, values, names, needed }) {
    this.graph = graph;
    const gradient = graph.nodes.map(({ operation }, i) => operation !== "constant" && needed[i]);
    const boxes = values.map(({ shape }, i) => {
      const [rows, columns] = drawn(shape);
      return [LABEL + columns * CELL + PAD, HEAD + rows * ROW * (gradient[i] ? 2 : 1) + PAD +
        (gradient[i] ? 4 : 0)];
    });
    const { places, width, height } = layout(graph, boxes);
    const long = graph.nodes.flatMap(({ inputs }, node) => inputs.filter((source, slot) =>
      inputs.indexOf(source) === slot && skips(places, boxes, source, node)).map((source) =>
      `${source} ${node}`));
    const above = LANE * long.length;
    const [w, h] = [width + 2 * EDGE, height + 2 * EDGE + above];
    const picture = svg("svg", {
      width: w, height: h, viewBox: `${-EDGE} ${-EDGE - above} ${w} ${h}`, role: "img",
      "aria-label": `Graph of ${graph.text}: ${graph.nodes.length} nodes, from its leaves on ` +
        "the left to the result on the right",
    });
    picture.style.width = `clamp(${SHRUNK * w}px, 100%, ${w}px)`;
    this.edges = [];
    graph.nodes.forEach(({ inputs }, node) => inputs.forEach((source, slot) => {
      const port = places[node][1] + boxes[node][1] * ((slot + 1) / (inputs.length + 1));
      const from = [places[source][0] + boxes[source][0], places[source][1] + boxes[source][1] / 2];
      const lane = -LANE * (long.indexOf(`${source} ${node}`) + 0.5);
      const draw = lane < 0 ? detour : curve;
      const line = svg("path", { class: "edge", d: draw(from, [places[node][0], port], lane) });
      this.edges.push({ node, source, slot, line });
      picture.append(line);
    }));
    this.nodes = graph.nodes.map((node, i) =>
      this.node(node, { at: places[i], box: boxes[i], shape: values[i].shape, name: names[i],
        gradient: gradient[i], last: i === graph.nodes.length - 1 }));
    picture.append(...this.nodes.map(({ element }) => element));
    this.picture = picture;
    this.place.replaceChildren(picture);
  }

  node(node, { at: [x, y], box: [width, height], shape, name, gradient, last }) {
    const kind = ["leaf", "constant"].includes(node.operation) ? node.operation : "operation";
    const element = svg("g", { class: `node ${kind}${last ? " last" : ""}`,
      transform: `translate(${x} ${y})` });
    const sign = { negative: "−", "-": "−" }[node.operation] ?? node.operation;
    const head = kind === "leaf" || kind === "constant" ? "" : sign;
    const title = svg("text", { class: "head", x: PAD, y: 17 });
    title.textContent = kind === "constant" ? "constant" : name;
    const operation = svg("text", { class: "sign", x: width - PAD, y: 17, "text-anchor": "end" });
    operation.textContent = [head, shape.length ? written(shape) : ""].filter(Boolean).join("  ");
    const tip = svg("title");
    tip.textContent = node.text;
    element.append(svg("rect", { class: "box", width, height, rx: 7 }), title, operation, tip);
    const rows = drawn(shape)[0];
    const value = this.cells(element, shape, HEAD, "value");
    const slope = gradient ? this.cells(element, shape, HEAD + rows * ROW + 4, "gradient") : [];
    return { element, value, slope };
  }

  cells(element, shape, top, kind) {
    const [rows, columns] = drawn(shape), across = table(shape)[1], made = [];
    const label = svg("text", { class: "label", x: PAD, y: top + 14 });
    label.textContent = kind === "value" ? "value" : "grad";
    element.append(label);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const cut = (i === MOST - 1 && table(shape)[0] > MOST) || (j === MOST - 1 && across > MOST);
        const [x, y] = [LABEL + j * CELL, top + i * ROW];
        const side = { width: CELL - 2, height: ROW - 2 };
        const ground = svg("rect", { class: "ground", x, y, ...side, rx: 3 });
        const text = svg("text", { class: "number", x: x + CELL / 2 - 1, y: y + 13.5,
          "text-anchor": "middle" });
        const cell = svg("g", { class: `cell ${kind}` }, ground, text);
        cell.index = i * across + j;
        element.append(cell);
        made.push({ cell, ground, text, index: cell.index, cut });
      }
    }
    return made;
  }

  /**
   * Show numbers; of the gradients those that have arrived after some steps.
   * @param now edges gone, the edge that is gone now, and partial gradients, null where none is
   */
  show({ values, partial, gone, current }) {
    this.nodes.forEach(({ element, value, slope }, i) => {
      fill(value, values[i]);
      fill(slope, partial[i]);
      element.classList.toggle("reached", Boolean(partial[i]));
    });
    for (const { node, source, slot, line } of this.edges) {
      const is = (one) => one?.node === node && one.source === source && one.slot === slot;
      line.classList.toggle("gone", gone.some(is));
      line.classList.toggle("current", is(current));
    }
    this.nodes.forEach(({ element }, i) => {
      element.classList.toggle("current", i === current?.source || i === current?.node);
    });
  }

  /** Where a node's box is in the scrolled picture. */
  centreOf(node) {
    return this.nodes[node].element.getBoundingClientRect();
  }
}

/** Whether other boxes stand between two. */
function skips(places, boxes, source, node) {
  const [left, right] = [places[source][0] + boxes[source][0], places[node][0]];
  return places.some(([x], i) => x >= left && x + boxes[i][0] <= right);
}

/** A line above all boxes. */
function detour([x1, y1], [x2, y2], lane) {
  const bend = 20;
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x1} ${lane} ${x1 + 2 * bend} ${lane}` +
    `H${x2 - 2 * bend}C${x2} ${lane} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

function curve([x1, y1], [x2, y2]) {
  const bend = Math.max(18, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

function fill(cells, tensor) {
  let most = 1e-12;
  if (tensor) for (const v of tensor.data) most = Math.max(most, Math.abs(v));
  for (const { ground, text, index, cut } of cells) {
    const value = tensor?.data[index];
    say(text, cut ? "…" : tensor ? brief(value, 3) : "");
    const share = tensor && !cut ? Math.round((10 * value) / most) / 10 : 0;
    if (ground.share !== share) {
      ground.share = share;
      ground.style.fill = share ? `var(--${share > 0 ? "above" : "below"})` : "";
      ground.style.fillOpacity = share ? 0.1 + 0.35 * Math.abs(share) : "";
    }
  }
}

/** The picture as a PNG: its styles are written into a copy, which no page's CSS reaches. */
export async function png(picture, ground) {
  const copy = picture.cloneNode(true), all = [...picture.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((element, i) => {
    const look = getComputedStyle(all[i]);
    for (const name of ["fill", "fill-opacity", "stroke", "stroke-width", "font-family",
      "font-size", "font-weight", "opacity"]) {
      element.style.setProperty(name, look.getPropertyValue(name));
    }
  });
  const [width, height] = [picture.width.baseVal.value, picture.height.baseVal.value];
  copy.setAttribute("xmlns", SVG);
  copy.style.width = "";
  const image = new Image(), text = new XMLSerializer().serializeToString(copy);
  image.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {
    width: 2 * width, height: 2 * height,
  });
  const context = canvas.getContext("2d");
  context.fillStyle = ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
