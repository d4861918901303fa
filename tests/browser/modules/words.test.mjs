// Networks of words answer as PyTorch's do, and learn as the text's loop does.

import { test } from "node:test";
import assert from "node:assert/strict";
import { fromHalf, read } from "../../../pages/components/safetensors.js";
import { Learner, followers, prepare } from "../../../pages/components/words/learner.js";
import {
  Vocabulary, cosines, draw, largest, network, principal, softmax, written,
} from "../../../pages/components/words/predictor.js";
import { casesOf } from "./cases.js";

const { words: cases } = await casesOf("words");
const near = (found, wanted, what, off = 1e-4) =>
  assert.ok(Math.abs(found - wanted) <= off, `${what}: ${found} is not ${wanted}`);

for (const { name, weights, vocabulary, answers } of cases.networks) {
  test(`${name} answers as in PyTorch`, () => {
    const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0));
    const known = new Vocabulary(vocabulary), net = network(read(bytes.buffer), known);
    for (const { typed, words, unknown, best, going } of answers) {
      const prompt = known.read(typed), logits = net.next(prompt.numbers);
      assert.deepEqual([prompt.words, prompt.unknown], [words, unknown], typed);
      if (!best) {
        assert.equal(logits, null);
        continue;
      }
      const shares = softmax(logits);
      for (const [n, share] of best) near(shares[n], share, `${typed} ${vocabulary[n]}`);
      const never = [known.numbers.get("<rare>")], all = [...prompt.numbers];
      for (let n = 0; n < going.length; n++) {
        all.push(draw(net.next(all), { temperature: 1, seed: 3 }, n, never));
      }
      assert.deepEqual(all.slice(prompt.numbers.length), going, typed);
    }
    assert.throws(() => network(read(bytes.buffer), new Vocabulary(["a"])), /different runs/);
  });
}

test("a text is learnt as in PyTorch", () => {
  const { words, first, losses, last } = cases.learnt;
  const learner = new Learner(Int32Array.from(words), 4, 0, first), found = [];
  while (found.length < losses.length) {
    const loss = learner.step();
    if (loss !== null) found.push(loss);
  }
  losses.forEach((loss, i) => near(found[i], loss, `epoch ${i + 1}`, 1e-9));
  for (const [name, { values }] of Object.entries(learner.weights()))
    values.forEach((value, i) => near(value, last[name][i], `${name} ${i}`, 1e-6));
});

test("a text has its bounds", () => {
  assert.throws(() => prepare(""), /Three words/);
  assert.throws(() => prepare("a ".repeat(100_001)), /too long/);
  const { known, stream, joined } = prepare("so gazed on 🦊 so gazed upon 日本語");
  assert.deepEqual([known.slice(0, 2), joined], [["gazed", "so"], 0]);
  assert.deepEqual([...followers(stream, [1, 0])].map(([n, k]) => [known[n], k]), [["on", 1], ["upon", 1]]);
  const many = prepare(Array.from({ length: 4000 }, (_, i) => `w${i}`).join(" "));
  assert.deepEqual([many.known.length, many.known[0], many.joined], [3001, "<rare>", 1000]);
});

test("parts of it", () => {
  assert.deepEqual([...fromHalf([0x3c00, 0xc000, 0x0001, 0x3555])],
    [1, -2, 2 ** -24, Math.fround(0.333251953125)]);
  assert.throws(() => read(new ArrayBuffer(20)), /damaged/);
  assert.deepEqual(largest([3, 9, 1, 9, 5], 3), [1, 3, 4]);
  assert.equal(written(["He", "said", ",", "``", "no", "''", "."]), 'He said, "no".');
  const found = cosines({ embedding: Float32Array.of(1, 0, 0, 2, 3, 3), size: 3, width: 2 }, 0);
  [1, 0, Math.SQRT1_2].forEach((cosine, i) => near(found[i], cosine, `cosine ${i}`, 1e-6));
  const cloud = Array.from({ length: 9 }, (_, i) => [i, (i % 3) * 0.1, 0]);
  const { places, share } = principal(cloud);
  near(share, 1, "share", 1e-9);
  near(Math.abs(places[8][0] - places[0][0]), 8, "length", 0.05);
});
