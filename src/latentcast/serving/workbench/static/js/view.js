// All series of a job: search and list beside the chart of the one that is chosen.
import { get } from "./api.js";
import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { number, t } from "./i18n.js";
import { List } from "./list.js";

const KEPT = 200;
const IDLE = 250; // milliseconds after a click, before its neighbours are fetched

export class View {
  constructor(card, fail) {
    Object.assign(this, { card, fail });
    this.kept = new Map();
    this.picked = () => {};
  }

  get name() { return this.index?.ids[this.chosen]; }

  // `first` may be under way already: the index of the series.
  async open(job, horizon, first = get(`/jobs/${job}/series`)) {
    const before = this.name;
    const index = await first;
    Object.assign(this, { job, horizon, index });
    this.kept.clear();
    this.lower = index.ids.map((name) => name.toLowerCase());
    this.changes = index.end?.map((end, at) => (index.last[at] ? (end - index.last[at]) / Math.abs(index.last[at]) : NaN));
    this.build();
    this.filter("");
    const again = index.ids.indexOf(before);
    await this.choose(again < 0 ? 0 : again);
  }

  build() {
    const { index } = this;
    const many = index.ids.length > 1;
    this.title = h("h2", { id: "series-title" });
    this.readout = h("p", { class: "readout", id: "readout", "aria-live": "polite" });
    this.place = h("div", { class: "plot", tabindex: "0", role: "group", "aria-describedby": "readout" });
    this.key = h("ul", { class: "key" });
    this.table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("table.title"), hidden: true });
    this.count = h("p", { class: "hint", role: "status" });
    this.search = h("input", { type: "search", id: "search", placeholder: t("series.search"), autocomplete: "off", oninput: () => this.filter(this.search.value) });
    const zoom = (label, text, act) => h("button", { type: "button", class: "icon", "aria-label": t(label), title: t(label), onclick: act }, text);
    this.toggle = index.end ? h("button", { type: "button", "aria-pressed": "false", onclick: () => this.asTable() }, t("chart.table")) : null;
    const buttons = h("div", { class: "zoom" }, zoom("chart.in", "+", () => this.chart.zoom(0.6)), zoom("chart.out", "−", () => this.chart.zoom(1.7)),
      zoom("chart.all", "⤢", () => this.chart.all()), this.toggle);
    const finder = many ? h("div", { class: "finder" }, h("div", {}, h("label", { class: "sr", for: "search" }, t("series.search")), this.search), this.count) : null;
    this.card.replaceChildren(
      h("div", { class: "series-head" }, this.title, buttons),
      h("div", { class: many ? "series-body" : "series-body single" }, finder, h("div", {}, this.readout, this.place, this.key, this.table)));
    this.card.hidden = false;
    this.list = finder ? new List(finder, t("series.list"), (item) => this.choose(item)) : null;
    this.chart?.close();
    this.chart = new Chart(this.place, this.readout);
  }

  filter(text) {
    if (!this.list) return;
    const wanted = text.trim().toLowerCase();
    const items = [];
    for (let at = 0; at < this.lower.length; at += 1) if (!wanted || this.lower[at].includes(wanted)) items.push(at);
    this.count.textContent = wanted ? t("series.found", { n: items.length }) : t("series.count", { n: items.length });
    this.list.show(items, this.index.ids, this.changes);
    this.list.select(this.chosen);
  }

  // `direction`: by which arrow key the list was walked; 0 for a click.
  async choose(at, direction = 0) {
    this.chosen = at;
    this.list?.select(at);
    try {
      const series = await this.fetch(at);
      if (this.chosen !== at) return;
      this.draw(series);
    } catch (error) {
      this.fail(error);
    }
    if (direction) this.ahead(at, [direction, 2 * direction]);
    else setTimeout(() => { if (this.chosen === at) this.ahead(at, [1, -1]); }, IDLE);
  }

  // Fetches what is likely to be next.
  ahead(at, steps) {
    for (const next of this.list?.near(at, steps) ?? []) this.fetch(next).catch(() => {});
  }

  fetch(at) {
    if (!this.kept.has(at)) {
      if (this.kept.size >= KEPT) this.kept.delete(this.kept.keys().next().value);
      const asked = get(`/jobs/${this.job}/series/${at}`);
      this.kept.set(at, asked);
      asked.catch(() => this.kept.delete(at));
    }
    return this.kept.get(at);
  }

  draw(series) {
    const { index } = this;
    const name = this.name;
    this.title.textContent = name || t("series.only");
    this.chart.show(series, index.time, this.horizon);
    this.place.setAttribute("aria-label", t(series.ahead ? "chart.label.ahead" : "chart.label", { name, n: series.t.length, h: series.ahead?.t.length ?? 0 }));
    const bands = series.ahead?.bands ?? [];
    this.key.replaceChildren(
      h("li", {}, h("i"), t("chart.observed")),
      ...(series.ahead ? [h("li", {}, h("i", { class: "ahead" }), t("chart.forecast"))] : []),
      ...bands.map((band, at) => h("li", {}, h("i", { class: `band band-${at}` }), t("chart.band", { level: band.level }))),
      ...(series.left_out ? [h("li", {}, t("chart.left", { n: series.left_out }))] : []));
    if (series.ahead) this.fill(series.ahead);
    this.picked(name);
  }

  fill({ t: times, y, bands }) {
    const head = h("tr", {}, h("th", { scope: "col" }, t("table.time")), h("th", { scope: "col" }, t("chart.forecast")),
      ...bands.map((band) => h("th", { scope: "col" }, `${band.level} %`)));
    const rows = times.slice(0, 1000).map((at, row) => h("tr", {}, h("th", { scope: "row" }, this.chart.stamp(at)), h("td", {}, number(y[row])),
      ...bands.map((band) => h("td", {}, `${number(band.lo[row], 5)} – ${number(band.hi[row], 5)}`))));
    this.table.replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, rows)));
  }

  asTable() {
    const shown = this.table.hidden;
    this.table.hidden = !shown;
    this.toggle.setAttribute("aria-pressed", String(shown));
    this.toggle.textContent = t(shown ? "chart.hide" : "chart.table");
  }
}
