// A plane with points of several classes on it, over a painted field. Fields are numbers on a lattice
// of SIDE by SIDE places, the first at the top left.

import { COLOURS as HEX } from "./form.js";
import { EXTENT } from "./plane_sets.js";

export const SIDE = 64;

/** Of classes: colours as red, green and blue; each class has a shape, too. */
export const COLOURS = HEX.slice(0, 4).map((hex) =>
  [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
export const SHAPES = [
  (p, r) => p.arc(0, 0, r, 0, 2 * Math.PI),
  (p, r) => p.rect(-0.9 * r, -0.9 * r, 1.8 * r, 1.8 * r),
  (p, r) => polygon(p, [[0, -1.2 * r], [1.15 * r, 0.85 * r], [-1.15 * r, 0.85 * r]]),
  (p, r) => polygon(p, [[0, -1.35 * r], [1.35 * r, 0], [0, 1.35 * r], [-1.35 * r, 0]]),
];
const [NEGATIVE, POSITIVE] = COLOURS;

export const css = ([r, g, b], alpha = 1) => `rgb(${r} ${g} ${b} / ${alpha})`;
export const signColour = (v) => (v < 0 ? NEGATIVE : POSITIVE);

function polygon(path, corners) {
  path.moveTo(...corners[0]);
  for (const corner of corners.slice(1)) path.lineTo(...corner);
  path.closePath();
}

/** The lattice's points, feature by feature. */
export function lattice() {
  const x = new Float64Array(2 * SIDE * SIDE);
  const at = (i) => ((2 * i + 1) / SIDE - 1) * EXTENT;
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      x[row * SIDE + column] = at(column);
      x[SIDE * SIDE + row * SIDE + column] = -at(row);
    }
  }
  return x;
}

/** Probabilities of all classes from a network's outputs: one logit for two, else one for each. */
export function probabilities(logits) {
  const z = logits.length === 1 ? [0, logits[0]] : logits;
  const top = Math.max(...z);
  const parts = z.map((v) => Math.exp(v - top));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / sum);
}

/** The answer as a picture: the likeliest class's colour, the more of it the surer. */
export function paintAnswer(z, outputs, pixels) {
  const all = SIDE * SIDE;
  const classes = Math.max(outputs, 2);
  for (let p = 0; p < all; p++) {
    let [best, second, sum] = [0, 0, 1];
    if (outputs === 1) {
      best = z[p] > 0 ? 1 : 0;
      sum = 1 + Math.exp(-Math.abs(z[p]));
    } else {
      for (let k = 1; k < outputs; k++) if (z[k * all + p] > z[best * all + p]) best = k;
      for (let k = 0; k < outputs; k++) {
        if (k !== best) second += Math.exp(z[k * all + p] - z[best * all + p]);
      }
      sum = 1 + second;
    }
    const sure = (1 / sum - 1 / classes) / (1 - 1 / classes);
    put(pixels, p, COLOURS[best], 30 + 110 * sure);
  }
}

/** A unit as a picture: sign as colour, size as its strength, which is `alpha` at `most`. */
export function paintUnit(a, from, most, pixels, alpha = 230) {
  for (let p = 0; p < SIDE * SIDE; p++) {
    const v = a[from + p] / most;
    put(pixels, p, signColour(v), alpha * Math.min(Math.abs(v), 1));
  }
}

function put(pixels, p, [r, g, b], alpha) {
  pixels[4 * p] = r;
  pixels[4 * p + 1] = g;
  pixels[4 * p + 2] = b;
  pixels[4 * p + 3] = alpha;
}

/** The largest size of a unit's numbers, by which its picture is scaled; 1 for bounded ones. */
export function reach(activation, a, from) {
  if (activation === "tanh" || activation === "sigmoid") return 1;
  let most = 1e-9;
  for (let p = from; p < from + SIDE * SIDE; p++) most = Math.max(most, Math.abs(a[p]));
  return most;
}

/** How far a class is ahead of all others at each place; the boundary is where this is 0. */
export function margin(z, outputs, k, into) {
  const all = SIDE * SIDE;
  for (let p = 0; p < all; p++) {
    let other = -Infinity;
    for (let j = 0; j < outputs; j++) if (j !== k) other = Math.max(other, z[j * all + p]);
    into[p] = outputs === 1 ? z[p] : z[k * all + p] - other;
  }
  return into;
}

/** Marching squares: calls `line(x0, y0, x1, y1)`, in lattice units, along where a field is 0. */
export function contour(field, line) {
  const ends = [];
  const cut = (a, b, x0, y0, x1, y1) => {
    if (a > 0 === b > 0) return;
    const t = a / (a - b);
    ends.push(x0 + t * (x1 - x0), y0 + t * (y1 - y0));
  };
  for (let y = 0; y < SIDE - 1; y++) {
    for (let x = 0; x < SIDE - 1; x++) {
      const p = y * SIDE + x;
      const [a, b, c, d] = [field[p], field[p + 1], field[p + SIDE + 1], field[p + SIDE]];
      if (a > 0 === b > 0 && b > 0 === c > 0 && c > 0 === d > 0) continue;
      ends.length = 0;
      cut(a, b, x, y, x + 1, y);
      cut(b, c, x + 1, y, x + 1, y + 1);
      cut(c, d, x + 1, y + 1, x, y + 1);
      cut(d, a, x, y + 1, x, y);
      for (let i = 0; i + 3 < ends.length; i += 4) line(ends[i], ends[i + 1], ends[i + 2], ends[i + 3]);
    }
  }
}

