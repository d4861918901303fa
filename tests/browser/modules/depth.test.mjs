// The bench Depth: what it measures, and what is said of its settings.

import { test } from "node:test";
import assert from "node:assert/strict";

import {
  DEFAULTS, Layers, PRESETS, histogram, said, seenText, taskOf,
} from "../../../pages/components/bench/benches/depth_model.js";
import { normal, stream } from "../../../pages/components/trajectory/random.js";

const numbers = Array.from({ length: 140 }, (_, i) =>
  Array.from({ length: 12 }, (_, k) => normal(2, stream("points", k), i)));
const table = {
  title: "Drawn", columns: Array.from("abcdefghijkl"), numbers, classes: ["p", "q", "r"],
  labels: numbers.map(([a, b]) => (a > 0 ? 1 : 0) + (b > 0.5 ? 1 : 0)),
};
const tables = { wine: table };

function measured(changes) {
  const settings = { ...DEFAULTS, ...changes };
  const layers = new Layers(taskOf(settings, tables));
  return layers.measure(layers.network.initial(), settings.clip);
}

const preset = (name) => PRESETS.find((one) => one.name === name).settings;
const root = Math.sqrt;

/** By how much the spread and the gradient change over ten layers, and all that is dead. */
function seen(name) {
  const { layers, ...rest } = measured(preset(name));
  const [first, last] = [layers[0], layers[9]];
  return {
    spread: root(last.variance / first.variance), gradient: root(first.sums / last.sums),
    dead: layers.reduce((sum, { dead }) => sum + dead, 0), layers, ...rest,
  };
}

test("known settings do what is said of them", () => {
  assert.ok(seen("tanh, Xavier").spread > 1 / 3);
  const small = seen("tanh, weights too small");
  assert.ok(Math.abs(small.spread ** (1 / 9) - 0.28) < 0.03 && small.gradient < 1e-3);
  const helped = seen("Batch norm helps");
  assert.ok(helped.spread > 0.8 && helped.spread < 1.2);
  const large = seen("tanh, weights too large");
  assert.ok(large.layers.reduce((sum, { flat }) => sum + flat / 10, 0) > 0.5 && large.gradient > 10);
  assert.ok(seen("ReLU, Kaiming").spread > 1 / 3);
  const halved = seen("ReLU, Xavier").spread ** (2 / 9);
  assert.ok(halved > 0.35 && halved < 0.6, String(halved));
  assert.ok(seen("ReLU, biases of −1").dead > 200);
  assert.ok(seen("Sigmoid, ten layers").gradient < 1e-4);
  const exploding = seen("Exploding, and clipped");
  assert.ok(Math.abs(exploding.spread ** (1 / 9) - 2.26) < 0.3 && exploding.factor < 1);
});

test("what is seen is said as it is", () => {
  const told = (name) => seenText(measured(preset(name)), preset(name).clip ?? 0);
  assert.ok(/shrinks by a factor of 0\.2\d a layer.* Layer 10 hardly tells/.test(told("tanh, weights too small")));
  assert.ok(/stays within a factor of 3.*No hidden unit is dead/.test(told("tanh, Xavier")));
  assert.ok(/all points look the same.*No gradient reaches.*Dead: 2\d\d of 320/.test(told("ReLU, biases of −1")));
  assert.ok(/shortened to 1, by .* in every layer alike/.test(told("Exploding, and clipped")));
  assert.ok(/no spread/.test(seenText(measured({ initialisation: "zeros" }), 0)));
  assert.ok(/too large to be computed/.test(seenText(measured({ activation: "linear", depth: 20, initialisation: "normal", scale: 1e30 }), 0)));
  assert.ok(/left as it is/.test(seenText(measured({ clip: 1e6 }), 1e6)));
  assert.deepEqual([0, 0.004567, 123456, 3e-7].map(said), ["0", "0.0046", "1.2·10⁵", "3.0·10⁻⁷"]);
});

test("clipping by the weights changes all layers by one factor", () => {
  const [free, clipped] = [0, 0.01].map((clip) => measured({ clip }));
  const ratios = clipped.layers.map(({ weights }, l) => weights / free.layers[l].weights);
  assert.ok(ratios.every((ratio) => Math.abs(ratio / clipped.factor ** 2 - 1) < 1e-9));
});

test("a histogram keeps all numbers", () => {
  const shares = histogram(Float64Array.of(-9, -1, 0, 0.5, 9), 0, 5, [-1, 1], 4);
  assert.deepEqual([...shares], [0.4, 0, 0.2, 0.4]);
});
