// The history of one series and its forecast with bands, drawn by uPlot; zoom by drag, wheel with Ctrl, buttons and keys.
import { day, number, t } from "./i18n.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const clear = (shade, share) => `color-mix(in srgb, ${shade} ${Math.round(100 * share)}%, transparent)`;

export class Chart {
  constructor(place, readout) {
    this.place = place;
    this.readout = readout;
    this.plot = null;
    this.size = new ResizeObserver(() => this.plot?.setSize(this.room()));
    this.size.observe(place);
    this.onShade = () => this.redraw();
    document.addEventListener("shade", this.onShade);
    place.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || !this.plot) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8);
    }, { passive: false });
    place.addEventListener("keydown", (event) => this.key(event));
  }

  close() {
    this.size.disconnect();
    document.removeEventListener("shade", this.onShade);
    this.plot?.destroy();
  }

  room() { return { width: Math.max(200, this.place.clientWidth), height: this.place.clientHeight }; }

  // `series`: what the server gives of one series; `dated`: whether stamps are dates.
  show(series, dated, horizon) {
    Object.assign(this, { series, dated });
    const ahead = series.ahead ?? { t: [], y: [], bands: [] };
    const past = series.t.length;
    this.times = [...series.t, ...ahead.t];
    const lead = new Array(Math.max(0, past - 1)).fill(null);
    const joint = past ? [series.y[past - 1]] : [];
    const pad = new Array(ahead.t.length).fill(null);
    const inner = (values) => [...lead, ...joint, ...values];
    this.data = [this.times, [...series.y, ...pad], inner(ahead.y), ...ahead.bands.flatMap((band) => [inner(band.hi), inner(band.lo)])];
    const step = past > 1 ? (series.t[past - 1] - series.t[0]) / (past - 1) : 1;
    this.fine = dated && step < 82_800;
    const shown = Math.max(4 * Math.max(ahead.t.length, horizon || 0), 60);
    this.whole = [this.times[0], this.times[this.times.length - 1]];
    this.start = [this.times[Math.max(0, past - shown)], this.whole[1]];
    this.split = past ? series.t[past - 1] : null;
    this.redraw(this.start);
  }

  redraw(range = this.range()) {
    if (!this.data) return;
    this.plot?.destroy();
    this.place.replaceChildren();
    const [past, ahead, soft, line] = ["--past", "--ahead", "--soft", "--line"].map(colour);
    const bands = this.series.ahead?.bands ?? [];
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const points = (size) => ({ show: (plot, at, first, last) => last - first < 60, size });
    this.plot = new uPlot({
      ...this.room(),
      padding: [8, 12, 0, 0],
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false, dist: 5 }, points: { size: 7 }, y: false },
      scales: { x: { time: this.dated } },
      axes: [
        { ...axis, size: 44, space: 80, values: this.dated ? (plot, splits, place, space, gap) => this.labels(splits, gap) : undefined },
        { ...axis, size: 62, values: (plot, splits) => splits.map((value) => number(value)) },
      ],
      series: [
        {},
        { stroke: past, width: 1.6, points: points(4) },
        { stroke: ahead, width: 2.2, points: points(5) },
        ...bands.flatMap(() => [{ stroke: "transparent", width: 0, points: { show: false } }, { stroke: "transparent", width: 0, points: { show: false } }]),
      ],
      bands: bands.map((band, at) => ({ series: [3 + 2 * at, 4 + 2 * at], fill: clear(ahead, 0.14 + 0.1 * at) })),
      hooks: {
        setCursor: [(plot) => this.tell(plot.cursor.idx)],
        drawAxes: [(plot) => this.border(plot, soft)],
      },
    }, this.data, this.place);
    if (range && range[0] < range[1]) this.plot.setScale("x", { min: range[0], max: range[1] });
    this.tell(null);
  }

  // A dotted line where the history ends.
  border(plot, shade) {
    if (this.split === null || !this.series.ahead) return;
    const x = Math.round(plot.valToPos(this.split, "x", true));
    const pen = plot.ctx;
    pen.save();
    pen.strokeStyle = shade;
    pen.setLineDash([2, 4]);
    pen.beginPath();
    pen.moveTo(x, plot.bbox.top);
    pen.lineTo(x, plot.bbox.top + plot.bbox.height);
    pen.stroke();
    pen.restore();
  }

  // Two lines: what changes from mark to mark, and below it the day or year where it is a new one.
  labels(splits, gap) {
    const format = (shown) => new Intl.DateTimeFormat(document.documentElement.lang, { ...shown, timeZone: "UTC" });
    const [upper, lower] = gap < 82_800 ? [{ hour: "2-digit", minute: "2-digit" }, { month: "short", day: "numeric" }]
      : gap < 2_400_000 ? [{ month: "short", day: "numeric" }, { year: "numeric" }]
      : gap < 28_000_000 ? [{ month: "short" }, { year: "numeric" }] : [{ year: "numeric" }, null];
    const [above, below] = [format(upper), lower && format(lower)];
    let before = null;
    return splits.map((at) => {
      const under = below?.format(at * 1000) ?? "";
      const text = above.format(at * 1000) + (under === before ? "" : `\n${under}`);
      before = under;
      return text;
    });
  }

  stamp(seconds) { return this.dated ? day(seconds, this.fine) : number(seconds, 12); }

  tell(at) {
    this.at = at;
    const parts = at === null || at === undefined ? [] : this.words(at);
    this.readout.replaceChildren(...parts.flatMap(([name, value]) => {
      const strong = document.createElement("b");
      strong.textContent = value;
      const span = document.createElement("span");
      span.append(name ? `${name} ` : "", strong);
      return [span, " "];
    }));
    if (!parts.length) this.readout.textContent = t("chart.hint");
  }

  words(at) {
    const past = this.series.t.length;
    const parts = [["", this.stamp(this.times[at])]];
    if (at < past) return [...parts, [t("chart.observed"), number(this.series.y[at])]];
    const ahead = this.series.ahead;
    const place = at - past;
    return [...parts, [t("chart.forecast"), number(ahead.y[place])],
      ...ahead.bands.map((band) => [`${band.level} %`, `${number(band.lo[place], 5)} – ${number(band.hi[place], 5)}`])];
  }

  range() { const scale = this.plot?.scales.x; return scale && Number.isFinite(scale.min) ? [scale.min, scale.max] : null; }

  zoom(factor) {
    const [low, high] = this.range() ?? this.whole;
    const about = factor < 1 && this.at !== null && this.at !== undefined ? this.times[this.at] : (low + high) / 2;
    this.to(about - (about - low) * factor, about + (high - about) * factor);
  }

  to(low, high) {
    const smallest = (this.whole[1] - this.whole[0]) / Math.max(4, this.times.length) * 3;
    if (high - low < smallest) return;
    this.plot?.setScale("x", { min: Math.max(low, this.whole[0]), max: Math.min(high, this.whole[1]) });
  }

  all() { this.to(...this.whole); }

  key(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key in moves && this.plot) {
      event.preventDefault();
      const begin = this.at ?? Math.max(0, this.series.t.length - 1);
      const at = Math.min(this.times.length - 1, Math.max(0, begin + moves[event.key] * (event.shiftKey ? 10 : 1)));
      const [low, high] = this.range();
      const wide = high - low;
      if (this.times[at] < low) this.to(this.times[at], this.times[at] + wide);
      if (this.times[at] > high) this.to(this.times[at] - wide, this.times[at]);
      this.plot.setCursor({ left: this.plot.valToPos(this.times[at], "x"), top: 20 });
      this.tell(at);
    } else if (event.key === "+" || event.key === "=") this.zoom(0.7);
    else if (event.key === "-") this.zoom(1.4);
    else if (event.key === "0") this.all();
  }
}
