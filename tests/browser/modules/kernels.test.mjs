// The kernels in WASM say what those in JavaScript say, and networks on them what PyTorch says.

import { test } from "node:test";
import assert from "node:assert/strict";
import { fetchDecoder } from "../../../pages/components/live/decoder.js";
import { readDenoiser } from "../../../pages/components/diffusion/denoiser.js";
import { Layout, Plain, blocked, fast, intoBlocks } from "../../../pages/components/kernels.js";
import { casesOf } from "./cases.js";
import "./files.js";

const cases = await casesOf("decoders", "denoisers");

function near(found, expected, off, what) {
  assert.equal(found.length, expected.length);
  const most = found.reduce((m, v, i) => Math.max(m, Math.abs(v - expected[i])), 0);
  assert.ok(most <= off, `${what}: off by ${most}`);
}

const numbers = (length, seed) => Float32Array.from({ length }, (_, i) => Math.sin(seed + i * i));

/** Both kernels on memories that begin with the same numbers, after the same was done. */
async function both(size, fill, compute) {
  const found = [new Plain(size), await fast(size)];
  assert.ok(found[1], "no WASM");
  return found.map((kernels) => {
    fill(kernels.heap);
    compute(kernels);
    return kernels.heap;
  });
}

for (const [height, width, channels, outs, side, stride] of [
  [5, 6, 3, 8, 3, 1], [4, 4, 4, 1, 3, 2], [1, 1, 20, 13, 1, 1], [1, 3, 5, 32, 2, 1],
  [7, 7, 8, 20, 1, 1],
]) {
  test(`a convolution of ${[height, width, channels]} to ${outs} by ${side}`, async () => {
    const layout = new Layout(), rows = side * side * channels;
    const [h, w] = [height, width].map((n) => stride * (n - 1) + side);
    const [x, weights, bias, add, y] =
      [h * w * channels, blocked(rows, outs), outs, ...Array(2).fill(height * width * (outs + 2))]
        .map((count) => layout.take(count));
    const sums = [height, width, outs, outs + 2, width * (outs + 2), stride * channels,
      stride * w * channels, side, w * channels, side * channels];
    const [plain, wasm] = await both(layout.size, (heap) => {
      heap.set(numbers(h * w * channels, 1), x);
      intoBlocks(numbers(rows * outs, 2), rows, outs, heap, weights);
      heap.set(numbers(outs, 3), bias);
      heap.set(numbers(height * width * (outs + 2), 4), add);
    }, (kernels) => kernels.conv(x, weights, bias, outs % 8 ? 0 : add, y, ...sums));
    assert.ok(plain[y] !== 0);
    near(wasm, plain, 1e-5, "y");
  });
}

for (const film of [false, true]) {
  test(`a norm ${film ? "with" : "without"} scale and shift`, async () => {
    const layout = new Layout(), [height, width, channels] = [3, 5, 16];
    const [x, gamma, beta, more, y] = [height * width * channels, channels, channels, 2 * channels,
      (height + 2) * (width + 2) * channels].map((count) => layout.take(count));
    const [plain, wasm] = await both(layout.size, (heap) => {
      const inside = height * width * channels;
      heap.set(numbers(y - x, 1).map((v, i) => (i < inside ? 30 * v + 9 : v)), x);
    }, (k) => k.norm(x, gamma, beta, film ? more : 0, y, height, width, channels, 8, 1));
    assert.ok(plain.slice(y, y + 7 * channels).every((v) => v === 0)); // its border
    near(wasm, plain, 1e-5, "y");
  });
}

test("what is no number stays so", async () => {
  const [plain, wasm] = await both(64, (heap) => heap.fill(NaN, 4, 20), (k) =>
    k.norm(4, 20, 28, 0, 36, 1, 2, 8, 8, 0));
  for (const heap of [plain, wasm]) assert.ok(heap.slice(36, 52).every(Number.isNaN));
});

for (const one of cases.denoisers) {
  test(`${one.process} looks as in PyTorch`, async () => {
    const denoiser = await readDenoiser(await (await fetch(one.url)).arrayBuffer());
    assert.ok(!(denoiser.kernels instanceof Plain));
    for (const { t, label, guidance, x, image, noise } of one.looks) {
      const guess = denoiser.look(Float32Array.from(x), t, label, guidance);
      near(guess.image, image, 1e-3, `image at ${t}`);
      near(guess.noise, noise, 1e-3, `noise at ${t}`);
    }
  });
}

for (const { name, url, pictures } of cases.decoders) {
  test(`${name} draws what PyTorch draws`, async () => {
    const decoder = await fetchDecoder(url);
    assert.ok(decoder.layers.some(({ run }) => run));
    for (const { code, label, pixels } of pictures) {
      near(decoder.decode(code, label ?? 0), pixels, 2, "a grey");
    }
  });
}
