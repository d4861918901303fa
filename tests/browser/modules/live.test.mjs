// What the live instrument says of a code, and how one is typed in.

import { test } from "node:test";
import assert from "node:assert/strict";
import { parseCode } from "../../../pages/components/live/live.js";
import {
  chiSquared, nearer, shareText, stateOf,
} from "../../../pages/components/live/plausibility.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("chiSquared", "spreads");

test("the share of χ² below is SciPy's", () => {
  for (const { squared, degrees, share } of cases.chiSquared) {
    const off = Math.abs(chiSquared(squared, degrees) - share);
    assert.ok(off < 1e-6, `${squared} with ${degrees}: off by ${off}`);
  }
});

for (const { name, spread, codes } of cases.spreads) {
  test(`codes of ${name} are judged as Python judges them`, () => {
    for (const { code, mean, state, text } of codes) {
      const share = nearer(code, spread);
      assert.equal(stateOf(share, spread, mean), state);
      assert.equal(shareText(share), text);
    }
  });
}

test("a share is neither none nor all where it is not so", () => {
  assert.equal(shareText(0.004), "fewer than 1%");
  assert.equal(shareText(0.5), "50%");
  assert.equal(shareText(0.999), "over 99%");
});

test("a code is typed in with commas, semicolons or spaces", () => {
  assert.deepEqual(parseCode("0.5 -1.25; 2", 3, 100), [0.5, -1.25, 2]);
  assert.deepEqual(parseCode("1e1, .5", 2, 100), [10, 0.5]);
});

test("what is no code is refused with a sentence", () => {
  const refused = (text, sentence) => assert.throws(() => parseCode(text, 3, 100), sentence);
  refused("1, 2", /codes have 3 numbers; this one has 2\./);
  refused("", /this one has 0\./);
  refused("1, 2, NaN", /A code is a row of numbers/);
  refused("one, two, three", /A code is a row of numbers/);
  refused("1, 2, 0x1f", /A code is a row of numbers/);
  refused("1, 2, 1e9", /lies between -100 and 100\./);
});
