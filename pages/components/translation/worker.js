// Pictures are translated off the page's thread, as engines.js asks.

import { readTranslator } from "./translator.js";

let translator = null;

globalThis.onmessage = async ({ data: { network, id, asked } }) => {
  try {
    if (network) {
      translator = await readTranslator(network);
      globalThis.postMessage({ ready: translator.shape });
    } else globalThis.postMessage({ id, found: translator.roundTrip(asked) });
  } catch ({ message }) {
    globalThis.postMessage({ id, error: message });
  }
};
