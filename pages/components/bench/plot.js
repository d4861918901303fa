// A plane on a canvas: axes with ticks, lines and dots, in the page's colours.

const TICKS = 5;
const PAD = { left: 52, right: 10, top: 10, bottom: 34 };

/** Round numbers between two, about `TICKS` of them. */
export function ticks(low, high) {
  const raw = (high - low) / TICKS;
  if (!(raw > 0) || !Number.isFinite(raw)) return [];
  const power = 10 ** Math.floor(Math.log10(raw));
  const size = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const found = [];
  for (let k = Math.ceil(low / size); k * size <= high + size * 1e-9; k++) found.push(k * size);
  return found;
}

/** A number in few characters. */
export function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2).replace(/\.?0*e\+?/, "e");
  return String(Number(value.toPrecision(3)));
}

/** The two colours of text and lines of the page, which change between light and dark. */
export function inks(element) {
  const style = getComputedStyle(element);
  const of = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: of("--st-text-color", "#222"), ground: of("--st-background-color", "#fff"),
    line: of("--st-border-color", "#ccc"), accent: of("--st-primary-color", "#e33"),
  };
}

export class Plot {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.range = { x: [0, 1], y: [0, 1] };
  }

  /** Begins a drawing: as large as it is seen, empty but for its axes. */
  begin({ x, y, labels = ["", ""], log = false }) {
    const { canvas, context } = this;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.width = width;
    this.height = height;
    this.range = { x, y };
    this.log = log;
    this.inks = inks(canvas);
    context.fillStyle = this.inks.ground;
    context.fillRect(0, 0, width, height);
    context.font = `11px ${getComputedStyle(canvas).fontFamily}`;
    this.#axes(labels);
  }

  px = (value) => PAD.left + ((value - this.range.x[0]) / (this.range.x[1] - this.range.x[0])) * this.#wide;

  py = (value) => {
    const [low, high] = this.range.y;
    const share = this.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return this.height - PAD.bottom - share * this.#high;
  };

  get #wide() {
    return this.width - PAD.left - PAD.right;
  }

  get #high() {
    return this.height - PAD.top - PAD.bottom;
  }

  /** The numbers of a place of the screen, from a pointer's event. */
  at({ clientX, clientY }) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const { x, y } = this.range;
    return [
      x[0] + ((clientX - left - PAD.left) / this.#wide) * (x[1] - x[0]),
      y[0] + ((this.height - PAD.bottom - (clientY - top)) / this.#high) * (y[1] - y[0]),
    ];
  }

  #axes([across, up]) {
    const { context, inks: { text, line } } = this;
    const { x, y } = this.range;
    context.strokeStyle = line;
    context.fillStyle = text;
    context.lineWidth = 1;
    context.globalAlpha = 0.75;
    context.textAlign = "center";
    context.textBaseline = "top";
    context.strokeRect(PAD.left, PAD.top, this.#wide, this.#high);
    for (const value of ticks(...x)) context.fillText(short(value), this.px(value), this.height - PAD.bottom + 4);
    context.fillText(across, PAD.left + this.#wide / 2, this.height - 13);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const value of this.log ? powers(...y) : ticks(...y)) context.fillText(short(value), PAD.left - 5, this.py(value));
    context.save();
    context.translate(9, PAD.top + this.#high / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(up, 0, 0);
    context.restore();
    context.globalAlpha = 1;
  }

  /** Within the frame only. */
  inside(draw) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(PAD.left, PAD.top, this.#wide, this.#high);
    context.clip();
    draw(context);
    context.restore();
  }

  /** A line through points [x, y]; those that are no numbers part it. */
  line(points, { colour, width = 2, dash = [], alpha = 1 }) {
    this.inside((context) => {
      Object.assign(context, { strokeStyle: colour, lineWidth: width, globalAlpha: alpha, lineJoin: "round" });
      context.setLineDash(dash);
      context.beginPath();
      let begun = false;
      for (const [x, y] of points) {
        const py = this.py(y);
        if (!Number.isFinite(py)) begun = false;
        else {
          // far outside, canvases lose their way
          const clipped = Math.max(-1e4, Math.min(1e4, py));
          if (begun) context.lineTo(this.px(x), clipped);
          else context.moveTo(this.px(x), clipped);
          begun = true;
        }
      }
      context.stroke();
    });
  }

  dot([x, y], { colour, radius = 4, ring = null, hollow = false }) {
    this.inside((context) => {
      context.beginPath();
      context.arc(this.px(x), this.py(y), radius, 0, 7);
      Object.assign(context, { fillStyle: hollow ? this.inks.ground : colour, strokeStyle: ring ?? colour, lineWidth: ring ? 2 : 1.5 });
      context.fill();
      context.stroke();
    });
  }

  /** A picture over a range, drawn from few pixels: `paint(x, y)` gives [r, g, b]. */
  field(size, paint) {
    this.small ??= document.createElement("canvas");
    Object.assign(this.small, { width: size, height: size });
    const context = this.small.getContext("2d");
    const image = context.createImageData(size, size);
    const { x, y } = this.range;
    for (let row = 0; row < size; row++) {
      const v = y[1] - ((row + 0.5) / size) * (y[1] - y[0]);
      for (let column = 0; column < size; column++) {
        const colour = paint(x[0] + ((column + 0.5) / size) * (x[1] - x[0]), v);
        const at = 4 * (row * size + column);
        for (let c = 0; c < 3; c++) image.data[at + c] = colour[c];
        image.data[at + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
  }

  /** Draws the picture that `field` made. */
  drawField() {
    this.inside((context) => context.drawImage(this.small, PAD.left, PAD.top, this.#wide, this.#high));
  }
}

function powers(low, high) {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  if (last - first < 1) return [low * 1.05, Math.sqrt(low * high), high / 1.05];
  const every = Math.ceil((last - first) / TICKS);
  const found = [];
  for (let k = first; k <= last; k += every) found.push(10 ** k);
  return found;
}
