// A Plotly figure in the page's colours. Its script takes a second to begin, in which a browser
// paints nothing and answers nobody: the page's pictures come first, and a chart that is out of view
// waits.

import { component } from "../common.js";
import { loadPlotly, mixed, parsed, rgb, theme } from "../plotly.js";

const PATIENCE = 3000; // milliseconds for pictures that do not come
const CONFIG = {
  displaylogo: false, responsive: false,
  // One of them sends the figure to Plotly's own server; the others are more keys to press on the way
  // past a chart, for what the mouse or "Reset axes" does.
  modeBarButtonsToRemove: [
    "sendChartToCloud", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d",
    "tableRotation", "resetCameraLastSave3d",
  ],
};
const FONT = { size: 12 };
const SEEN = "0px 0px -100px"; // so much of it, where it stands at the foot of the window

/** Until the page's pictures are painted. */
async function afterPictures() {
  const begin = performance.now();
  const frame = () => new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
  const waits = () => [...document.images].some((picture) => !picture.complete);
  const early = () => performance.now() - begin < 100; // elements that follow are on their way
  while ((early() || waits()) && performance.now() - begin < PATIENCE) await frame();
  await frame();
}

/** Until an element has come into view. */
function inView(element) {
  return new Promise((done) => {
    const seen = new IntersectionObserver(([{ isIntersecting }]) => {
      if (!isIntersecting) return;
      seen.disconnect();
      done();
    }, { rootMargin: SEEN });
    seen.observe(element);
  });
}

/** How axes, legend and labels look, of figures that do not say otherwise. */
function template(root) {
  const [paper, ink] = theme(root).map(parsed);
  const faint = rgb(mixed(paper, ink, 0.13)), quiet = rgb(mixed(paper, ink, 0.7));
  const axis = {
    automargin: true, gridcolor: faint, linecolor: faint, zerolinecolor: faint, ticks: "",
    tickfont: { color: quiet }, title: { font: { color: quiet, size: 13 }, standoff: 12 },
  };
  const clear = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
  const flat = { ...axis, showbackground: false };
  const family = getComputedStyle(root).fontFamily;
  return {
    layout: {
      ...clear, font: { ...FONT, family, color: rgb(ink) }, legend: { font: { color: quiet } },
      xaxis: axis, yaxis: axis, scene: { xaxis: flat, yaxis: flat, zaxis: flat },
      hoverlabel: { bgcolor: rgb(paper), bordercolor: faint, font: { color: rgb(ink), family } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: quiet, activecolor: rgb(ink) },
    },
  };
}

class Chart {
  constructor(root) {
    this.root = root;
    this.plot = root.querySelector(".plot");
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(root);
  }

  update({ data }) {
    const key = JSON.stringify([data.figure, theme(this.root)]);
    if (key === this.key) return;
    this.key = key;
    this.data = data;
    this.plot.style.minHeight = `${data.height}px`;
    this.plot.ariaLabel = data.alt;
    this.draw();
  }

  async draw() {
    const { key, data } = this;
    try {
      if (!window.Plotly) await Promise.all([inView(this.root), afterPictures()]);
      const Plotly = await loadPlotly(data.plotly);
      if (this.closed || this.key !== key || this.drawn === key) return;
      if (!this.plot.clientWidth) return;
      const { data: traces, layout } = data.figure;
      const width = this.plot.clientWidth;
      const whole = { ...layout, width, template: template(this.root) };
      await Plotly.react(this.plot, structuredClone(traces), whole, CONFIG);
      for (const svg of this.plot.querySelectorAll("svg")) svg.ariaHidden = "true"; // one picture
      this.drawn = key;
      this.root.dataset.state = "drawn";
    } catch (error) {
      this.root.dataset.state = "failed";
      const place = this.root.querySelector(".failure");
      Object.assign(place, { hidden: false, textContent: error.message });
    }
  }

  /** As wide as there is room; in a tab that was hidden it is drawn now. */
  fit() {
    const width = this.plot.clientWidth;
    if (!width || !this.data) return;
    if (this.drawn !== this.key) this.draw();
    else if (width !== this.width) window.Plotly.relayout(this.plot, { width });
    this.width = width;
  }

  close() {
    this.closed = true;
    this.resized.disconnect();
    if (this.drawn) window.Plotly.purge(this.plot); // browsers give few WebGL contexts
  }
}

export default component(".lab-chart", Chart);
