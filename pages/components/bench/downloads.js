// A bench's picture and series as files.

import { make, save } from "../common.js";
import { inks } from "./plot.js";

export const savePng = (canvas, name) => canvas.toBlob((blob) => save(blob, name), "image/png");

/** Two canvases as one, on the page's ground, with a gap in pixels between them. */
export function sideBySide(left, right, gap = 0) {
  const both = make("canvas", {
    width: left.width + right.width + gap, height: Math.max(left.height, right.height),
  });
  const context = both.getContext("2d");
  context.fillStyle = inks(left).ground;
  context.fillRect(0, 0, both.width, both.height);
  context.drawImage(left, 0, 0);
  context.drawImage(right, left.width + gap, 0);
  return both;
}

/** The series of all branches, a row for each step that was measured; `watched` names more columns. */
export function csv({ branches }, watched = [], measured = ["train_loss", "test_loss"]) {
  const head = `branch,step,${measured.join(",")},batch_loss,gradient_norm,optimiser,learning_rate`;
  const lines = [[head, ...watched].join(",")];
  branches.forEach(({ rows, measures, segments }, i) => {
    for (const [step, train, test] of measures) {
      const [batch, norm, ...others] = rows[step] ?? [NaN, NaN];
      const { training } = segments.filter(({ from }) => from <= step).at(-1) ?? segments[0];
      const cells = [train, test, batch, norm].map((value) => (Number.isNaN(value) ? "" : value));
      const seen = watched.map((_, k) => others[k] ?? "");
      lines.push([i + 1, step, ...cells, training.optimiser, training.rate, ...seen].join(","));
    }
  });
  return `${lines.join("\n")}\n`;
}
