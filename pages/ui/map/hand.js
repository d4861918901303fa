// What the hand does on the map: pointing, clicking, lassos, tools, keys. Plotly finds the points.

const NEAR = 8; // pixels around a point that are the point's
const STEP = 0.1; // of the view, for a press of an arrow key
const TAP = 400; // milliseconds in which Plotly finds the point of a tap
const TURN = Math.PI / 18;

class Hand {
  constructor(map) {
    this.map = map;
    this.controller = new AbortController();
    this.pinch = new Pinch(this);
    this.tools();
    this.hold();
    const plot = map.find(".plot");
    plot.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["pointermove", "pointerdown"]) {
      plot.addEventListener(name, (event) => this.over(event), { capture: true });
    }
    plot.addEventListener("pointerleave", () => map.card.hide());
  }

  close() {
    this.controller.abort();
    cancelAnimationFrame(this.frame);
  }

  /** Listen to Plotly. */
  attach(plot) {
    if (this.plot === plot) return;
    this.plot = plot;
    plot.on("plotly_hover", ({ points: [point] }) => this.point(point));
    plot.on("plotly_unhover", () => this.point());
    plot.on("plotly_click", (event) => this.click(event));
    plot.on("plotly_selected", (event) => event && this.selected(event));
    plot.on("plotly_relayout", (changes) => this.moved(changes));
    plot.on("plotly_relayouting", () => {
      this.map.card.hide();
      this.map.marks.follow();
    });
    plot.on("plotly_webglcontextlost", () => {
      this.map.fail("The browser took the map's graphics away. Reload the page.");
    });
  }

  /** Nothing is drawn anew under a hand that holds the map. */
  hold() {
    const { map } = this, { signal } = this.controller;
    const down = (event) => {
      map.held = true;
      this.pressed = event;
      if (event.pointerType !== "mouse") this.pointed = undefined; // a finger does not hover
    };
    const up = (event) => {
      if (!map.held) return;
      map.held = false;
      if (map.stale) map.redraw();
      if (map.axes.length === 3 && event.type === "pointerup") this.tap(event);
    };
    map.find(".plot").addEventListener("pointerdown", down, { capture: true });
    for (const name of ["pointerup", "pointercancel", "blur"]) {
      window.addEventListener(name, up, { signal });
    }
  }

  // ---- pointing

  /** Plotly found another point under the pointer, or none. */
  point(found) {
    const { map } = this;
    if (!found) {
      this.pointed = undefined;
      map.card.forget();
      return;
    }
    this.pointed = map.members[found.pointNumber];
    if (map.held) return;
    map.present(this.pointed, this.local(this.pointer));
    if (this.tapped && performance.now() - this.tapped < TAP) this.choose();
  }

  /** In 2-D Plotly says what was clicked, or that it was no point. */
  click({ points: [found], xvals, yvals }) {
    const { map } = this;
    if (map.axes.length === 3) this.point(found);
    else if (map.replay.place === null && !map.replay.playing) {
      if (this.pinch.over()) return; // or the lifting of its last finger
      map.held = false; // the click may come before the pointer is known to be up
      this.point(found);
      if (map.decoder) this.decode(this.local(this.pointer)); // a finger has not moved here
      if (found) this.choose();
      else if (map.decoder && xvals?.length) map.talk.put([xvals[0], yvals[0]]);
    }
  }

  /** In 3-D it calls every press a click, also that which begins to turn the map, and finds the
   * point some frames later: a tap is a press that has not moved. */
  tap({ clientX, clientY }) {
    if (Math.hypot(clientX - this.pressed.clientX, clientY - this.pressed.clientY) > NEAR) return;
    if (this.pinch.over()) return;
    if (this.pointed === undefined) this.tapped = performance.now();
    else this.choose();
  }

  choose() {
    const { map } = this;
    this.tapped = null;
    if (this.pointed !== undefined) map.click(map.ids[this.pointed]);
  }

  /** The card follows the pointer, and shows what is under it. */
  over(event) {
    const { map } = this;
    this.pointer = event;
    if (map.held) return;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      const at = this.local(this.pointer);
      if (map.decoder && this.plot && map.replay.place === null) this.decode(at);
      if (!map.card.element.hidden) map.card.move(...at);
    });
  }

  decode(at) {
    const { map } = this, place = this.place(at);
    const only = map.shown?.size === 1 ? Math.max(0, [...map.shown][0]) : 0;
    map.root.labPixels = map.card.decode(map.decoder, place, only);
    map.root.labPlace = place;
  }

  // ---- selecting and moving

  selected({ lassoPoints, range }) {
    const { map } = this;
    let polygon = null;
    if (lassoPoints) {
      const { x, y } = lassoPoints, [[low, high]] = this.current();
      polygon = x.map((v, k) => [v, y[k]]);
      if (polygon.length > 2) polygon = simplified(polygon, high - low);
    } else if (range) {
      const [x0, x1] = range.x, [y0, y1] = range.y;
      polygon = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    }
    if (polygon?.length > 2) polygon = polygon.map((corner) => corner.map(rounded));
    else polygon = map.lasso; // a slip of the hand
    map.select(polygon);
  }

  /** The visitor moved the map; what we draw ourselves says nothing of the kind. */
  moved(changes) {
    const { map } = this;
    if (map.replay.place !== null) return;
    const camera = changes["scene.camera"];
    map.marks.follow();
    const other = (k) => Math.abs(camera.eye[k] - map.eye[k]) > 1e-6;
    const ranged = (k) => /^[xy]axis\.range/.test(k);
    if (camera && ["x", "y", "z"].some(other)) map.turnTo(camera.eye);
    else if (Object.keys(changes).some(ranged)) map.moveTo(this.current());
    else return;
    map.talk.release(REST);
  }

  tools() {
    const { map } = this;
    for (const button of map.root.querySelectorAll(".tools button")) {
      button.ariaLabel = button.title;
      button.addEventListener("click", () => {
        const { tool, act } = button.dataset;
        if (tool) map.tool = tool;
        else map[act]();
        map.redraw();
      });
    }
  }

  mark() {
    const { map } = this;
    for (const button of map.root.querySelectorAll(".tools button")) {
      const { tool, act } = button.dataset;
      if (tool) button.ariaPressed = String(tool === map.tool);
      if (act === "clear") button.disabled = !map.lasso && map.clicked === null;
      if (act === "reset") button.disabled = !map.view;
    }
  }

  key(event) {
    const { map } = this;
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const zooms = { "+": 0.8, "=": 0.8, "-": 1.25 };
    const way = ways[event.key], zoom = zooms[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || map.replay.place !== null) return;
    if (event.key === "0" || event.key === "Home") map.reset();
    else if (event.key === "Escape") map.clear();
    else if (!way && !zoom) return;
    else if (map.axes.length === 3) map.turnTo(this.turned(way, zoom));
    else map.moveTo(this.shifted(way, zoom));
    event.preventDefault();
    map.redraw();
    map.talk.release(REST);
  }

  shifted(way = [0, 0], zoom = 1) {
    return this.current().map(([low, high], d) => {
      const middle = (low + high) / 2 + way[d] * STEP * (high - low);
      return [middle - (zoom * (high - low)) / 2, middle + (zoom * (high - low)) / 2];
    });
  }

  turned(way = [0, 0], zoom = 1) {
    const { x, y, z } = this.map.eye;
    const radius = zoom * Math.hypot(x, y, z);
    const around = Math.atan2(y, x) + way[0] * TURN;
    const up = clamp(Math.asin(clamp((zoom * z) / radius, -1, 1)) + way[1] * TURN, -1.5, 1.5);
    return {
      x: radius * Math.cos(up) * Math.cos(around),
      y: radius * Math.cos(up) * Math.sin(around),
      z: radius * Math.sin(up),
    };
  }

  // ---- places

  /** Where on the stage an event is. */
  local({ clientX, clientY }) {
    const box = this.map.find(".plot").getBoundingClientRect(); // within the stage's border
    return [clientX - box.left, clientY - box.top];
  }

  /** What is in view now, which Plotly fits to the shape of the stage. */
  current() {
    const { xaxis, yaxis } = this.plot?._fullLayout ?? {};
    return xaxis && yaxis ? [xaxis.range.slice(), yaxis.range.slice()] : this.map.ranges;
  }

  /** The coordinates of a place of the stage, in 2-D. */
  place([left, top]) {
    const { xaxis, yaxis } = this.plot._fullLayout;
    return [xaxis.p2l(left - xaxis._offset), yaxis.p2l(top - yaxis._offset)];
  }

  /** The place of the stage where coordinates are drawn. */
  pixel(point) {
    const { xaxis, yaxis, scene } = this.plot._fullLayout;
    if (point.length === 2) {
      const share = (axis, v) => (v - axis.range[0]) / (axis.range[1] - axis.range[0]);
      return [
        xaxis._offset + share(xaxis, point[0]) * xaxis._length,
        yaxis._offset + (1 - share(yaxis, point[1])) * yaxis._length,
      ];
    }
    const { glplot, dataScale } = scene._scene, { model, view, projection } = glplot.cameraParams;
    let v = [...point.map((p, d) => p * dataScale[d]), 1];
    for (const m of [model, view, projection]) {
      const row = (r) => m[r] * v[0] + m[r + 4] * v[1] + m[r + 8] * v[2] + m[r + 12] * v[3];
      v = [0, 1, 2, 3].map(row);
    }
    const { clientWidth, clientHeight } = this.map.stage;
    return [((1 + v[0] / v[3]) / 2) * clientWidth, ((1 - v[1] / v[3]) / 2) * clientHeight];
  }
}
