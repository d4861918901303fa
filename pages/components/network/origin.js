// Where a number comes from: the patch, the kernel and their sum, in numbers.

import { make } from "../common.js";
import { colour, largest } from "./maps.js";

const CHANNELS = 4; // of a convolution, that are shown number by number
const INPUTS = 8; // of a linear layer
const NUMBERED = 5; // the largest side of a kernel in which numbers have room

export const text = (v) => {
  const digits = Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 10 ? 1 : 2;
  return (Math.abs(v) < 10 ** -digits / 2 ? 0 : v).toFixed(digits).replace("-", "−");
};

/** Numbers of a window as a small table, each on its colour. */
function grid(numbers, columns, name, marked = -1) {
  const most = largest(numbers.map((v) => v ?? 0));
  const shown = columns <= NUMBERED;
  const cells = numbers.map((v, k) => {
    const said = v === null ? "" : text(v);
    const cell = make("span", { className: "cell", textContent: shown ? said : "", title: said });
    if (v === null) cell.classList.add("beyond");
    else {
      const share = v / most;
      cell.style.background = colour(share);
      if (Math.abs(share) > 0.35) cell.classList.add("bright");
    }
    if (k === marked) cell.classList.add("marked");
    return cell;
  });
  const said = numbers.map((v) => (v === null ? "beyond the border" : text(v))).join(", ");
  const properties = { className: "window", role: "img", ariaLabel: `${name}: ${said}` };
  const element = make("span", properties, ...cells);
  element.style.gridTemplateColumns = `repeat(${columns}, auto)`;
  element.classList.toggle("small", !shown);
  return element;
}

const by = (parts) => [...parts].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
const sumOf = (parts) => parts.reduce((sum, part) => sum + part.sum, 0);

function row(name, sum, ...middle) {
  const left = make("span", { className: "what", textContent: name });
  const how = make("span", { className: "how" }, ...middle);
  const said = make("span", { className: "sum", textContent: text(sum) });
  return make("div", { className: "row" }, left, how, said);
}

const sign = (character) => make("span", { className: "sign", textContent: character });

/** The others in one row. */
function others(parts, count, one, many) {
  const rest = parts.slice(count);
  if (!rest.length) return [];
  const number = rest.length.toLocaleString("en");
  return [row(`${number} other ${rest.length === 1 ? one : many}`, sumOf(rest))];
}

const TABLES = {
  conv({ parts }, layer) {
    const sorted = by(parts), columns = layer.kernel[1];
    const rows = sorted.slice(0, CHANNELS).map(({ channel, patch, kernel, sum }) =>
      row(
        parts.length > 1 ? `channel ${channel}` : "patch × kernel", sum,
        grid(patch, columns, "patch"), sign("×"), grid(kernel, columns, "kernel"), sign("="),
      ));
    return [...rows, ...others(sorted, CHANNELS, "channel", "channels")];
  },
  linear({ parts, places: [h, w, channels] }) {
    const sorted = by(parts);
    const name = ([y, x, c]) => {
      if (h * w === 1) return `number ${c}`;
      return `${channels > 1 ? `channel ${c}, ` : ""}row ${y}, column ${x}`;
    };
    const rows = sorted.slice(0, INPUTS).map(({ spot, value, weight, sum }) =>
      row(name(spot), sum, `${text(value)} × ${text(weight)} =`));
    return [...rows, ...others(sorted, INPUTS, "number", "numbers")];
  },
  max_pool({ parts: [{ patch, largest: k, sum }] }, layer) {
    return [row("the largest of", sum, grid(patch, layer.kernel[1], "window", k), sign("="))];
  },
  mean_pool({ parts: [{ patch, sum }] }, layer) {
    return [row("the mean of", sum, grid(patch, layer.kernel[1], "window"), sign("="))];
  },
  add: ({ parts }, layer, name) => parts.map((part) => row(name(part.place), part.sum)),
  concat: ({ parts: [{ place, channel, sum }] }, layer, name) => [
    row(`${name(place)}, channel ${channel}`, sum),
  ],
  affine: ({ parts: [{ value, weight, sum }] }) => [
    row("number × scale", sum, `${text(value)} × ${text(weight)} =`),
  ],
  copy: ({ sum }) => [row("number", sum)],
};
const FUNCTIONS = { relu: "ReLU", silu: "SiLU", leaky_relu: "leaky ReLU" };
const BIASED = new Set(["conv", "linear", "affine"]);

/**
 * The rows that add up to a number.
 * @param told of `Classifier.origin`
 * @param name says what the layer at a place is called
 */
export function rows(told, layer, name) {
  const lines = TABLES[layer.kind](told, layer, name);
  const bias = layer.kind === "affine" ? "shift" : "bias";
  if (BIASED.has(layer.kind)) lines.push(row(bias, told.bias));
  if (lines.length > 1 || told.activation) {
    const sum = row("sum", told.sum);
    sum.classList.add("total");
    lines.push(sum);
  }
  if (told.activation) {
    const after = row(`after ${FUNCTIONS[told.activation] ?? told.activation}`, told.value);
    after.classList.add("total");
    lines.push(after);
  }
  return lines;
}
