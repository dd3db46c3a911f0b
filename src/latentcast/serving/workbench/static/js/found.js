// What was found in the file, and how each column is read; a click corrects it.
import { h } from "./dom.js";
import { number, t } from "./i18n.js";

const ROLES = ["time", "id", "value", "ignored"];

export function drawFound(card, state, again) {
  const { found } = state;
  const busy = state.reading;
  const title = h("h2", { id: "found-title" }, t("found.title"));
  if (!found) { card.replaceChildren(title, h("p", { class: "muted", role: "status" }, t("found.reading"))); return; }
  card.replaceChildren(title,
    found.fault ? fault(found.fault, state, again) : facts(found, state.file),
    columns(found, state, again, busy),
    found.notes?.length ? fold("notes", t("found.notes"), found.notes.length, notes(found.notes), false) : "");
  card.setAttribute("aria-busy", String(Boolean(busy)));
}

export const notes = (texts) => h("ul", { class: "notes", lang: "en" }, texts.map((text) => h("li", {}, text)));

function fold(name, title, count, inner, open) {
  return h("details", { class: "fold", id: `fold-${name}`, open }, h("summary", {}, title, " ", h("span", { class: "count" }, number(count))), inner);
}

function facts(found, file) {
  const [short, long] = found.steps;
  const rows = [
    ["found.file", file],
    ["found.series", number(found.series)],
    ["found.steps", short === long ? number(long) : `${number(short)} – ${number(long)}`],
    ["found.span", found.span.map((stamp) => stamp.replace(" 00:00:00", "")).join(" – ")],
    ["found.frequency", found.season > 1 ? t("found.season", { frequency: period(found.frequency), n: found.season }) : period(found.frequency)],
    ["found.gaps", found.missing ? t("found.missing", { n: found.missing, share: number(100 * found.missing / found.values, 2), longest: found.longest_gap }) : t("found.none")],
  ];
  return h("dl", { class: "facts" }, rows.flatMap(([name, value]) => [h("dt", {}, t(name)), h("dd", {}, value)]));
}

export function period(alias) {
  const [, count, unit] = /^(\d*)([A-Za-z]+)/.exec(alias) ?? [];
  const key = `freq.${unit}`;
  const name = t(key);
  if (!unit || name === key) return alias;
  return Number(count) > 1 ? t("freq.several", { n: Number(count), unit: name }) : name;
}

function fault({ detail, setting, value, values }, state, again) {
  const key = setting?.startsWith("data.") ? setting.slice(5) : null;
  const use = key && value ? h("button", { type: "button", onclick: () => again(withFix(state.data, key, value, values)) },
    t("found.use", { setting: key, value })) : null;
  return h("div", { class: "fault", role: "alert" }, h("strong", {}, t("found.fault")), h("p", { lang: "en" }, detail), h("p", { class: "hint" }, t("found.fix")), use);
}

// The settings with the one that fixes a fault; a column that gets a role by it loses every other role.
export function withFix(data, key, value, values) {
  const several = ["ignore", "id", "value", "columns", "future", "past", "static"];
  const list = (names) => (names === undefined ? [] : [names].flat());
  const named = several.includes(key) && values.length > 1 ? values : values[0] ?? value;
  if (!["time", "id", "value", "columns", "ignore"].includes(key)) return { ...data, [key]: named };
  const others = (role) => list(data[role]).filter((name) => !list(named).includes(name));
  const [columns, ids, own, ignore] = ["columns", "id", "value", "ignore"].map(others);
  const kept = { ...data, time: others("time")[0], value: own.length > 1 ? own : own[0], id: ids.length > 1 ? ids : ids[0],
    columns: columns.length ? columns : undefined, ignore };
  return { ...kept, [key]: key === "ignore" ? [...ignore, ...list(named)] : named };
}

function columns(found, state, again, busy) {
  const usual = (column) => (column.kind === "number" ? "value" : "ignored"); // where the role could not be found
  const chosen = new Map(found.columns.map((column) => [column.name, column.role ?? usual(column)]));
  const rows = found.columns.map((column) => {
    const name = h("span", { class: "name", title: column.name }, column.name || t("found.unnamed"));
    const sample = h("span", { class: "sample" }, column.sample.join(", "));
    const pick = h("select", { "aria-label": t("found.role", { name: column.name }), disabled: busy, onchange: () => { chosen.set(column.name, pick.value); again(settings(chosen, state.data)); } },
      ROLES.map((role) => h("option", { value: role }, t(`role.${role}`))));
    pick.value = chosen.get(column.name);
    return h("li", {}, name, sample, pick);
  });
  const gaps = h("select", { id: "gaps", disabled: busy, onchange: () => again({ ...state.data, gaps: gaps.value }) },
    ["mask", "interpolate", "ffill"].map((way) => h("option", { value: way }, t(`gaps.${way}`))));
  gaps.value = state.data.gaps ?? "mask";
  const frequency = h("input", { id: "frequency", value: state.data.freq ?? "", placeholder: found.frequency ?? "D", disabled: busy, autocomplete: "off", spellcheck: "false",
    onchange: () => again({ ...state.data, freq: frequency.value.trim() || undefined }) });
  const inner = h("div", {}, h("ul", { class: "columns", "aria-label": t("found.columns"), tabindex: rows.length > 6 ? "0" : null }, rows),
    found.more_columns ? h("p", { class: "hint" }, t("found.more", { n: found.more_columns })) : "",
    h("div", { class: "two fold" }, h("div", { class: "field" }, h("label", { for: "gaps" }, t("found.gaps.how")), gaps),
      h("div", { class: "field" }, h("label", { for: "frequency" }, t("found.frequency")), frequency)));
  return fold("columns", t("found.columns"), found.columns.length + (found.more_columns ?? 0), inner, true);
}

// Settings of the data for the roles that were clicked together.
export function settings(roles, before) {
  const of = (role) => [...roles].filter(([, its]) => its === role).map(([name]) => name);
  const [times, ids, values, ignored] = ROLES.map(of);
  const { gaps, freq } = before;
  const kept = { gaps, freq, ...(times.length ? { time: times[times.length - 1] } : {}) };
  const each = Array.isArray(before.value) && values.length > 1; // several values are series of their own
  const ignore = [...ignored, ...times.slice(0, -1), ...(ids.length && !each ? values.slice(0, -1) : [])];
  if (ids.length) return { ...kept, id: ids.length === 1 ? ids[0] : ids, ...(values.length ? { value: each ? values : values[values.length - 1] } : {}), ignore };
  return { ...kept, layout: "wide", ...(values.length ? { columns: values } : {}), ignore };
}
