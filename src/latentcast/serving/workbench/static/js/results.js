// Below the chart: how models compare, what the forecast rests on, and what can be taken along.
import { ask, download, end, follow, get } from "./api.js";
import { announce, h } from "./dom.js";
import { drawn } from "./drawing.js";
import { notes } from "./found.js";
import { has, number, percent, t } from "./i18n.js";

const HOLE = "\u0001"; // where a name goes that is drawn strong
const TABS = ["models", "explain", "take"];

export class Results {
  constructor(card, state, fail) { Object.assign(this, { card, state, fail, tab: "models", explained: new Map() }); }

  show() {
    const { result } = this.state;
    this.card.hidden = !result;
    if (!result) return;
    const tabs = TABS.map((name) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "tab-panel", "aria-selected": String(name === this.tab),
      tabindex: name === this.tab ? "0" : "-1", onclick: () => this.open(name), onkeydown: (event) => this.key(event, name) }, t(`tab.${name}`)));
    this.panel = h("div", { class: "panel", role: "tabpanel", id: "tab-panel", "aria-labelledby": `tab-${this.tab}`, tabindex: "0" });
    this.card.replaceChildren(h("h2", { class: "sr", id: "results-title" }, t("results.title")), h("div", { class: "tabs", role: "tablist", "aria-labelledby": "results-title" }, tabs), this.panel);
    this.fill();
  }

  open(name) {
    this.tab = name;
    this.show();
    this.card.querySelector(`#tab-${name}`).focus();
  }

  key(event, name) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) this.open(TABS[(TABS.indexOf(name) + step + TABS.length) % TABS.length]);
  }

  fill() {
    const made = { models: () => this.models(), explain: () => this.explanation(), take: () => this.take() }[this.tab]();
    this.panel.replaceChildren(...[made].flat().filter(Boolean));
  }

  models() {
    const { result, backtest } = this.state;
    const parts = [h("p", { class: "verdict" }, ...this.verdict(result))];
    if (backtest) parts.push(this.backtest(backtest));
    if (result.candidates.length) parts.push(candidates(result));
    if (result.notes.length) parts.push(h("div", {}, h("h3", {}, t("found.notes")), notes(result.notes)));
    return parts;
  }

  verdict({ judged, model, lookback }) {
    if (!judged) return strong(t("verdict.named", { n: lookback, name: HOLE }), modelName(model));
    const chosen = strong(t("verdict.chosen", { name: HOLE }), judged.used.map(modelName).join(" + "));
    if (judged.used.length === 1 && judged.used[0] === judged.baseline) return [...chosen, " ", t("verdict.naive")];
    const change = judged.naive > 0 && judged.MASE !== null ? judged.MASE / judged.naive - 1 : null;
    if (change === null) return chosen;
    const words = { gain: number(Math.abs(100 * change), 2), naive: modelName(judged.baseline), n: judged.origins };
    return [...chosen, " ", t(change < 0 ? "verdict.lower" : "verdict.higher", words)];
  }

  backtest(found) {
    if (found.error) return h("div", {}, h("h3", {}, t("backtest.title")), h("p", { class: "muted" }, t("backtest.failed")), h("p", { class: "hint", lang: "en" }, found.error));
    if (!found.table) return h("div", { role: "status" }, h("h3", {}, t("backtest.title")), h("p", { class: "muted" }, t("backtest.running")), h("div", { class: "bar wandering" }, h("span")));
    const base = found.table.find((row) => row.model === found.baseline);
    const rows = [...found.table].sort((one, other) => (one.MASE ?? Infinity) - (other.MASE ?? Infinity));
    const figures = ["MASE", "MAE", "RMSE"];
    const body = rows.map((row, at) => {
      const change = base?.MASE && row !== base && row.MASE !== null ? row.MASE / base.MASE - 1 : null;
      return h("tr", { class: row === base ? "base" : at === 0 ? "best" : null }, h("th", { scope: "row" }, modelName(row.model)), figures.map((name) => h("td", {}, number(row[name], 4))),
        h("td", { class: change === null ? null : change < 0 ? "good" : "bad" }, change === null ? "–" : percent(change)));
    });
    return h("div", {}, h("h3", {}, t("backtest.title")), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("backtest.title") }, h("table", { id: "backtest" },
      h("caption", {}, t("backtest.about", { n: found.windows, h: found.horizon })),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("table.model")), figures.map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col" }, t("backtest.against", { name: modelName(found.baseline ?? "naive") })))),
      h("tbody", {}, body))));
  }

  explanation() {
    const item = this.state.series();
    const kept = this.explained.get(item);
    if (kept?.findings) return findings(kept);
    if (kept?.error) return [h("p", {}, kept.error), h("div", {}, h("button", { type: "button", onclick: () => { this.explained.delete(item); this.fill(); } }, t("explain.again")))];
    if (!kept) this.explain(item);
    return h("div", { role: "status" }, h("p", { class: "muted" }, t("explain.running", { name: item || t("series.only") })), h("div", { class: "bar wandering" }, h("span")));
  }

  async explain(item) {
    this.explained.set(item, {});
    const { upload, job, data } = this.state;
    try {
      const asked = await ask({ kind: "explain", upload, of: job, ...(item ? { item } : {}), data });
      const ended = await follow(asked.id, () => {});
      if (ended.status !== "done") throw new Error(ended.error?.detail ?? ended.status);
      this.explained.set(item, await get(`/jobs/${asked.id}/result`));
      end(asked.id);
      announce(t("explain.done"));
    } catch (error) {
      this.explained.set(item, { error: error.message });
    }
    if (this.tab === "explain" && this.state.series() === item) this.fill();
  }

  take() {
    const { result, job, backtest } = this.state;
    const stem = result.file.replace(/\.[^.]*$/, "");
    const button = (from, name, as, key) => h("button", { type: "button", id: `take-${key}`, onclick: () => download(from, name, as).catch(this.fail) }, t(`take.${key}`), h("small", {}, t(`take.${key}.about`)));
    const commands = [...result.commands, ...(backtest?.commands ?? [])].join("\n");
    const copy = h("button", { type: "button", onclick: async () => { await navigator.clipboard.writeText(commands); copy.textContent = t("take.copied"); announce(t("take.copied")); } }, t("take.copy"));
    return [h("div", { class: "downloads" },
      button(job, "forecast.csv", `${stem}-forecast.csv`, "csv"),
      button(job, "model.zip", `${stem}-model.zip`, "model"),
      backtest?.table ? button(backtest.job, "backtest.csv", `${stem}-backtest.csv`, "backtest") : null),
    h("div", {}, h("h3", {}, t("take.command")), h("p", { class: "hint" }, t("take.command.about")), h("div", { class: "command" }, h("pre", { id: "command", tabindex: "0" }, commands), copy))];
  }
}

