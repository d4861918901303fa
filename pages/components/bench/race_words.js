// What is said of a race: who is ahead, since when a loss is small, why one has diverged.

import { OPTIMISERS, stableRate } from "../trajectory/optimisers.js";

const AT_REST = 1e-12; // above the lowest loss, where nothing is left to gain
const LEVEL = 1.01;
const POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number with few digits, small and large ones as powers of ten. */
export function few(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e6)) {
    return Number(value.toPrecision(digits)).toLocaleString("en", { maximumSignificantDigits: digits });
  }
  const [factor, power] = value.toExponential(Math.max(digits - 2, 0)).split("e");
  const written = [...String(Math.abs(Number(power)))].map((digit) => POWERS[digit]).join("");
  const ten = `10${Number(power) < 0 ? "⁻" : ""}${written}`;
  return Number(factor) === 1 ? ten : `${Number(factor)} · ${ten}`;
}

/** What each lane is called; where an optimiser runs more than once, with what tells it apart. */
export function namesOf(segments) {
  const said = segments.map((parts) => {
    const { from, training } = parts.at(-1);
    const title = OPTIMISERS[training.optimiser].title;
    return [title, `rate ${training.rate}`, from ? `from step ${from}` : "", `β ${training.momentum}`];
  });
  return said.map((words, i) => {
    const alike = (length, k) => k !== i && words.slice(0, length).join() === said[k].slice(0, length).join();
    const others = (length) => said.some((_, k) => alike(length, k));
    const length = [1, 2, 3].find((count) => !others(count)) ?? 4;
    return words.slice(0, length).filter(Boolean).join(", ");
  });
}

/**
 * The first step of which a loss is that small; null where none is. It goes on from where it was.
 */
export class FirstBelow {
  #seen = new Map(); // by a branch's id: {at, found, threshold}

  /** @param rows losses by step: `length`, and `at(step)` */
  find(id, rows, threshold) {
    let one = this.#seen.get(id);
    if (!one || one.threshold !== threshold || one.at > rows.length) {
      one = { at: 0, found: null, threshold };
      this.#seen.set(id, one);
      if (this.#seen.size > 64) this.#seen.delete(this.#seen.keys().next().value);
    }
    for (; one.found === null && one.at < rows.length; one.at++) {
      if (rows.at(one.at) < threshold) one.found = one.at;
    }
    return one.found;
  }
}

/**
 * Who is ahead.
 * @param lanes of each that is shown `{name, above, ended}`: its loss above the lowest (or its loss
 *   where the lowest is not known, and `known` is false)
 */
export function lead(lanes, step, known = true) {
  const running = lanes.filter(({ ended }) => !ended).sort((a, b) => a.above - b.above);
  if (!running.length) return "Nobody is left in the race.";
  const [first, second] = running;
  if (step === 0) return `All begin at the same place, ${known ? `${few(first.above)} above the lowest loss` : `at a loss of ${few(first.above)}`}.`;
  const there = known ? running.filter(({ above }) => above < AT_REST) : [];
  if (there.length > 1) {
    return `${list(there.map(({ name }) => name))} are at a minimum: less than ${few(AT_REST)} above the lowest loss.`;
  }
  const said = `${first.name} is ahead at step ${step.toLocaleString("en")}: ${known ? "" : "its loss is "}${few(Math.max(first.above, 0))}${known ? " above the lowest loss" : ""}`;
  if (!second) return `${said}.`;
  if (second.above < LEVEL * first.above) {
    const level = running.filter(({ above }) => above < LEVEL * first.above).map(({ name }) => name);
    return `${list(level)} are level at step ${step.toLocaleString("en")}, ${known ? `${few(first.above)} above the lowest loss` : `at a loss of ${few(first.above)}`}.`;
  }
  return `${said}; next is ${second.name} with ${few(second.above)}.`;
}

const list = (names) =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/**
 * Why one cannot come to rest, or has left; "" where there is nothing to say.
 * @param lane `{name, training, ended, diverged}`
 * @param curvature `{low, high}` everywhere or at the nearest minimum, or null
 * @param surface of surfaceOf
 */
export function trouble({ name, training, ended, diverged }, curvature, surface) {
  const known = stableRate(curvature?.high, training);
  const above = known && training.rate > known.limit;
  const which = surface.curvature ? "" : " at the nearest minimum";
  const why = above
    ? `its rate ${training.rate} is above ${known.formula} = ${few(known.limit)}, the largest stable one${which}`
    : "its steps have grown until it was far outside of the picture";
  if (ended && surface.edge) return `${name} left the grid at step ${diverged}: beyond it no loss was computed.`;
  if (ended) return `${name} diverged at step ${diverged}: ${why}.`;
  return above ? `${name} cannot come to rest: ${why}.` : "";
}
