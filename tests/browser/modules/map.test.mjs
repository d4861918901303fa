// Everything of the map that needs no page: polygons, picking, snapshots, messages, arrays.

import { test } from "node:test";
import assert from "node:assert/strict";
import { inView, sideOf } from "../../../pages/components/map/close_ups.js";
import { around, hull, inside, MOST_VERTICES, simplified }
  from "../../../pages/components/map/geometry.js";
import { Talk } from "../../../pages/components/map/messages.js";
import { fetchArrays, unpack, unpackPoints } from "../../../pages/components/map/packing.js";
import { coordinates, nearest, projection, rangesInView }
  from "../../../pages/components/map/picking.js";
import { Frames } from "../../../pages/components/map/replay.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("arrays", "polygons");
const close = (a, b, off = 1e-9) => assert.ok(Math.abs(a - b) <= off, `${a} is not ${b}`);

// ---- polygons

test("a polygon holds the points that Python says it holds", () => {
  for (const { polygon, points, within } of cases.polygons) {
    assert.deepEqual(points.map(([x, y]) => inside(x, y, polygon)), within);
  }
});

test("a lasso of many corners becomes one that can be sent and holds nearly the same", () => {
  const turns = Array.from({ length: 2000 }, (_, k) => (2 * Math.PI * k) / 1999);
  const ring = turns.map((t) => [3 * Math.cos(t), 2 * Math.sin(9 * t)]);
  const few = simplified(ring, 8);
  assert.ok(few.length > 20 && few.length <= MOST_VERTICES);
  let other = 0;
  for (let x = -4; x < 4; x += 0.2) {
    for (let y = -3; y < 3; y += 0.2) other += inside(x, y, ring) !== inside(x, y, few);
  }
  assert.ok(other / (40 * 30) < 0.02);
});

test("a straight line keeps three corners", () => {
  const line = Array.from({ length: 10 }, (_, k) => [k, k]);
  assert.equal(simplified(line, 10).length, 3);
});

test("all points are in view with a margin; in 3-D in a cube", () => {
  const ends = hull([[0, 10], [0, 5]]).flat();
  [-0.3, 10.3, -0.3, 5.3].forEach((end, k) => close(ends[k], end));
  const sides = around([[0, 10], [0, 5], [2, 3]]).map(([low, high]) => high - low);
  for (const side of sides) close(side, 10.6);
  assert.deepEqual(hull([[], []]).map(([low, high]) => low < high), [true, true]);
});

// ---- the images themselves

test("near ones are those in view, and are the larger the fewer they are", () => {
  const axes = [[0, 1, 2, 3], [0, 1, 2, 3]];
  assert.deepEqual(inView([0, 1, 3], axes, [[0.5, 3], [0, 3]]), [1, 3]);
  assert.equal(sideOf(1, 600, 400), 56);
  assert.equal(sideOf(10_000, 600, 400), 16);
  assert.ok(sideOf(100, 600, 400) > sideOf(200, 600, 400));
});

// ---- picking

const axis = (low, high, offset, length) => ({
  range: [low, high], _offset: offset, _length: length,
});
const flat = { _fullLayout: { xaxis: axis(-2, 2, 0, 400), yaxis: axis(-1, 1, 0, 200) } };

test("a place of the stage and its coordinates are each other's", () => {
  const { across, down, depth } = projection(flat, 400, 200);
  const [x, y] = coordinates(flat, [120, 30]);
  close(x, -0.8);
  close(y, 0.7);
  const at = ([a, b, , d]) => a * x + b * y + d;
  close(at(across) / at(depth), 120);
  close(at(down) / at(depth), 30);
  assert.deepEqual(rangesInView(flat), [[-2, 2], [-1, 1]]);
  assert.equal(rangesInView(null), undefined);
});

test("the nearest of the points shown is picked, and nothing far away", () => {
  const view = projection(flat, 400, 200), axes = [[0, 0.05, 1.5], [0, 0, 0.5]];
  assert.equal(nearest(view, axes, [0, 1, 2], [204, 100], 4), 1);
  assert.equal(nearest(view, axes, [0, 2], [204, 100], 4), 0); // the other is hidden
  assert.equal(nearest(view, axes, [0, 1, 2], [260, 100], 4), undefined);
  assert.equal(nearest(view, axes, [0, 1, 2], [260, 100], 4, Infinity), 1); // asked for by a key
});

test("in 3-D the foremost of the points that cover a place is picked", () => {
  const view = { across: [100, 0, 0, 200], down: [0, -100, 0, 100], depth: [0, 0, 0.5, 1] };
  const axes = [[0, 0, 0], [0, 0, 0], [1, -1, -3]]; // far, near, behind the eye
  assert.equal(nearest(view, axes, [0, 1, 2], [400, 200], 8), 1);
  assert.equal(nearest(view, axes, [0, 2], [133, 66], 8), 0);
});

