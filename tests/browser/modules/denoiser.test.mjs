// A network takes noise away as PyTorch does; the cases come from denoiser_cases.py.

import { test } from "node:test";
import assert from "node:assert/strict";
import { loadDenoiser, readDenoiser } from "../../../pages/components/diffusion/denoiser.js";
import { path } from "../../../pages/components/diffusion/drawing.js";
import { Pool } from "../../../pages/components/diffusion/pool.js";
import { first, firstNoise, step, times } from "../../../pages/components/diffusion/sampling.js";
import { casesOf } from "./cases.js";

const { denoisers } = await casesOf("denoisers");
const usual = { seed: 0, index: 0, label: -1, steps: 4, order: 1, eta: 0, guidance: 0, from: 1 };
const flow = denoisers.find(({ process: name }) => name === "velocity");

function near(found, expected, off, what) {
  assert.equal(found.length, expected.length);
  const most = found.reduce((m, v, i) => Math.max(m, Math.abs(v - expected[i])), 0);
  assert.ok(most <= off, `${what}: off by ${most}`); // NaN is no number that is small
}

for (const one of denoisers) {
  test(`${one.process} looks as in PyTorch`, async () => {
    const denoiser = await loadDenoiser(one.url);
    assert.deepEqual(denoiser.shape, one.shape);
    for (const { t, label, guidance, x, image, noise } of one.looks) {
      const guess = denoiser.look(Float32Array.from(x), t, label, guidance);
      near(guess.image, image, 1e-3, `image at ${t}`);
      near(guess.noise, noise, 1e-3, `noise at ${t}`);
    }
  });

  test(`${one.process} draws as in PyTorch`, async () => {
    const denoiser = await loadDenoiser(one.url);
    const noise = firstNoise(one.shape, one.seed, one.index);
    near(noise, one.noise, 1e-6, "noise");
    for (const { steps, order, guidance, label, drawn } of one.drawings) {
      const when = times(steps);
      let x = first(one.process, noise);
      for (let i = 0; i < steps; i++) {
        ({ x } = step(denoiser, x, when[i], when[i + 1], { label, guidance, order }));
      }
      near(x, drawn, 4 / 255, `${steps} steps`); // greys from -1 to 1
    }
  });
}

test("what is known stands at the end as it is, and the rest is drawn", async () => {
  for (const { url, shape: [C, H, W] } of denoisers) {
    const image = new Float32Array(H * W * C).fill(0.25);
    const mask = Float32Array.from({ length: H * W }, (_, i) => (i < 20 ? 1 : 0));
    const steps = [...path(await loadDenoiser(url), { ...usual, known: { image, mask } })];
    assert.deepEqual(steps.map((one) => one.step), [1, 2, 3, 4]);
    steps.at(-1).x.forEach((v, i) => assert.ok(i >= 20 * C || v === 0.25));
    assert.ok(steps.at(-1).x.slice(20 * C).every((v) => v !== 0.25));
  }
});

test("from a picture with hardly any noise that picture is drawn", async () => {
  const denoiser = await loadDenoiser(flow.url), [C, H, W] = flow.shape;
  const start = Float32Array.from({ length: H * W * C }, (_, i) => Math.sin(i));
  const far = [0.01, 0.5].map((from) => {
    const { x } = [...path(denoiser, { ...usual, start, from })].at(-1);
    return x.reduce((sum, v, i) => sum + Math.abs(v - start[i]), 0) / x.length;
  });
  assert.ok(far[0] < 0.1 && far[0] < far[1], far.join(" and "));
});

test("noise that is drawn anew makes another picture, the same each time", async () => {
  const denoiser = await loadDenoiser(flow.url);
  const [plain, one, two] = [0, 1, 1].map((eta) => [...path(denoiser, { ...usual, eta })].at(-1).x);
  assert.deepEqual(one, two);
  assert.notDeepEqual(plain, one);
});

test("a pool draws the last first, stops what is cancelled and goes on", async () => {
  const pool = new Pool(flow.url, 1), order = [];
  const job = (index) => pool.draw({ ...usual, index }, (at, x) => order.push([index, at, x]));
  const [first, second, third] = [job(1), job(2), job(3)];
  second.cancel();
  assert.deepEqual(await pool.ready.then(({ process: name }) => name), "velocity");
  assert.deepEqual(await Promise.all([second.done, third.done]), [false, true]);
  const stop = (at) => at === 2 && running.cancel();
  const running = pool.draw({ ...usual, index: 4, steps: 1000 }, stop);
  assert.equal(await running.done, false);
  assert.deepEqual(await Promise.all([job(5).done, first.done]), [true, true]);
  const drawn = order.map(([index]) => index);
  assert.deepEqual([...new Set(drawn)], [3, 5, 1]);
  const denoiser = await loadDenoiser(flow.url);
  assert.deepEqual(order.at(-1)[2], [...path(denoiser, { ...usual, index: 1 })].at(-1).x);
  pool.close();
});

test("what is drawn together takes its steps in turn", async () => {
  const pool = new Pool(flow.url, 1), order = [];
  const told = (index) => (at) => order.push([index, at]);
  const both = [0, 1].map((index) => [{ ...usual, index, steps: 3 }, told(index)]);
  const jobs = pool.drawAll(both);
  assert.deepEqual(await Promise.all(jobs.map((job) => job.done)), [true, true]);
  assert.deepEqual(order, [1, 2, 3].flatMap((at) => [[0, at], [1, at]]));
  pool.close();
});

test("what is broken is said, and others are drawn on", async () => {
  const pool = new Pool(flow.url, 1);
  const [C, H, W] = flow.shape, start = new Float32Array(H * W * C).fill(NaN);
  await assert.rejects(pool.draw({ ...usual, start, from: 0.5 }).done, /no number/);
  await assert.rejects(pool.draw({ ...usual, steps: 0 }).done, /from 1 to 1000/);
  await assert.rejects(pool.draw({ ...usual, steps: 10_000 }).done, /from 1 to 1000/);
  assert.equal(await pool.draw(usual).done, true);
  pool.close();
  const bytes = await (await fetch(flow.url)).arrayBuffer(), begin = flow.url.indexOf(",") + 1;
  await assert.rejects(readDenoiser(bytes.slice(0, -4)));
  for (const cut of [4, 400, flow.url.length - begin - 8]) {
    const damaged = flow.url.slice(0, begin + cut);
    await assert.rejects(loadDenoiser(damaged), /damaged/);
    await assert.rejects(new Pool(damaged, 1).draw(usual).done, /damaged/);
  }
  await assert.rejects(new Pool("http://localhost:9/x", 1).draw(usual).done, /cannot be reached/);
});
