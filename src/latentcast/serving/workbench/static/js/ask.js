// What is asked: model, horizon, levels; and the button that asks it.
import { h } from "./dom.js";
import { has, number, t } from "./i18n.js";

const LEVELS = [50, 80, 90, 95];
const LIMITS = [10, 60, 300];

export function drawAsk(card, state, go) {
  const { asked, found, models } = state;
  const ready = found && !found.fault && !state.reading && !state.running;
  const keep = (name) => (event) => { asked[name] = event.target.value; drawAsk(card, state, go); card.querySelector(`#${event.target.id}`)?.focus(); };
  const model = h("select", { id: "model", onchange: keep("model") }, models.map(({ name }) => h("option", { value: name }, has(`model.${name}`) ? t(`model.${name}`) : name)));
  model.value = asked.model;
  const about = has(`about.${asked.model}`) ? t(`about.${asked.model}`) : models.find(({ name }) => name === asked.model)?.about ?? "";
  const horizon = h("input", { id: "horizon", type: "number", min: 1, max: 10000, inputmode: "numeric", value: asked.horizon ?? found?.horizon ?? "", oninput: () => { asked.horizon = Number(horizon.value) || null; } });
  const limit = h("select", { id: "limit", onchange: (event) => { asked.limit = Number(event.target.value); } }, LIMITS.map((seconds) => h("option", { value: seconds }, t(`limit.${seconds}`))));
  limit.value = asked.limit;
  const levels = h("fieldset", {}, h("legend", {}, t("ask.levels")), h("div", { class: "chips" }, LEVELS.map((level) => {
    const box = h("input", { type: "checkbox", onchange: () => { asked.levels = LEVELS.filter((one) => (one === level ? box.checked : asked.levels.includes(one))); } });
    box.checked = asked.levels.includes(level);
    return h("label", {}, box, `${level} %`);
  })));
  const judge = h("input", { type: "checkbox", id: "judge", onchange: () => { asked.backtest = judge.checked; } });
  judge.checked = asked.backtest;
  const button = h("button", { type: "submit", class: "primary wide", disabled: !ready }, found?.series > 1 ? t("ask.go.many", { n: found.series }) : t("ask.go"));
  const form = h("form", { class: "fields", novalidate: true, onsubmit: (event) => {
    event.preventDefault();
    const wanted = Number(horizon.value);
    const right = Number.isInteger(wanted) && wanted >= 1 && wanted <= 10000;
    fault.hidden = right;
    horizon.setAttribute("aria-invalid", String(!right));
    if (!right) { horizon.focus(); return; }
    asked.horizon = wanted;
    go();
  } });
  const fault = h("p", { class: "hint", id: "horizon-fault", role: "alert", hidden: true }, t("ask.horizon.fault"));
  form.append(
    h("div", { class: "field" }, h("label", { for: "model" }, t("ask.model")), model, h("p", { class: "hint" }, about)),
    h("div", { class: asked.model === "auto" ? "two" : "field" },
      h("div", { class: "field" }, h("label", { for: "horizon" }, t("ask.horizon")), horizon),
      asked.model === "auto" ? h("div", { class: "field" }, h("label", { for: "limit" }, t("ask.limit")), limit) : ""),
    fault,
    found?.horizon ? h("p", { class: "hint" }, t("ask.proposed", { n: found.horizon })) : "",
    levels,
    h("label", { class: "check" }, judge, t("ask.backtest")),
    button);
  card.replaceChildren(h("h2", { id: "ask-title" }, t("ask.title")), form);
}

export const limitOf = (seconds) => number(seconds);
