// Pictures are translated as in PyTorch, and the newest wins; the cases come from
// translator_cases.py.

import { test } from "node:test";
import assert from "node:assert/strict";
import { Latest, openEngine } from "../../../pages/components/translation/engines.js";
import { noisy, psnr, readTranslator } from "../../../pages/components/translation/translator.js";
import { casesOf } from "./cases.js";

const { translators } = await casesOf("translators");
const bytesOf = ({ bytes }) => Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)).buffer;

for (const one of translators) {
  test(`pictures of ${one.shape} go there and back as in PyTorch`, async () => {
    const translator = await readTranslator(bytesOf(one));
    assert.deepEqual(translator.shape, one.shape);
    for (const { pixels, made, psnr: near, lostPsnr, ...how } of one.pictures) {
      const found = translator.roundTrip({ pixels, ...how });
      for (const [name, expected] of Object.entries(made)) {
        const off = expected.reduce((m, v, i) => Math.max(m, Math.abs(v - found[name][i])), 0);
        assert.ok(off <= 1, `${name}: off by ${off} of 255`);
      }
      assert.ok(Math.abs(found.psnr - near) < 0.01 && Math.abs(found.lostPsnr - lostPsnr) < 0.01);
    }
  });
}

test("noise on the translation changes the way back alone, by its seed", async () => {
  const [{ pictures: [{ pixels, direction }], ...one }] = translators;
  const translator = await readTranslator(bytesOf(one));
  const [plain, a, b, other] = [[0, 0], [8, 1], [8, 1], [8, 2]].map(([noise, seed]) =>
    translator.roundTrip({ pixels, direction, noise, seed }));
  assert.equal(plain.lost, undefined);
  assert.deepEqual(a, b);
  assert.deepEqual(a.there, plain.there);
  assert.deepEqual(a.back, plain.back);
  assert.notDeepEqual(a.lost, plain.back);
  assert.notDeepEqual(a.lost, other.lost);
  const off = noisy(new Float32Array(4000), 8, 3).map((v) => v * v).reduce((s, v) => s + v, 0);
  assert.ok(Math.abs(Math.sqrt(off / 4000) - 16 / 255) < 2e-3); // a range of two for 255 steps
});

test("a picture is infinitely near to itself, and cut at white", () => {
  assert.equal(psnr([-1, 1], [-1, 7]), Infinity);
  assert.ok(Math.abs(psnr([0, 0], [2, 2]) - 10 * Math.log10(4)) < 1e-9);
});

test("damaged bytes are refused", async () => {
  const buffer = bytesOf(translators[0]);
  await assert.rejects(readTranslator(buffer.slice(0, 200)));
});

test("of many that are asked at once the first and the newest are translated", async () => {
  const given = [], engine = { translate: async (asked) => ({ asked }) };
  const latest = new Latest(({ asked }) => given.push(asked), assert.fail);
  for (let k = 0; k < 9; k++) latest.ask(engine, k);
  await new Promise((rest) => setTimeout(rest));
  assert.deepEqual(given, [0, 8]);
  latest.ask(engine, 9);
  latest.stop();
  await new Promise((rest) => setTimeout(rest));
  assert.deepEqual(given, [0, 8]);
});

test("a failure is a sentence, and what is asked next is translated", async () => {
  const given = [], failed = [];
  const engine = { translate: async (k) => (k ? k : Promise.reject(new Error("No."))) };
  const latest = new Latest((k) => given.push(k), (sentence) => failed.push(sentence));
  latest.ask(engine, 0);
  latest.ask(engine, 1);
  await new Promise((rest) => setTimeout(rest));
  assert.deepEqual([given, failed], [[1], ["No."]]);
});

test("without a worker this thread translates", async () => {
  const [one] = translators, [{ pixels, direction }] = one.pictures;
  const { Worker } = globalThis;
  delete globalThis.Worker;
  try {
    const engine = await openEngine({ weights: `data:application/octet-stream;base64,${one.bytes}` });
    const found = await engine.translate({ pixels, direction });
    assert.equal(found.there.length, pixels.length);
  } finally {
    if (Worker) globalThis.Worker = Worker;
  }
});
