// Node fetches files, as the page's browser does: the kernels in WASM are one.

if (process.versions) {
  const { readFile } = await import("node:fs/promises");
  const elsewhere = globalThis.fetch;
  globalThis.fetch = async (url) =>
    (url.protocol === "file:" ? new Response(await readFile(url)) : elsewhere(url));
}
