// Losses of all branches over the steps: train as a line, test with dashes, where the player stands.

import { COLOURS } from "./form.js";
import { Plot } from "./plot.js";

const MOST = 600; // points of a line

/** About as many of the rows as can be seen, the last among them. */
export function thinned(rows, most = MOST) {
  if (rows.length <= most) return rows;
  const every = Math.ceil(rows.length / most);
  return rows.filter((_, i) => i % every === 0 || i === rows.length - 1);
}

export class LossChart {
  constructor(canvas) {
    this.canvas = canvas;
    this.plot = new Plot(canvas);
  }

  draw({ branches, step }, root) {
    let [low, high, last] = [Infinity, -Infinity, 1];
    const lines = branches.map(({ measures, length }) => {
      last = Math.max(last, length);
      const rows = thinned(measures);
      for (const [, train, test] of rows) {
        for (const value of [train, test]) {
          if (!(value > 0) || !Number.isFinite(value)) continue;
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      }
      return rows;
    });
    if (!(low < Infinity)) [low, high] = [0.1, 1];
    if (high / low < 1.5) [low, high] = [low / 1.3, high * 1.3];
    const { plot } = this;
    plot.begin({ x: [0, last], y: [low / 1.1, high * 1.1], labels: ["step", "loss"], log: true });
    const tested = lines.some((rows) => rows.some(([, , test]) => !Number.isNaN(test)));
    lines.forEach((rows, i) => {
      plot.line(rows.map(([k, train]) => [k, train]), { colour: COLOURS[i] });
      if (tested) plot.line(rows.map(([k, , test]) => [k, test]), { colour: COLOURS[i], dash: [5, 4], width: 1.5 });
    });
    plot.line([[step, low / 1.1], [step, high * 1.1]], { colour: plot.inks.text, width: 1, alpha: 0.5 });
    const scale = "Loss on a logarithmic scale";
    root.querySelector(".legend").textContent = tested ? `${scale}: train as a line, test dashed` : scale;
    const { train } = branches[0];
    this.canvas.setAttribute("aria-label", `Loss over steps: ${train.toPrecision(3)} at step ${step}.`);
  }
}