// ---- snapshots

/** Three points in the plane; the map grows from 1 to 4 to 16. */
function snapshots() {
  const [frames, points, dimensions] = [3, 3, 2];
  const parts = [
    Uint32Array.of(frames, points, dimensions, 0, 50, 100),
    Float32Array.from([1, 4, 16].flatMap((side) => [0, side, 0, side])),
    Uint16Array.from([0, 1, 2].flatMap(() => [0, 0, 65535, 0, 65535, 65535])),
  ];
  const bytes = parts.flatMap((part) => [...new Uint8Array(part.buffer)]);
  return Uint8Array.from(bytes).buffer;
}

test("the first and the last snapshot are as they were kept, and others lie between", () => {
  const frames = new Frames(snapshots());
  const rows = (place) => frames.axes(place).map((values) => [...values]);
  assert.deepEqual(rows(0), [[0, 1, 1], [0, 0, 1]]);
  assert.deepEqual(rows(2), [[0, 16, 16], [0, 0, 16]]);
  assert.deepEqual(rows(0.5), [[0, 2.5, 2.5], [0, 0, 2.5]]);
  assert.deepEqual([...frames.iterations], [0, 50, 100]);
});

test("what is in view grows in equal factors", () => {
  const frames = new Frames(snapshots());
  const side = (place) => frames.ranges(place)[0][1] - frames.ranges(place)[0][0];
  for (const place of [0, 0.5, 1, 1.5]) close(side(place + 0.5) / side(place), 2);
});

test("a damaged replay is refused", () => {
  assert.throws(() => new Frames(snapshots().slice(0, -2)));
  assert.throws(() => new Frames(new ArrayBuffer(12)));
});

// ---- messages

/** A map without a page, and what it has sent. */
function talking() {
  const map = {
    clicked: null, lasso: null, view: null, shown: null, data: { map: "a" }, sent: [],
    follow: (name, value) => (map[name] = value),
    tell: (_, said) => map.sent.push(said),
  };
  return [map, new Talk(map)];
}
const nothing = { clicked: null, lasso: null, view: null, shown: null, seen: 0 };
const later = (milliseconds = 5) => new Promise((done) => setTimeout(done, milliseconds));

test("what the hand does is sent once", async () => {
  const [map, talk] = talking();
  talk.take(nothing, {}, true);
  map.clicked = 5;
  talk.release();
  talk.release();
  await later();
  talk.release(); // nothing new
  await later();
  assert.deepEqual(map.sent.map(({ move, clicked }) => [move, clicked]), [[1, 5]]);
});

test("what Python does is not sent back", async () => {
  const [map, talk] = talking();
  talk.take({ ...nothing, view: [0, 1, 0, 1] }, {}, true);
  talk.release();
  await later();
  assert.deepEqual(map.view, [0, 1, 0, 1]);
  assert.deepEqual(map.sent, []);
});

test("an old answer takes nothing back, and a new one is followed", async () => {
  const [map, talk] = talking();
  talk.take(nothing, {}, true);
  map.clicked = 5;
  talk.release();
  await later();
  talk.take({ ...nothing, clicked: 3 }, nothing, false); // said before it heard of the 5
  assert.equal(map.clicked, 5);
  talk.take({ ...nothing, clicked: 7, seen: 1 }, nothing, false);
  assert.equal(map.clicked, 7);
});

test("an empty place is sent until Python has heard of it", async () => {
  const [map, talk] = talking();
  talk.take(nothing, {}, true);
  talk.put([0.12345678, -2]);
  await later();
  assert.deepEqual(map.sent[0].place, { move: 1, at: [0.123457, -2] });
  talk.take({ ...nothing, seen: 1 }, nothing, false);
  map.view = [0, 1, 0, 1];
  talk.release();
  await later();
  assert.equal(map.sent[1].place, null);
});

test("nothing is sent while the map is held", async () => {
  const [map, talk] = talking();
  talk.take(nothing, {}, true);
  Object.assign(map, { clicked: 5, held: true });
  talk.release();
  await later();
  assert.deepEqual(map.sent, []);
  talk.close();
});

// ---- arrays

test("packed arrays arrive as Python has packed them, each once", async () => {
  const { ids, points } = cases.arrays;
  await fetchArrays([ids.packed, points.packed, null]);
  assert.equal(fetchArrays([ids.packed, points.packed]), null); // all are here
  assert.deepEqual([...unpack(ids.packed)], ids.values);
  const axes = unpackPoints(points.packed);
  axes.forEach((values, d) => {
    values.forEach((v, i) => close(v, points.values[i][d], points.off));
  });
  const lost = { kind: "u1", url: "http://localhost:9/array" };
  await assert.rejects(fetchArrays([lost]), /did not arrive/);
});
