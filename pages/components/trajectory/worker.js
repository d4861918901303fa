// Trajectories off the page's thread: one answer to each message, in order.

import { Session } from "./session.js";

const session = new Session();
globalThis.onmessage = ({ data }) => globalThis.postMessage(session.handle(data));
