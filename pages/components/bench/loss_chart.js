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
  constructor(canvas, legend) {
    this.canvas = canvas;
    this.legend = legend;
    this.plot = new Plot(canvas);
  }

  /**
   * @param lines what to draw instead of the branches' losses: of each its `rows` ([step, value,
   *   value or NaN]), `colour`, `dash`, `active`, with `length`, `low` (the least that is drawn),
   *   `label`, `legend` and `said`, in words; `linear` where the scale is not logarithmic, `range` of
   *   that scale, and `pair`: what the line and the dashes are
   */
  draw(state, lines = ofBranches(state)) {
    let [low, high, last] = [Infinity, -Infinity, 1];
    const drawn = lines.all.map((line) => {
      last = Math.max(last, line.length);
      const rows = thinned(line.rows).map(([k, ...values]) => [k, ...values.map((v) => Math.max(v, lines.low ?? v))]);
      for (const [, ...values] of rows) {
        for (const value of values) {
          if (!(value > 0 || lines.linear) || !Number.isFinite(value)) continue;
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      }
      return { ...line, rows };
    });
    if (!(low < Infinity)) [low, high] = [0.1, 1];
    [low, high] = lines.linear ? (lines.range ?? padded(low, high)) : widened(low, high);
    const { plot } = this;
    plot.begin({ x: [0, last], y: [low, high], labels: ["step", lines.label], log: !lines.linear });
    const tested = drawn.some(({ rows }) => rows.some(([, , test]) => (lines.linear ? test !== undefined : test > 0)));
    for (const { rows, colour, dash, active } of drawn) {
      plot.line(rows.map(([k, train]) => [k, train]), { colour, dash, width: active ? 3 : 2 });
      if (tested) plot.line(rows.map(([k, , test]) => [k, test]), { colour, dash: [5, 4], width: 1.5 });
    }
    const { step } = state;
    plot.line([[step, low], [step, high]], { colour: plot.inks.text, width: 1, alpha: 0.5 });
    const legend = tested ? `${lines.legend}: ${lines.pair ?? "train as a line, test dashed"}` : lines.legend;
    if (this.legend.textContent !== legend) this.legend.textContent = legend;
    this.canvas.setAttribute("aria-label", lines.said);
  }
}

function widened(low, high) {
  const [from, to] = high / low < 1.5 ? [low / 1.3, high * 1.3] : [low, high];
  return [from / 1.1, to * 1.1];
}

function padded(low, high) {
  const room = Math.max(0.06 * (high - low), 1e-3);
  return [low - room, high + room];
}

/** The losses of all branches. */
function ofBranches({ branches, step }) {
  return {
    all: branches.map(({ measures, length }, i) => ({ rows: measures, length, colour: COLOURS[i] })),
    label: "loss",
    legend: "Loss on a logarithmic scale",
    said: `Loss over steps: ${branches[0].train.toPrecision(3)} at step ${step}.`,
  };
}
