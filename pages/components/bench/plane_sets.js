// Points with two features and a class: seeded sets, tables (real ones, uploads) and painted points,
// as a network takes them.

import { clamp } from "../common.js";
import { normal, stream, uniform } from "../trajectory/random.js";
import { standardised } from "./preprocessing.js";

export const EXTENT = 3.2; // the plane goes from -EXTENT to EXTENT, in both directions
export const MAX_CLASSES = 4;
export const MAX_PAINTED = 600;
export const LETTERS = ["A", "B", "C", "D"];
const JITTER = 0.6; // σ of the noise where it is set to 1

const around = (angle, radius) => [radius * Math.cos(angle), radius * Math.sin(angle)];

/** Of each set its title, its classes, and the point at a share of its class, before the noise. */
export const SEEDED = {
  blobs: {
    title: "Two blobs",
    classes: 2,
    place: (c, _, drawn) => [(c ? 1 : -1) + 0.5 * drawn(0), (c ? 0.8 : -0.8) + 0.5 * drawn(1)],
  },
  four_blobs: {
    title: "Four blobs",
    classes: 4,
    place: (c, _, drawn) =>
      [(c & 1 ? 1.4 : -1.4) + 0.4 * drawn(0), (c & 2 ? 1.4 : -1.4) + 0.4 * drawn(1)],
  },
  xor: {
    title: "Exclusive or",
    classes: 2,
    place: (c, flat) => {
      const [x, y] = [0.2 + 2.2 * flat(0), 0.2 + 2.2 * flat(1)];
      const left = flat(2) < 0.5 ? -1 : 1;
      return [left * x, (c ? -left : left) * y];
    },
  },
  rings: {
    title: "Rings",
    classes: 2,
    place: (c, flat) => around(2 * Math.PI * flat(0), c ? 1.7 + 0.7 * flat(1) : 1.1 * flat(1)),
  },
  moons: {
    title: "Moons",
    classes: 2,
    place: (c, flat) => {
      const [x, y] = around(Math.PI * flat(0), 1.5);
      return c ? [0.75 - x, 0.4 - y] : [x - 0.75, y - 0.4];
    },
  },
  spirals: {
    title: "Spirals",
    classes: 2,
    place: (c, flat) => {
      const share = flat(0);
      return around((3.5 * share + c) * Math.PI, 0.25 + 2.35 * share);
    },
  },
};

/**
 * A seeded set.
 * @param noise from 0 to 1: the share of `JITTER` that is added in both directions
 * @returns points `[x, y, class]`, to three decimals, as they are written into scripts and links
 */
export function seeded(name, { count, noise, seed }) {
  const { classes, place } = SEEDED[name];
  return Array.from({ length: count }, (_, i) => {
    const flat = (k) => uniform(seed, stream("points", k), i);
    const drawn = (k) => normal(seed, stream("points", k), i);
    const at = place(i % classes, flat, drawn);
    const [x, y] = at.map((v, k) => v + JITTER * noise * normal(seed, stream("noise", k), i));
    return [rounded(x), rounded(y), i % classes];
  });
}

export const rounded = (v) => Math.round(clamp(v, -EXTENT, EXTENT) * 1000) / 1000;

/** Painted points from a link or a file; throws a sentence where they are none. */
export function checkPainted(points) {
  const within = (v) => typeof v === "number" && Math.abs(v) <= EXTENT;
  const whole = ([x, y, c, ...more]) =>
    within(x) && within(y) && Number.isInteger(c) && c >= 0 && c < MAX_CLASSES && !more.length;
  const listed = Array.isArray(points) && points.length <= MAX_PAINTED;
  if (!listed || !points.every((point) => Array.isArray(point) && whole(point))) {
    throw new Error("The painted points are damaged.");
  }
  return points;
}

/** Two columns of a table, each with mean 0 and σ 1, as points; and what they were. */
function tabulated({ columns, numbers, labels, classes }, names) {
  const axes = names.map((name) => {
    const column = columns.indexOf(name);
    return { name, ...standardised(numbers.map((row) => row[column])) };
  });
  const points = labels.map((label, i) => [...axes.map(({ values }) => rounded(values[i])), label]);
  return { points, classes, axes };
}

/**
 * What the settings mean by their set.
 * @param tables real sets and uploads by name: `{columns, numbers, labels, classes, first, second}`,
 *   the last two being the columns where none are chosen
 * @returns `{points, classes, axes}`: points `[x, y, class]`, the classes' names, and of both axes
 *   name, mean and σ in the table's own units (0 and 1 where there are none)
 */
export function pointsOf(settings, tables) {
  const { set } = settings;
  const table = tables[set];
  if (table) return tabulated(table, [settings.first || table.first, settings.second || table.second]);
  const points = set in SEEDED ? seeded(set, settings) : settings.painted;
  const used = points.reduce((most, [, , c]) => Math.max(most, c + 1), 2);
  const count = set in SEEDED ? SEEDED[set].classes : used;
  const axes = ["x₁", "x₂"].map((name) => ({ name, mean: 0, spread: 1 }));
  return { points, classes: LETTERS.slice(0, count), axes };
}

/**
 * Points apart: those to learn from, and about a share to test with. Which of them a point belongs to
 * follows from its place alone, so that a painted point moves no other, and equal ones stay together.
 * @returns two parts, each with its points and their features, feature by feature
 */
export function split(points, share, seed) {
  const place = (v) => Math.round(v * 1000) + 4000;
  const drawn = ([x, y]) => uniform(seed, stream("split"), place(x) * 8192 + place(y));
  let parts = [points.filter((p) => drawn(p) >= share), points.filter((p) => drawn(p) < share)];
  if (!parts[0].length) parts = [points, []];
  return parts.map((part) => ({
    points: part,
    x: Float64Array.from([...part.map(([x]) => x), ...part.map(([, y]) => y)]),
    y: Float64Array.from(part, ([, , c]) => c),
  }));
}
