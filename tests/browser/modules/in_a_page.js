// Stands for `node:test` and `node:assert/strict` where the tests run in a browser's page.

const tests = [];
export const test = (name, body) => tests.push({ name, body });

/** What has failed, each with its name; null when all is well. */
export async function failures() {
  const failed = [];
  for (const { name, body } of tests) {
    await Promise.resolve().then(body).catch((error) => failed.push(`${name}: ${error.message}`));
  }
  if (!tests.length) failed.push("there are no tests");
  return failed;
}

function ok(value, message = "it is not so") {
  if (!value) throw new Error(message);
}

function fails(error, pattern) {
  ok(error, "nothing was thrown");
  if (pattern) ok(pattern.test(error.message), `${error.message} is not ${pattern}`);
}

const text = (value) => JSON.stringify(value);
export default {
  ok,
  equal: (a, b) => ok(Object.is(a, b), `${a} is not ${b}`),
  deepEqual: (a, b) => ok(text(a) === text(b), `${text(a)} is not ${text(b)}`),
  throws(body, pattern) {
    let thrown = null;
    try {
      body();
    } catch (error) {
      thrown = error;
    }
    fails(thrown, pattern);
  },
  rejects: (promise, pattern) =>
    promise.then(() => null, (error) => error).then((error) => fails(error, pattern)),
};