export class Plane {
  /** @param canvas square; `hand` hears `down`, `move`, `up` and `leave` of it, in the plane's units */
  constructor(canvas, hand) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.small = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
    this.image = new ImageData(SIDE, SIDE);
    this.ahead = new Float64Array(SIDE * SIDE);
    const say = (name) => (event) => hand[name]?.(this.#place(event), event);
    canvas.addEventListener("pointerdown", say("down"));
    canvas.addEventListener("pointermove", say("move"));
    canvas.addEventListener("pointerup", say("up"));
    canvas.addEventListener("pointercancel", say("up"));
    canvas.addEventListener("pointerleave", say("leave"));
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      ((2 * (event.clientX - box.left)) / box.width - 1) * EXTENT,
      (1 - (2 * (event.clientY - box.top)) / box.height) * EXTENT,
    ];
  }

  /**
   * @param scene `paint(pixels)`; `z` and `outputs` of the boundary; `parts`, each a list of points
   *   `[x, y, class]`, the second one hollow; `axes`; `cursor`, a place or null; `missed(point)`
   */
  draw({ paint, z, outputs, parts, axes, cursor, ink, paper }) {
    const { canvas, context, small, image } = this;
    const side = Math.round(canvas.clientWidth * Math.min(devicePixelRatio || 1, 2)) || 1;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    paint(image.data);
    small.getContext("2d").putImageData(image, 0, 0);
    context.fillStyle = paper;
    context.fillRect(0, 0, side, side);
    context.imageSmoothingEnabled = true;
    context.drawImage(small, 0, 0, side, side);
    this.scale = side / canvas.clientWidth || 1;
    this.#boundary(z, outputs, side, ink);
    this.#axes(axes, side, ink);
    parts.forEach((points, i) => this.#points(points, side, i === 1, paper));
    if (cursor) this.#cross(cursor, side, ink);
  }

  #boundary(z, outputs, side, ink) {
    const { context } = this;
    const unit = side / SIDE;
    context.strokeStyle = ink;
    context.lineWidth = 1.6 * this.scale;
    context.beginPath();
    for (let k = 0; k < (outputs === 1 ? 1 : outputs); k++) {
      contour(margin(z, outputs, k, this.ahead), (x0, y0, x1, y1) => {
        context.moveTo((x0 + 0.5) * unit, (y0 + 0.5) * unit);
        context.lineTo((x1 + 0.5) * unit, (y1 + 0.5) * unit);
      });
    }
    context.stroke();
  }

  #axes(axes, side, ink) {
    const { context, scale } = this;
    context.fillStyle = ink;
    context.globalAlpha = 0.75;
    context.font = `${11 * scale}px sans-serif`;
    const number = ({ mean, spread }, v) =>
      (mean + v * spread).toLocaleString("en", { maximumSignificantDigits: 3 }).replace("-", "−");
    context.textAlign = "center";
    for (const v of [-2, 0, 2]) {
      context.fillText(number(axes[0], v), ((v / EXTENT + 1) / 2) * side, side - 4 * scale);
    }
    context.textAlign = "left";
    for (const v of [-2, 0, 2]) {
      context.fillText(number(axes[1], v), 4 * scale, ((1 - v / EXTENT) / 2) * side + 4 * scale);
    }
    context.textAlign = "right";
    context.fillText(`${axes[0].name} →`, side - 6 * scale, side - 18 * scale);
    context.textAlign = "left";
    context.fillText(`↑ ${axes[1].name}`, 6 * scale, 14 * scale);
    context.globalAlpha = 1;
  }

  #points(points, side, hollow, paper) {
    const { context, scale } = this;
    const r = (points.length > 300 ? 3 : 4) * scale;
    context.lineWidth = (hollow ? 1.8 : 1) * scale;
    for (const [x, y, c] of points) {
      context.setTransform(1, 0, 0, 1, ((x / EXTENT + 1) / 2) * side, ((1 - y / EXTENT) / 2) * side);
      context.beginPath();
      SHAPES[c](context, r);
      context.fillStyle = hollow ? paper : css(COLOURS[c]);
      context.strokeStyle = hollow ? css(COLOURS[c]) : paper;
      context.fill();
      context.stroke();
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  #cross([x, y], side, ink) {
    const { context, scale } = this;
    const [cx, cy] = [((x / EXTENT + 1) / 2) * side, ((1 - y / EXTENT) / 2) * side];
    context.strokeStyle = ink;
    context.lineWidth = 1.2 * scale;
    context.beginPath();
    context.arc(cx, cy, 8 * scale, 0, 2 * Math.PI);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(cx + 4 * dx * scale, cy + 4 * dy * scale);
      context.lineTo(cx + 13 * dx * scale, cy + 13 * dy * scale);
    }
    context.stroke();
  }
}
