// A classifier computes what PyTorch computes, layer by layer; the cases come from test_modules.py.

import { test } from "node:test";
import assert from "node:assert/strict";
import { accelerate } from "../../../pages/components/fast_layers.js";
import { Classifier, fetchClassifier } from "../../../pages/components/network/classifier.js";
import { digitOf } from "../../../pages/components/network/digits.js";
import { casesOf } from "./cases.js";
import "./files.js";

const cases = await casesOf("classifiers");
const { layers, answers, drawings } = cases.classifiers;

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const floats = (text) => new Float32Array(bytes(text).buffer);
const distance = (a, b) => a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0);
const size = (a) => a.reduce((most, v) => Math.max(most, Math.abs(v)), 1);

/** A few numbers of a layer: at its corners, in its middle, and the largest. */
function spots({ values, out: [h, w, c] }) {
  const largest = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
  const places = [0, values.length - 1, Math.floor(values.length / 2), largest];
  return places.map((i) => [Math.floor(i / (w * c)) % h, Math.floor(i / c) % w, i % c]);
}

for (const { name, packed, pixels, values, fields } of layers) {
  test(`all layers of ${name} give what PyTorch's give, with WASM too, and each number is its sum`, async () => {
    const net = new Classifier(bytes(packed).buffer);
    net.classify(bytes(pixels));
    let compared = 0;
    for (const place of net.shown.slice(1)) {
      const layer = net.layers[place];
      let wanted = values[layer.end];
      if (wanted) {
        wanted = floats(wanted);
        if (layer.activation === "relu") wanted = wanted.map((v) => Math.max(v, 0));
        assert.equal(wanted.length, layer.values.length);
        const off = distance(layer.values, wanted) / size(wanted);
        assert.ok(off <= 1e-3, `${layer.end} is off by ${off}`);
        compared++;
      }
      for (const spot of spots(layer)) {
        const { sum, value } = net.origin(place, spot);
        const after = layer.activation === "relu" ? Math.max(sum, 0) : sum;
        const off = Math.abs(after - value) / size([value]);
        assert.ok(off <= 1e-3, `${layer.end} ${spot}: the sum is off by ${off}`);
      }
      const [h, w] = layer.out, [y, x] = [h >> 1, w >> 1];
      const field = net.field(place, [y, x, y + 1, x + 1]);
      const known = fields[layer.path];
      if (known && layer.end && layer.kind !== "add") {
        const sides = [field[2] - field[0], field[3] - field[1]];
        assert.ok(sides.every((side, k) => side <= known[k]), `${layer.path} sees ${sides}`);
        const [, height, width] = net.shape, [top, left, bottom, right] = field;
        const inside = top > 0 && left > 0 && bottom < height && right < width;
        if (inside) assert.deepEqual(sides, known);
      }
    }
    assert.ok(compared >= Math.min(net.shown.length - 1, 4));
    assert.equal(net.layers.at(-1).values.length, net.classes);

    const quick = new Classifier(bytes(packed).buffer);
    await accelerate(quick.layers);
    quick.classify(bytes(pixels));
    net.layers.forEach(({ values: plain, path }, i) => {
      const off = distance(quick.layers[i].values, plain) / size(plain);
      assert.ok(off <= 1e-4, `${path} is off by ${off} in WASM`);
    });
  });
}

for (const { name, packed, pixels, shares } of answers) {
  test(`${name} answers what PyTorch answers`, () => {
    const net = new Classifier(bytes(packed).buffer), all = bytes(pixels), wanted = floats(shares);
    const length = net.picture.values.length, count = all.length / length;
    for (let n = 0; n < count; n++) {
      const found = net.classify(all.subarray(n * length, (n + 1) * length));
      const truth = wanted.subarray(n * net.classes, (n + 1) * net.classes);
      assert.equal(found.indexOf(Math.max(...found)), truth.indexOf(Math.max(...truth)));
      assert.ok(distance(found, truth) <= 1e-3);
    }
  });
}

test("what is drawn becomes the digit that Python makes of it", () => {
  for (const { ink, digit } of drawings) {
    const found = digitOf(bytes(ink), 280, 280, 28);
    assert.equal(distance(found, bytes(digit)), 0);
  }
  assert.equal(digitOf(new Uint8Array(100), 10, 10, 28), null);
});

test("a network that arrives damaged is said to be", async () => {
  const damaged = "data:application/octet-stream;base64,BAAAAHt9";
  await assert.rejects(fetchClassifier(damaged), /The network arrived damaged/);
});
