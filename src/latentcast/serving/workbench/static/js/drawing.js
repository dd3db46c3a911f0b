// Small still pictures of an explanation: lines, bars and heat maps as SVG, each with its words beside it.
import { h, svg } from "./dom.js";
import { number } from "./i18n.js";

const [WIDE, HIGH, LEFT, BELOW] = [720, 200, 62, 22];

export function drawn(finding) {
  if (finding.kind === "table") return table(finding);
  if (finding.kind === "text") return h("ul", { class: "notes" }, finding.texts.map((row, at) => h("li", {}, finding.rows?.[at] ? `${finding.rows[at]}: ` : "", row[0])));
  return { lines, bars, heat }[finding.kind]?.(finding) ?? "";
}

function table({ columns = [], rows = [], texts = [], title }) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, h("table", { class: "texts" },
    h("thead", {}, h("tr", {}, h("td"), columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, texts.map((row, at) => h("tr", {}, h("th", { scope: "row" }, rows[at]), row.map((text) => h("td", {}, text)))))));
}

function frame(title, high, ...inner) {
  return svg("svg", { viewBox: `0 0 ${WIDE} ${high}`, class: "drawing", role: "img", "aria-label": title }, inner);
}

function ends(columns, high) {
  if (!columns?.length) return [];
  return [svg("text", { x: LEFT, y: high - 5 }, columns[0]), svg("text", { x: WIDE - 4, y: high - 5, "text-anchor": "end" }, columns[columns.length - 1])];
}

function lines({ values, columns, rows, shade, title }) {
  const all = values.flat().filter((value) => value !== null);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = HIGH - BELOW - 8;
  const across = (at) => LEFT + (WIDE - LEFT - 6) * (columns.length > 1 ? at / (columns.length - 1) : 0.5);
  const down = (value) => 6 + room * (high > low ? (high - value) / (high - low) : 0.5);
  const most = shade ? Math.max(...shade.filter((value) => value !== null), 1e-300) : 1;
  const width = (WIDE - LEFT) / columns.length;
  const ground = (shade ?? []).map((value, at) => svg("rect", { class: "shade", x: across(at) - width / 2, y: 4, width: width + 0.5, height: room + 4, opacity: 0.55 * Math.max(0, value ?? 0) / most }));
  const paths = values.map((row, at) => {
    let text = "";
    row.forEach((value, place) => { if (value !== null) text += `${place && row[place - 1] !== null ? "L" : "M"}${across(place).toFixed(1)} ${down(value).toFixed(1)}`; });
    return svg("path", { d: text, class: `line-${at % 8}` }, svg("title", {}, rows[at] ?? ""));
  });
  const scale = [high, low].map((value) => svg("text", { x: LEFT - 8, y: Math.min(Math.max(down(value) + 4, 12), HIGH - BELOW), "text-anchor": "end" }, number(value, 4)));
  const key = rows?.length > 1 ? h("ul", { class: "key" }, rows.map((name, at) => h("li", {}, h("i", { class: `line-${at % 8}` }), name))) : "";
  return h("div", {}, frame(title, HIGH, ground, paths, scale, ends(columns, HIGH)), key);
}

function bars({ values, rows, title }) {
  const most = Math.max(...values.map((value) => Math.abs(value ?? 0)), 1e-300);
  const high = rows.length * 24 + 8;
  return frame(title, high, rows.flatMap((name, at) => [
    svg("text", { x: 190, y: at * 24 + 19, "text-anchor": "end" }, name.length > 28 ? `${name.slice(0, 27)}…` : name),
    svg("rect", { class: "bar", x: 200, y: at * 24 + 6, width: 420 * Math.abs(values[at] ?? 0) / most, height: 16, rx: 3 }),
    svg("text", { x: 208 + 420 * Math.abs(values[at] ?? 0) / most, y: at * 24 + 19 }, number(values[at], 4))]));
}

function heat({ values, rows, columns, each_row: alone, title }) {
  const cell = Math.max(9, Math.min(24, 300 / rows.length));
  const high = rows.length * cell + BELOW + 4;
  const width = (WIDE - 160) / columns.length;
  const whole = Math.max(...values.flat().map((value) => Math.abs(value ?? 0)), 1e-300);
  const cells = values.flatMap((row, down) => {
    const most = alone ? Math.max(...row.map((value) => Math.abs(value ?? 0)), 1e-300) : whole;
    return row.map((value, at) => svg("rect", { class: value < 0 ? "cell under" : "cell", x: 160 + at * width, y: down * cell, width: Math.max(0.5, width - 0.5), height: cell - 1, opacity: Math.abs(value ?? 0) / most }));
  });
  const every = Math.ceil(14 / cell);
  const names = rows.flatMap((name, down) => (down % every ? [] : [svg("text", { x: 152, y: down * cell + cell / 2 + 4, "text-anchor": "end" }, name.length > 22 ? `${name.slice(0, 21)}…` : name)]));
  const labels = [svg("text", { x: 160, y: high - 5 }, columns[0]), svg("text", { x: WIDE - 4, y: high - 5, "text-anchor": "end" }, columns[columns.length - 1])];
  return frame(title, high, cells, names, labels);
}
