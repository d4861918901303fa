// What stands behind the pad's cursor: a picture at each place of the plane.

import { test } from "node:test";
import assert from "node:assert/strict";
import { ellipse, Pad, sideFor } from "../../../pages/components/live/pad.js";

const axis = (index) => ({ index, title: "", low: -2, high: 2, centre: 0, spread: 1 });

/** A pad without a page. */
function pad() {
  const context = { canvas: {} };
  const part = { setAttribute() {}, getContext: () => context };
  const made = new Pad({ querySelector: () => part, addEventListener() {} }, {});
  made.setAxes(axis(2), axis(0));
  return made;
}

/** A decoder whose picture is the code and its label; it notes where each is drawn. */
function decoder(ms, drawn) {
  const draw = (pixels, context, left, top) => drawn.push([pixels, left, top]);
  return { ms, shape: [1, 28, 28], decode: (code, label) => [...code, label], draw };
}

test("a slow decoder fills the plane with fewer pictures", () => {
  assert.deepEqual([0.1, 2, 6, 70, Infinity].map(sideFor), [15, 15, 9, 5, 5]);
});

test("every place shows what is decoded there, the other numbers as they are", () => {
  const drawn = [], plane = pad();
  for (const _ of plane.paint(decoder(70, drawn), [9, 7, 9], 3));
  assert.equal(drawn.length, 25);
  assert.deepEqual(drawn[0], [[1.6, 7, -1.6, 3], 0, 0]); // the upper left corner
  assert.deepEqual(drawn[12], [[0, 7, 0, 3], 56, 56]);
  assert.equal(plane.context.canvas.width, 140);
});

test("an ellipse lies where its numbers are, in percent of the plane", () => {
  const axes = [axis(0), { ...axis(1), low: 0, high: 2 }];
  assert.deepEqual(ellipse(axes, [1, 0.5], [0.5, 0.5]), { cx: 75, cy: 75, rx: 12.5, ry: 25 });
});

test("a posterior is drawn with one and two standard deviations, and taken away", () => {
  const parts = {}, none = [];
  const part = (name) => (parts[name] ??= { setAttribute: (k, v) => (parts[name][k] = v) });
  const drawn = { classList: { toggle: (name, on) => none.push(on) } };
  const plane = pad();
  plane.element = { querySelector: part, querySelectorAll: () => [drawn] };
  plane.showPosterior([1, -1], [0.1, 0.2]);
  assert.deepEqual([parts[".posterior.one"].rx, parts[".posterior.one"].ry], [2.5, 5]);
  assert.deepEqual([parts[".posterior.two"].rx, parts[".posterior.two"].ry], [5, 10]);
  assert.deepEqual([parts[".posterior.one"].cx, parts[".posterior.one"].cy], [75, 75]);
  plane.showPosterior();
  assert.deepEqual(none, [false, true]);
});
