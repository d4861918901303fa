// Noises are mixed along the arc, and a picture keeps its frames.

import { test } from "node:test";
import assert from "node:assert/strict";
import { firstNoise } from "../../../pages/components/diffusion/sampling.js";
import { linear, slerp, spread } from "../../../pages/components/diffusion_wall/mixing.js";
import { bytes } from "../../../pages/components/diffusion_wall/paint.js";
import { Track } from "../../../pages/components/diffusion_wall/track.js";

const [a, b] = [0, 1].map((index) => firstNoise([1, 28, 28], 3, index));
const near = (found, wanted, off = 1e-4) => assert.ok(Math.abs(found - wanted) <= off, `${found}, not ${wanted}`);

test("the arc keeps the size of noise, the straight line does not", () => {
  for (const way of [linear, slerp]) {
    near(spread(way(a, b, 0), a), 0);
    near(spread(way(a, b, 1), b), 0);
  }
  near(spread(slerp(a, b, 0.5)), (spread(a) + spread(b)) / 2);
  near(spread(linear(a, b, 0.5)), Math.SQRT1_2, 0.05);
  // a quarter of the way is a quarter of the angle
  const angle = (p, q) => Math.acos(p.reduce((sum, v, i) => sum + v * q[i], 0) / (spread(p) * spread(q) * p.length));
  near(angle(a, slerp(a, b, 0.25)), angle(a, b) / 4, 1e-3);
});

test("between a noise and itself there is nothing else", () => {
  near(spread(slerp(a, a, 0.3), a), 0);
});

test("a picture's frames, while it is drawn and afterwards", () => {
  const [first, one, two, guess, other] = [1, 2, 3, 4, 5].map((v) => Float32Array.of(v));
  const track = new Track(first, 2);
  assert.deepEqual([track.last, track.knows(0), track.guess(0)], [0, false, first]);
  track.add(1, one, guess);
  assert.deepEqual([track.last, track.knows(0), track.knows(1)], [1, true, false]);
  assert.equal(track.guess(1), guess, "the last that has come");
  track.add(2, two, other);
  assert.deepEqual([track.guess(0), track.guess(1), track.guess(2)], [guess, other, two]);
  assert.ok(track.knows(2));
});

test("what is beyond the range of grey is cut", () => {
  assert.deepEqual([...bytes(Float32Array.of(-3, -1, 0, 1, 2))], [0, 0, 128, 255, 255]);
  assert.deepEqual([...bytes(Float32Array.of(-3, 3), 3)], [0, 255], "noise above 1 is shrunk");
});
