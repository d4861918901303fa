// Every module can be imported: what one imports, another exports.

import { test } from "node:test";
import assert from "node:assert/strict";
import { casesOf } from "./cases.js";

const cases = await casesOf("modules");

for (const path of cases.modules) {
  test(`${path} is linked`, async () => {
    assert.ok(await import(`../../../pages/components/${path}`));
  });
}
