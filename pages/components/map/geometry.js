// Small tools of the map: packed arrays, polygons.

const MOST_VERTICES = 200; // as in map_events.py
const FINE = 1 / 1500; // of the view: what a lasso may be simplified by, at first

const clamp = (v, low, high) => Math.min(high, Math.max(low, v));
const rounded = (v) => Number(v.toPrecision(6));
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Whether there is WebGL. */
function canDraw() {
  const context = document.createElement("canvas").getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext(); // browsers give few
  return Boolean(context);
}

const KINDS_OF_ARRAY = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };

const KEPT_ARRAYS = 24;
const arrived = new Map();

/** Fetch the arrays that packing.py has packed; null where all are here. Rejects with a sentence. */
function fetchArrays(packed) {
  const [here, missing] = [[], []];
  for (const array of packed) if (array) (arrived.has(array.url) ? here : missing).push(array);
  for (const { url } of here) { // the last to go
    const buffer = arrived.get(url);
    arrived.delete(url);
    arrived.set(url, buffer);
  }
  if (!missing.length) return null;
  const one = async ({ url }) => {
    const answer = await fetch(url).catch(() => null);
    if (!answer?.ok) throw new Error("The map did not arrive. Reload the page.");
    arrived.set(url, await answer.arrayBuffer());
    if (arrived.size > KEPT_ARRAYS) arrived.delete(arrived.keys().next().value);
  };
  return Promise.all(missing.map(one));
}

/** The numbers of an array that is here. */
function unpack({ kind, url }) {
  return new KINDS_OF_ARRAY[kind](arrived.get(url));
}

/** The points' coordinates, an array for each dimension. */
function unpackPoints(packed) {
  const { dimensions, low, width } = packed, all = unpack(packed);
  return Array.from({ length: dimensions }, (_, d) => {
    const axis = new Float64Array(all.length / dimensions);
    for (let i = 0; i < axis.length; i++) {
      const v = all[i * dimensions + d];
      axis[i] = low ? low[d] + (v / 65535) * width[d] : v;
    }
    return axis;
  });
}

/** What has to be in view to see all. */
function hull(axes) {
  const bounds = axes.map((axis) => {
    let low = Infinity, high = -Infinity;
    for (const v of axis) {
      if (v < low) low = v;
      if (v > high) high = v;
    }
    return low <= high ? [low, high] : [-1, 1];
  });
  return around(bounds);
}

/** Bounds with a margin; in 3-D those of a cube, so that a distance is the same in all directions
 * (in 2-D the stage's shape decides what is seen beside them). */
function around(bounds) {
  const longest = Math.max(...bounds.map(([low, high]) => high - low)) || 1;
  return bounds.map(([low, high]) => {
    const side = bounds.length === 3 ? longest : high - low;
    const half = side / 2 + 0.03 * longest;
    return [(low + high) / 2 - half, (low + high) / 2 + half];
  });
}

/** Whether (x, y) lies in a polygon: even-odd, with the sums of `inside` in map_events.py. */
function inside(x, y, polygon) {
  let found = false;
  for (let k = 0; k < polygon.length; k++) {
    const [x1, y1] = polygon[k], [x2, y2] = polygon[(k + 1) % polygon.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) found = !found;
  }
  return found;
}

/** Fewer corners (Douglas and Peucker), until there are few enough to be sent. */
function simplified(polygon, span) {
  for (let tolerance = span * FINE; ; tolerance *= 1.5) {
    const kept = new Set([0, polygon.length - 1]);
    const parts = [[0, polygon.length - 1]];
    while (parts.length) {
      const [first, last] = parts.pop();
      let far = tolerance, at = -1;
      for (let i = first + 1; i < last; i++) {
        const away = distance(polygon[i], polygon[first], polygon[last]);
        if (away > far) [far, at] = [away, i];
      }
      if (at < 0) continue;
      kept.add(at);
      parts.push([first, at], [at, last]);
    }
    if (kept.size > MOST_VERTICES) continue;
    const found = polygon.filter((_, i) => kept.has(i));
    return found.length < 3 ? polygon.slice(0, 3) : found;
  }
}

/** From a point to the stretch between two others. */
function distance([x, y], [x1, y1], [x2, y2]) {
  const dx = x2 - x1, dy = y2 - y1, squared = dx * dx + dy * dy;
  const t = squared ? clamp(((x - x1) * dx + (y - y1) * dy) / squared, 0, 1) : 0;
  return Math.hypot(x - x1 - t * dx, y - y1 - t * dy);
}
