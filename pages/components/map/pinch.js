// Two fingers: nearer and farther. Plotly knows one finger only, and must not see the second.

const AFTER = 300; // milliseconds in which the lifting of the fingers is no tap

export class Pinch {
  constructor(hand) {
    this.hand = hand;
    const stage = hand.map.find(".plot"), options = { capture: true, passive: false };
    for (const name of ["touchstart", "touchmove", "touchend", "touchcancel"]) {
      stage.addEventListener(name, (event) => this.touch(event), options);
    }
  }

  /** Whether one goes on, or has only just ended. */
  over() {
    return this.active || performance.now() - (this.ended ?? -AFTER) < AFTER;
  }

  touch(event) {
    const { touches, type } = event;
    if (touches.length === 2 && this.hand.plot) this.active = true;
    if (!this.active) return;
    if (type === "touchstart" || type === "touchmove") {
      event.stopPropagation();
      event.preventDefault();
    }
    if (touches.length !== 2) this.start = null;
    else this.zoom(this.measured(touches));
    if (touches.length) return;
    this.active = false;
    this.ended = performance.now();
    // Plotly ends the move that the first finger had begun; what the two have done stands.
    setTimeout(() => window.Plotly.relayout(this.hand.plot, this.last));
  }

  /** How far apart the fingers are, where their middle is, and what was in view. */
  measured([one, two]) {
    const { hand } = this, { map } = hand;
    const [[x, y], [x2, y2]] = [hand.local(one), hand.local(two)];
    const apart = Math.max(Math.hypot(x2 - x, y2 - y), 1), middle = [(x + x2) / 2, (y + y2) / 2];
    if (map.axes.length === 3) return { apart, middle, eye: map.eye };
    return { apart, middle, at: hand.place(middle), ranges: hand.current() };
  }

  zoom(now) {
    this.start ??= now;
    const { start } = this, { middle } = now, factor = start.apart / now.apart;
    if (start.eye) {
      const eye = Object.fromEntries(Object.entries(start.eye).map(([k, v]) => [k, v * factor]));
      const up = { x: 0, y: 0, z: 1 }, center = { x: 0, y: 0, z: 0 };
      this.last = { "scene.camera": { eye, up, center } };
    } else {
      const { clientWidth, clientHeight } = this.hand.map.stage;
      const shares = [middle[0] / clientWidth, 1 - middle[1] / clientHeight];
      const [xs, ys] = start.ranges.map(([low, high], d) => {
        const from = start.at[d] - shares[d] * (high - low) * factor;
        return [from, from + (high - low) * factor];
      });
      this.last = { "xaxis.range": xs, "yaxis.range": ys };
    }
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.active) window.Plotly.relayout(this.hand.plot, this.last);
    });
  }
}
