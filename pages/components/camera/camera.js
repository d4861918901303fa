// The camera: one frame at a time to a classifier, or those recorded while a button is held.

import { component, make } from "../common.js";

const QUALITY = 0.85;
const RECORD_EVERY = 200; // milliseconds between two frames that are recorded
const PATIENCE = 1000; // milliseconds until the next try where the server has no room
const SENTENCES = {
  NotAllowedError:
    "The browser was not allowed to use the camera. Allow it beside the address, and start again.",
  NotFoundError: "There is no camera on this device. Connect one, or bring pictures as files.",
  NotReadableError: "Another program uses the camera. Close that, and start again.",
};
const ABSENT = "This browser offers no camera here: it does so on https and on localhost only.";
const GONE = "The server knows this camera no more. Reload the page.";
const LOST = "The server cannot be reached. Start again in a moment.";

class Camera {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(name);
    this.video = this.find("video");
    this.find(".switch").addEventListener("click", () => (this.stream ? this.stop() : this.start()));
    const button = this.find(".record");
    button.addEventListener("pointerdown", (event) => event.button || this.record());
    for (const name of ["pointerup", "pointerleave", "pointercancel", "blur"])
      button.addEventListener(name, () => this.release());
    button.addEventListener("keydown", ({ key, repeat }) => [" ", "Enter"].includes(key) && !repeat && this.record());
    button.addEventListener("keyup", () => this.release());
  }

  /** What Python says, at first and after each run. */
  update({ data, setTriggerValue }) {
    this.data = data;
    this.tell = setTriggerValue;
  }

  async start() {
    this.say("");
    if (!navigator.mediaDevices) return this.say(ABSENT);
    const video = { facingMode: "environment", width: { ideal: 640 } };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch ({ name, message }) {
      return this.say(SENTENCES[name] ?? `The camera could not be started: ${message}`);
    }
    this.stream = this.video.srcObject = stream;
    for (const track of stream.getTracks()) track.onended = () => this.stop();
    await this.video.play().catch(() => {});
    if (this.stream !== stream) return;
    this.root.dataset.state = "on";
    this.find(".switch").textContent = "Stop";
    this.find(".record").hidden = !this.data.most;
    if (this.data.answers) this.follow(stream);
  }

  stop() {
    this.release();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = this.video.srcObject = null;
    this.root.dataset.state = "off";
    this.find(".switch").textContent = "Start the camera";
    this.find(".record").hidden = true;
    for (const name of [".best", ".verdict", ".rate"]) this.find(name).hidden = true;
    this.find(".answers").replaceChildren();
  }

  say(sentence) {
    this.find(".said").textContent = sentence;
  }

  /** The middle of what the camera sees, as a JPEG. */
  frame() {
    const { videoWidth: width, videoHeight: height } = this.video, { side } = this.data;
    const least = Math.min(width, height);
    this.canvas ??= make("canvas", {});
    Object.assign(this.canvas, { width: side, height: side });
    const left = (width - least) / 2, top = (height - least) / 2;
    this.canvas.getContext("2d").drawImage(this.video, left, top, least, least, 0, 0, side, side);
    return new Promise((done) => this.canvas.toBlob(done, "image/jpeg", QUALITY));
  }

  // ---- answers

  /** Ask again and again while this stream runs. */
  async follow(stream) {
    while (this.stream === stream) {
      const begin = performance.now();
      if (document.hidden || !this.video.videoWidth) {
        await rest(RECORD_EVERY);
        continue;
      }
      const body = await this.frame();
      const address = new URL(this.data.answers, location.origin);
      const answer = await fetch(address, { method: "POST", body }).catch(() => null);
      if (this.stream !== stream) return;
      if (answer?.status === 503) {
        await rest(PATIENCE);
        continue;
      }
      const said = answer?.ok ? await answer.json().catch(() => null) : null;
      if (this.stream !== stream) return;
      if (!said) {
        this.stop();
        return this.say(answer?.status === 404 ? GONE : LOST);
      }
      this.show(said);
      await rest(said.milliseconds); // many cameras leave the server free half of the time
      this.pace(performance.now() - begin);
    }
  }

  show({ classes, unlike }) {
    const best = this.find(".best"), verdict = this.find(".verdict");
    best.textContent = classes[0][0];
    verdict.textContent = "unlike the training images";
    best.hidden = false;
    verdict.hidden = !unlike;
    this.find(".answers").replaceChildren(
      ...classes.map(([name, share]) => {
        const bar = make("i", {});
        bar.style.width = `${100 * share}%`;
        const text = make("span", {}, name, make("b", { textContent: `${Math.round(100 * share)}%` }));
        return make("div", { className: "answer" }, text, make("div", { className: "bar" }, bar));
      }),
    );
  }

  /** How many answers come in a second, smoothed. */
  pace(milliseconds) {
    this.each = this.each ? 0.8 * this.each + 0.2 * milliseconds : milliseconds;
    const rate = this.find(".rate");
    rate.hidden = false;
    rate.textContent = `${(1000 / this.each).toFixed(1)} answers a second`;
  }

  // ---- recording

  /** Keep frames until the button is released; a tap keeps one. */
  async record() {
    if (this.recording || !this.stream) return;
    const button = this.find(".record"), frames = [];
    const mine = (this.recording = {});
    button.classList.add("held");
    do {
      frames.push(await this.frame());
      button.textContent = `${frames.length} recorded`;
      await rest(RECORD_EVERY);
    } while (this.recording === mine && frames.length < this.data.most);
    this.release();
    button.textContent = "Hold to record";
    const encoded = await Promise.all(frames.filter(Boolean).map(base64));
    if (encoded.length) this.tell("recorded", encoded);
  }

  release() {
    this.recording = null;
    this.find(".record").classList.remove("held");
  }

  close() {
    this.stop();
  }
}

const rest = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

export default component(".lab-camera", Camera);
