// Texts of the page: one JSON file a language. Messages of the library stay in English.
let texts = {};
let language = "en";
export const LANGUAGES = ["en", "zh"];

export async function choose(wanted) {
  const kept = (() => { try { return localStorage.getItem("language"); } catch { return null; } })();
  const own = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  language = [wanted, kept, own].find((one) => LANGUAGES.includes(one)) ?? "en";
  const answer = await fetch(`/workbench/strings/${language}.json`);
  texts = await answer.json();
  if (wanted) { try { localStorage.setItem("language", language); } catch { /* kept for this page alone */ } }
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  document.title = t("title");
  return language;
}

export const current = () => language;

export function t(key, values = {}) {
  const one = values.n === 1 && texts[`${key}.one`];
  const text = one || texts[key] || key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });
}

export const has = (key) => key in texts;

export function number(value, digits = 6) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: digits }).format(value);
}

export function percent(value) {
  const sign = { style: "percent", maximumFractionDigits: Math.abs(value) < 0.1 ? 1 : 0, signDisplay: "exceptZero" };
  return new Intl.NumberFormat(document.documentElement.lang, sign).format(value);
}

export function day(seconds, fine) {
  const shown = fine ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "medium" };
  return new Intl.DateTimeFormat(document.documentElement.lang, { ...shown, timeZone: "UTC" }).format(seconds * 1000);
}
