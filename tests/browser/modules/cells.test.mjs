// Shapes, strides and offsets are PyTorch's.

import { test } from "node:test";
import assert from "node:assert/strict";
import {
  apply, broadcast, fresh, isContiguous, numbers, options, readShape, size,
} from "../../../pages/components/cells/shapes.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("broadcasts", "views");

test("shapes are broadcast, or refused, as PyTorch does", () => {
  for (const { a, b, shape, error } of cases.broadcasts) {
    const found = broadcast(a, b);
    assert.deepEqual(found.shape, shape, `${a} and ${b}`);
    assert.equal(Boolean(found.error), Boolean(error));
    if (error) assert.equal(found.error, error);
  }
});

test("views and copies lie in memory as PyTorch's do", () => {
  for (const { base, chain, view } of cases.views) {
    const first = fresh(Array.from({ length: size(base) }, (_, i) => i), base);
    const found = chain.reduce((made, name) => made && apply(made, name), first);
    const what = `x of ${base}, ${chain.join("")}`;
    if (!view) {
      assert.equal(found, null, what);
      continue;
    }
    assert.deepEqual(numbers(found), view.values, what);
    const { shape, strides, offset } = found;
    assert.deepEqual(
      { shape, strides, offset, copied: found.memory !== first.memory,
        contiguous: isContiguous(found) },
      { shape: view.shape, strides: view.strides, offset: view.offset, copied: view.copied,
        contiguous: view.contiguous }, what);
  }
});

test("what is offered can be done", () => {
  const view = fresh([0, 1, 2, 3, 4, 5], [2, 3]);
  assert.ok(options(view).includes(".reshape(3, 2)"));
  assert.ok(options(view).every((name) => apply(view, name)));
  assert.ok(!options(fresh([0], [1])).includes("[1:]")); // nothing would be left
});

test("a shape is read, or a sentence says why not", () => {
  assert.deepEqual(["3, 1", "(4,)", "", "2x3"].map((text) => readShape(text)),
    [[3, 1], [4], [], [2, 3]]);
  assert.throws(() => readShape("two"), /whole numbers/);
  assert.throws(() => readShape("1,1,1,1"), /Three dimensions/);
  assert.throws(() => readShape("99"), /from 1 to 6/);
});
