// Tensors of at most two dimensions in double precision, as core/foundations/expressions.py has
// them: {shape, data}. What does not fit or is no finite number is a Fault.

/** An expression that cannot be computed, with the place of the fault in its text. */
export class Fault extends Error {
  constructor(sentence, start = 0, end = 0) {
    super(sentence);
    Object.assign(this, { start, end });
  }
}

export const size = (shape) => shape.reduce((a, b) => a * b, 1);
export const tensor = (shape, data) => ({ shape, data: Float64Array.from(data) });
export const zeros = (shape) => ({ shape, data: new Float64Array(size(shape)) });
export const filled = (shape, value) =>
  ({ shape, data: new Float64Array(size(shape)).fill(value) });
export const finite = ({ data }) => data.every(Number.isFinite);
export const total = ({ data }) => data.reduce((a, b) => a + b, 0);

/** As Python writes a shape: (), (3,), (2, 3). */
export const written = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

/** A number as Python's `%.4g` writes it. */
export function general(value, digits = 4) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  const exponent = Number(power), plain = exponent >= -4 && exponent < digits;
  const text = plain ? value.toFixed(digits - 1 - exponent) : mantissa;
  const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (plain) return Object.is(value, -0) ? `-${short.replace("-", "")}` : short;
  return `${short}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** The shape to which two are broadcast; null where they do not fit. */
export function broadcast(a, b) {
  const out = [];
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const [m, n] = [a.at(-i) ?? 1, b.at(-i) ?? 1];
    if (i > a.length || i > b.length || m === n || m === 1 || n === 1) out.unshift(m === 1 ? n : m);
    else return null;
  }
  return out;
}

/** Rows, columns, and the steps in `data` from one to the next when broadcast to `shape`. */
function steps({ shape }) {
  const [rows, columns] = [shape.length > 1 ? shape[0] : 1, shape.at(-1) ?? 1];
  return [rows > 1 ? columns : 0, columns > 1 ? 1 : 0];
}

const table = (shape) => [shape.length > 1 ? shape[0] : 1, shape.at(-1) ?? 1];

/** A function of two numbers, number by number. */
export function pairwise(x, y, compute) {
  const shape = broadcast(x.shape, y.shape);
  if (!shape) return null;
  const out = zeros(shape), [rows, columns] = table(shape);
  const [down, right] = steps(x), [down2, right2] = steps(y);
  for (let i = 0, k = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, k++) {
      out.data[k] = compute(x.data[i * down + j * right], y.data[i * down2 + j * right2]);
    }
  }
  return out;
}

export const map = ({ shape, data }, compute) => ({ shape, data: data.map(compute) });

/** What was broadcast from `shape` adds up. */
export function sumTo(x, shape) {
  const out = zeros(shape), [rows, columns] = table(x.shape), [down, right] = steps(out);
  for (let i = 0, k = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, k++) out.data[i * down + j * right] += x.data[k];
  }
  return out;
}

export function transposed({ shape: [rows, columns], data }) {
  const out = zeros([columns, rows]);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out.data[j * rows + i] = data[i * columns + j];
  }
  return out;
}

/** The product of vectors and matrices; null where they do not fit. */
export function product(x, y) {
  const [p, q] = [x.shape, y.shape];
  if (!p.length || !q.length || p.at(-1) !== q[0]) return null;
  const rows = p.length > 1 ? p[0] : 1, inner = q[0], columns = q.length > 1 ? q[1] : 1;
  const out = zeros([...p.slice(0, -1), ...q.slice(1)]);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += x.data[i * inner + k] * y.data[k * columns + j];
      out.data[i * columns + j] = sum;
    }
  }
  return out;
}

/** Every number of a vector by every number of another. */
export const outer = (x, y) =>
  product({ shape: [x.data.length, 1], data: x.data }, { shape: [1, y.data.length], data: y.data });
