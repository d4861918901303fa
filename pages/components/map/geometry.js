// Bounds and polygons.

import { clamp } from "../common.js";

export const MOST_VERTICES = 200; // as in map_events.py
const FINE = 1 / 1500; // of the view: what a lasso may be simplified by, at first

export const rounded = (v) => Number(v.toPrecision(6));

/** What has to be in view to see all. */
export function hull(axes) {
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
export function around(bounds) {
  const longest = Math.max(...bounds.map(([low, high]) => high - low)) || 1;
  return bounds.map(([low, high]) => {
    const side = bounds.length === 3 ? longest : high - low;
    const half = side / 2 + 0.03 * longest;
    return [(low + high) / 2 - half, (low + high) / 2 + half];
  });
}

/** Whether (x, y) lies in a polygon: even-odd, with the sums of `inside` in map_events.py. */
export function inside(x, y, polygon) {
  let within = false;
  for (let k = 0; k < polygon.length; k++) {
    const [x1, y1] = polygon[k], [x2, y2] = polygon[(k + 1) % polygon.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  }
  return within;
}

/** Fewer corners (Douglas and Peucker), until there are few enough to be sent. */
export function simplified(polygon, span) {
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
    const corners = polygon.filter((_, i) => kept.has(i));
    return corners.length < 3 ? polygon.slice(0, 3) : corners;
  }
}

/** From a point to the stretch between two others. */
function distance([x, y], [x1, y1], [x2, y2]) {
  const dx = x2 - x1, dy = y2 - y1, squared = dx * dx + dy * dy;
  const t = squared ? clamp(((x - x1) * dx + (y - y1) * dy) / squared, 0, 1) : 0;
  return Math.hypot(x - x1 - t * dx, y - y1 - t * dy);
}
