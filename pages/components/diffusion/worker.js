// Pictures off the page's thread.

import { Drawing } from "./drawing.js";

const drawing = new Drawing((message, moved) => globalThis.postMessage(message, moved));
globalThis.onmessage = ({ data }) => drawing.handle(data);
