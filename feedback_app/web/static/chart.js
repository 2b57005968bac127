// The bar chart: messages per minute by sentiment, with a cursor for mouse and arrow keys.
import { count, el, emptyState } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 38;
const BOTTOM = 20;
const TOP = 10;
const SHARE = 34;
const LAYERS = ["negative", "neutral", "positive", "other"];

/** Return the bars of a series: start (ms) and one count per layer. */
export function bars(series) {
  const at = Object.fromEntries(series.names.map((name, i) => [name, i + 1]));
  return series.rows.map((row) => {
    const labels = ["negative", "neutral", "positive"].map((name) => row[at[`label_${name}`]]);
    const read = row[at.ingested] - row[at.duplicate];
    return { at: row[0] * 1000, counts: [...labels, Math.max(0, read - labels[0] - labels[1] - labels[2])] };
  });
}

/** Draws a series into a box, and redraws it on every resize. */
export class Chart {
  constructor(box) {
    this.box = box;
    this.cursor = null;
    this.tip = el("div", { class: "tip", hidden: true });
    this.svg = svg("svg", { tabindex: 0, role: "img" });
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.move(null));
    this.svg.addEventListener("blur", () => this.move(null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(box);
  }

  show(series) {
    this.series = series;
    this.bars = bars(series);
    this.draw();
  }

  draw() {
    if (!this.series) return;
    const most = Math.max(...this.bars.map((bar) => sum(bar.counts)));
    if (most === 0) {
      this.box.replaceChildren(emptyState("No messages in this period", "New ones appear here as soon as they are scored."));
      return;
    }
    const style = getComputedStyle(this.box);
    const width = this.box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = this.box.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    if (width < 2 * LEFT) return;
    this.width = width;
    this.step = (width - LEFT) / this.bars.length;
    const floor = height - BOTTOM - SHARE - 8;
    const top = nice(most);
    const y = (n) => floor - (n / top) * (floor - TOP);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("aria-label", this.summary());
    this.svg.replaceChildren(
      ...this.grid(top, y),
      ...this.bars.map((bar, i) => this.bar(bar, i, y, height - BOTTOM)),
      ...this.times(height),
      (this.band = svg("rect", { class: "cursor", y: 0, height: height - BOTTOM, width: this.step })),
    );
    if (this.svg.parentNode !== this.box) this.box.replaceChildren(this.svg, this.tip);
    this.move(this.cursor);
  }

  grid(top, y) {
    const lines = [0, top / 2, top].filter((n) => Number.isInteger(n));
    return lines.flatMap((n) => [
      svg("line", { class: n === 0 ? "base" : "grid", x1: LEFT, x2: this.width, y1: y(n), y2: y(n) }),
      svg("text", { x: LEFT - 7, y: y(n) + 4, "text-anchor": "end" }, count(n)),
    ]);
  }

  bar({ counts }, i, y, bottom) {
    const x = LEFT + i * this.step;
    const width = Math.max(1, this.step - (this.step > 5 ? 2 : 0.5));
    const total = sum(counts.slice(0, 3));
    const found = [];
    let under = 0;
    let share = 0;
    counts.forEach((n, layer) => {
      if (n === 0) return;
      const name = LAYERS[layer];
      found.push(svg("rect", { class: name, x, width, y: y(under + n), height: y(under) - y(under + n) }));
      under += n;
      if (layer === 3) return;
      const part = (n / total) * SHARE;
      found.push(svg("rect", { class: name, x, width, y: bottom - share - part, height: part }));
      share += part;
    });
    const group = svg("g", i === this.bars.length - 1 ? { class: "partial" } : {});
    group.append(...found);
    return group;
  }

  times(height) {
    const each = Math.ceil(this.bars.length / Math.max(2, Math.floor(this.width / 110)));
    const found = [svg("text", { x: LEFT - 7, y: height - BOTTOM - 2, "text-anchor": "end" }, "0%")];
    found.push(svg("text", { x: LEFT - 7, y: height - BOTTOM - SHARE + 9, "text-anchor": "end" }, "100%"));
    for (let i = this.bars.length - 1; i >= 0; i -= each) {
      const last = i === this.bars.length - 1;
      const x = Math.max(LEFT + 16, last ? this.width : LEFT + (i + 0.5) * this.step);
      found.push(svg("text", { x, y: height - 4, "text-anchor": last ? "end" : "middle" }, last ? "now" : clock(this.bars[i].at)));
    }
    return found;
  }

  summary() {
    const totals = LAYERS.map((_, layer) => sum(this.bars.map((bar) => bar.counts[layer])));
    const span = (this.series.step_s * this.bars.length) / 3600;
    return `Messages of the last ${span === 1 ? "hour" : `${span} hours`}: ` + LAYERS.map((name, i) => `${totals[i]} ${name === "other" ? "not scored" : name}`).join(", ") + ". Use the arrow keys to read single bars.";
  }

  point(event) {
    const x = event.clientX - this.svg.getBoundingClientRect().left - LEFT;
    const i = Math.floor(x / this.step);
    this.move(i >= 0 && i < this.bars.length ? i : null);
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !this.bars) return;
    event.preventDefault();
    const last = this.bars.length - 1;
    this.move(Math.min(last, Math.max(0, (this.cursor ?? last + 1) + steps[event.key])));
  }

  move(i) {
    this.cursor = i;
    this.tip.hidden = i === null;
    if (!this.band) return;
    this.band.style.display = i === null ? "none" : "";
    if (i === null) return;
    const bar = this.bars[i];
    const x = LEFT + i * this.step;
    this.band.setAttribute("x", x - 1);
    const rows = LAYERS.map((name, layer) => el("div", {}, el("span", {}, name === "other" ? "not scored" : name), el("b", {}, count(bar.counts[layer]))));
    const until = this.series.step_s > 60 ? ` – ${clock(bar.at + this.series.step_s * 1000)}` : "";
    this.tip.setAttribute("aria-live", "polite");
    this.tip.replaceChildren(el("div", { class: "when" }, clock(bar.at) + until, el("b", {}, count(sum(bar.counts)))), ...rows);
    const half = this.width / 2;
    this.tip.style.left = x < half ? `${x + this.step + 16}px` : "auto";
    this.tip.style.right = x < half ? "auto" : `${this.width - x + 22}px`;
  }
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });

/** Return a round number >= n, for the top of the axis. */
export function nice(n) {
  const ten = 10 ** Math.floor(Math.log10(n));
  return Math.max(2, [1, 2, 4, 6, 10].map((f) => f * ten).find((top) => top >= n));
}

function svg(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.append(text);
  return node;
}
