// Holes are painted where the brush goes, and what is made of fillings is right.

import { test } from "node:test";
import assert from "node:assert/strict";
import {
  moments, readings, toBytes, toValues, withKnown,
} from "../../../pages/components/diffusion_paint/fillings.js";
import {
  PRESETS, missing, pack, paint, preset, unpack,
} from "../../../pages/components/diffusion_paint/mask.js";

const rows = (mask, w) => Array.from({ length: mask.length / w }, (_, y) =>
  mask.slice(y * w, (y + 1) * w).join(""));

test("presets hide what they say", () => {
  assert.deepEqual(rows(preset("lower", 4, 4), 4), ["0000", "0000", "1111", "1111"]);
  assert.deepEqual(rows(preset("upper", 4, 4), 4), ["1111", "1111", "0000", "0000"]);
  assert.deepEqual(rows(preset("middle", 4, 8), 8), ["0".repeat(8), "00111100", "00111100", "0".repeat(8)]);
  assert.deepEqual(rows(preset("second", 2, 4), 4), ["0101", "1010"]);
  for (const name of Object.keys(PRESETS)) {
    assert.equal(missing(preset(name, 28, 28)), name === "middle" ? 196 : 392);
  }
});

test("the brush paints its way, stays inside, and takes back", () => {
  const mask = new Uint8Array(35), size = [5, 7];
  assert.ok(paint(mask, size, [[1.5, 2.5], [5.5, 2.5]], 0.5, 1));
  assert.deepEqual(rows(mask, 7), ["0000000", "0000000", "0111110", "0000000", "0000000"]);
  assert.ok(!paint(mask, size, [[1.5, 2.5], [5.5, 2.5]], 0.5, 1), "nothing new");
  assert.ok(paint(mask, size, [[3.5, 2.5], [3.5, 2.5]], 0.5, 0));
  assert.deepEqual(rows(mask, 7)[2], "0110110");
  paint(mask, size, [[-9, -9], [-9, -9]], 3, 1);
  assert.equal(missing(mask), 4);
  paint(mask, size, [[-9, -9], [99, 99]], 99, 1);
  assert.equal(missing(mask), 35);
});

test("the smallest brush paints the pixel under it, wherever in it", () => {
  for (const place of [[2.05, 1.95], [2.95, 1.02]]) {
    const mask = new Uint8Array(12);
    paint(mask, [3, 4], [place, place], 0.5, 1);
    assert.equal(missing(mask), 1);
    assert.equal(mask[6], 1);
  }
});

test("a mask goes through an address, and nonsense does not", () => {
  const mask = Uint8Array.from({ length: 784 }, (_, i) => Number((i * i) % 7 < 3));
  const text = pack(mask, 28, 28);
  assert.ok(/^[A-Za-z0-9_-]{131}$/.test(text));
  assert.deepEqual(unpack(text, 28, 28), mask);
  assert.equal(pack(preset("upper", 28, 28), 28, 28), "upper");
  assert.deepEqual(unpack("upper", 28, 28), preset("upper", 28, 28));
  assert.equal(pack(new Uint8Array(4096).fill(1), 64, 64), null, "too long");
  for (const bad of [null, "", "toString", text.slice(1), `${text.slice(1)}<`, text + text]) {
    assert.equal(unpack(bad, 28, 28), null);
  }
});

test("mean and spread are those of a sample", () => {
  const { mean, spread } = moments([[0, 1], [1, 1], [0.5, 1], [0.5, 1]].map((v) => Float32Array.from(v)));
  assert.deepEqual([...mean], [0.5, 1]);
  assert.ok(Math.abs(spread[0] - Math.sqrt(0.5 / 3)) < 1e-6 && spread[1] === 0);
  assert.equal(moments([new Float32Array(2)]), null);
});

test("bytes stay what they are, and known pixels are put back, of all channels", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual([...toBytes(toValues(bytes))], [...bytes]);
  const picture = Float32Array.from([1, 2, 3, 4, 5, 6]), drawn = new Float32Array(6);
  assert.deepEqual([...withKnown(drawn, picture, [1, 0])], [0, 0, 0, 4, 5, 6]);
});

test("readings are counted, the most frequent first", () => {
  const classes = ["zero", "one", "two"];
  assert.equal(readings([2, 1, 2, 2], classes, "fillings"), "Of 4 fillings: 3 read as two, 1 as one.");
  assert.equal(readings([1, 0], classes, "fillings"), "Of 2 fillings: 1 read as zero, 1 as one.");
});