function strong(text, name) {
  const [before, after] = text.split(HOLE);
  return [before, h("strong", {}, name), after];
}

export const modelName = (name) => (has(`model.${name}`) ? t(`model.${name}`) : name);

function candidates({ candidates: rows, judged }) {
  const noted = rows.some((row) => row.note);
  const body = rows.map((row) => h("tr", { class: row.weight > 0 ? "best" : row.model === judged?.baseline ? "base" : null },
    h("th", { scope: "row" }, modelName(row.model)), h("td", {}, number(row["validation MASE"], 4)), h("td", {}, row.weight ? number(row.weight, 2) : "–"),
    h("td", {}, number(row["look-back"])), h("td", {}, number(row.seconds, 3)), noted ? h("td", { class: "why", lang: "en" }, row.note) : null));
  const heads = ["table.model", "table.mase", "table.weight", "table.lookback", "table.seconds", ...(noted ? ["table.note"] : [])];
  return h("div", {}, h("h3", {}, t("candidates.title")), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("candidates.title") }, h("table", { id: "candidates" },
    h("caption", {}, t("candidates.about", { n: judged?.origins ?? 0 })), h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, t(head))))), h("tbody", {}, body))));
}

function findings(explained) {
  const shown = explained.findings.filter((one, at) => !(one.kind === "lines" && at === 0));
  let before = null;
  return [h("p", { class: "verdict", lang: "en" }, explained.findings[0]?.sentence ?? ""), ...shown.map((one) => {
    const head = one.section !== before ? h("h3", {}, one.section) : null;
    before = one.section;
    return h("div", { class: "finding", lang: "en" }, head, h("p", {}, one.sentence), drawn(one));
  }), explained.notes.length ? notes(explained.notes) : null];
}
