// How PyTorch broadcasts two shapes, and how views read one memory: shapes, strides and offsets.

export const size = (shape) => shape.reduce((a, b) => a * b, 1);

/** As Python writes a shape: (), (3,), (2, 3). */
export const written = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

/**
 * Two shapes, aligned at their last dimension.
 * @returns `columns` of {a, b, out}, null where one has no such dimension and where they do not
 *   fit, the `shape` of the result or null, and PyTorch's `error`
 */
export function broadcast(a, b) {
  const count = Math.max(a.length, b.length), columns = [];
  for (let i = 0; i < count; i++) {
    const [m, n] = [a[i - count + a.length] ?? null, b[i - count + b.length] ?? null];
    const fits = m === null || n === null || m === n || m === 1 || n === 1;
    columns.push({ a: m, b: n, out: fits ? (m === 1 ? n ?? 1 : m ?? n) : null });
  }
  const wrong = columns.findLastIndex(({ out }) => out === null);
  if (wrong < 0) return { columns, shape: columns.map(({ out }) => out), error: null };
  const { a: m, b: n } = columns[wrong];
  const error = `The size of tensor a (${m}) must match the size of tensor b (${n}) at ` +
    `non-singleton dimension ${wrong}`;
  return { columns, shape: null, error };
}

/** The strides of a tensor whose numbers lie one after the other. */
export function contiguousStrides(shape) {
  const strides = [];
  let step = 1;
  for (const side of [...shape].reverse()) {
    strides.unshift(step);
    step *= side;
  }
  return strides;
}

/** A tensor that owns its memory: {memory, shape, strides, offset}. */
export const fresh = (memory, shape) =>
  ({ memory, shape, strides: contiguousStrides(shape), offset: 0 });

/** Every place of a shape, the last dimension fastest. */
export function places(shape) {
  let all = [[]];
  for (const side of shape) {
    all = all.flatMap((place) => Array.from({ length: side }, (_, i) => [...place, i]));
  }
  return all;
}

/** Where in memory the number at a place is. */
export const address = ({ strides, offset }, place) =>
  place.reduce((sum, i, d) => sum + i * strides[d], offset);

/** The numbers in the order of the tensor. */
export const numbers = (view) =>
  places(view.shape).map((place) => view.memory[address(view, place)]);

export function isContiguous({ shape, strides }) {
  const wanted = contiguousStrides(shape);
  return shape.every((side, d) => side === 1 || strides[d] === wanted[d]);
}

/** The strides with which a view has another shape; null where none does (PyTorch's rule). */
export function viewStrides({ shape, strides }, wanted) {
  if (!shape.length) return wanted.map(() => 1);
  const found = [];
  let next = wanted.length - 1, base = strides.at(-1), had = 1, made = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    had *= shape[d];
    if (d && (shape[d - 1] === 1 || strides[d - 1] === had * base)) continue; // one chunk still
    while (next >= 0 && (made < had || wanted[next] === 1)) {
      found[next] = made * base;
      made *= wanted[next--];
    }
    if (made !== had) return null;
    if (d) [base, had, made] = [strides[d - 1], 1, 1];
  }
  return next < 0 ? found : null;
}

function slice(view, dimension, start, step) {
  const { shape, strides, offset } = view;
  const side = Math.ceil((shape[dimension] - start) / step);
  return {
    ...view, offset: offset + start * strides[dimension],
    shape: shape.with(dimension, side), strides: strides.with(dimension, step * strides[dimension]),
  };
}

function pick(view, dimension, index) {
  const { shape, strides, offset } = view;
  return {
    ...view, offset: offset + index * strides[dimension],
    shape: shape.toSpliced(dimension, 1), strides: strides.toSpliced(dimension, 1),
  };
}

const copied = (view, shape) => fresh(numbers(view), shape);

/** Another shape: a view where strides can do it, otherwise a copy. */
export function reshape(view, shape) {
  const strides = viewStrides(view, shape);
  return strides ? { ...view, shape, strides } : copied(view, shape);
}

/** What can be done with a tensor, as one writes it after its name. */
const OPERATIONS = {
  ".mT": { needs: 2, apply: (view) => ({
    ...view, shape: swapped(view.shape), strides: swapped(view.strides),
  }) },
  "[1:]": { needs: 1, apply: (view) => slice(view, 0, 1, 1) },
  "[::2]": { needs: 1, apply: (view) => slice(view, 0, 0, 2) },
  "[:, 1:]": { needs: 2, apply: (view) => slice(view, 1, 1, 1) },
  "[:, ::2]": { needs: 2, apply: (view) => slice(view, 1, 0, 2) },
  "[0]": { needs: 1, apply: (view) => pick(view, 0, 0) },
  "[:, 0]": { needs: 2, apply: (view) => pick(view, 1, 0) },
  ".contiguous()": { needs: 0, apply: (view) =>
    (isContiguous(view) ? view : copied(view, view.shape)) },
};

const swapped = (sides) => [...sides.slice(0, -2), sides.at(-1), sides.at(-2)];
const RESHAPE = /^\.reshape\((\d+(?:, \d+){0,2})\)$/;
const MOST_DIMENSIONS = 3;

/** All that can be done with a view; what would leave nothing is not among it. */
export function options(view) {
  const plain = Object.keys(OPERATIONS).filter((name) => apply(view, name));
  const shapes = factored(size(view.shape), MOST_DIMENSIONS)
    .filter((shape) => written(shape) !== written(view.shape));
  return [...plain, ...shapes.map((shape) => `.reshape(${shape.join(", ")})`)];
}

/** The shapes of a number of numbers, without sides of 1 but in the last shapes of two. */
function factored(count, most) {
  const found = [[count]];
  for (let side = 2; side <= count && most > 1; side++) {
    if (count % side) continue;
    if (side === count) continue;
    found.push(...factored(count / side, most - 1).map((rest) => [side, ...rest]));
  }
  if (most === MOST_DIMENSIONS) found.push([1, count], [count, 1]);
  return count === 1 ? [[1], [1, 1]] : found;
}

/** What an operation makes of a view; null where it cannot be done. */
export function apply(view, name) {
  const [, sides] = RESHAPE.exec(name) ?? [];
  if (sides) {
    const shape = sides.split(", ").map(Number);
    return size(shape) === size(view.shape) ? reshape(view, shape) : null;
  }
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : null;
  if (!operation || view.shape.length < operation.needs) return null;
  const made = operation.apply(view);
  return size(made.shape) ? made : null;
}

/** A shape that was typed, as "3, 1"; a sentence where it is none. */
export function readShape(text, most = 6) {
  const bare = text.trim().replace(/^\((.*)\)$/s, "$1").replace(/,\s*$/, "").trim();
  if (!bare) return [];
  const sides = bare.split(/[\s,×x]+/).map((side) => (/^\d+$/.test(side) ? Number(side) : NaN));
  if (sides.some(Number.isNaN)) throw new Error("A shape is whole numbers with commas, as 3, 1.");
  if (sides.length > MOST_DIMENSIONS) throw new Error("Three dimensions at most are drawn here.");
  if (sides.some((side) => side < 1 || side > most)) {
    throw new Error(`Sides from 1 to ${most} are drawn here.`);
  }
  return sides;
}
