// The page: what was sent, what is asked, what came of it.
import { Fault, ask, discard, end, follow, get, onToken, upload } from "./api.js";
import { drawAsk } from "./ask.js";
import { $, announce, h } from "./dom.js";
import { example } from "./example.js";
import { drawFound } from "./found.js";
import { choose, current, t } from "./i18n.js";
import { Results } from "./results.js";
import { Run } from "./run.js";
import { View } from "./view.js";

const state = {
  models: [{ name: "auto", about: "" }], data: {}, file: "", upload: null, found: null, reading: null, running: null, job: null, result: null, backtest: null,
  asked: { model: "auto", horizon: null, limit: 60, levels: [80, 95], backtest: true },
  series: () => view.name,
};
const view = new View($("series"), fail);
const results = new Results($("results"), state, fail);
const run = new Run($("run"), cancel);

function draw() {
  const open = new Map([...document.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
  drawFound($("found"), state, (data) => read(data));
  for (const [id, was] of open) if ($(id)) $(id).open = was;
  drawAsk($("ask"), state, forecast);
  results.show();
}

function fail(error) {
  if (error?.name === "AbortError") return;
  const box = $("alert");
  const detail = h("span", error instanceof Fault ? { lang: "en" } : {}, error.message);
  box.replaceChildren(h("p", {}, h("strong", {}, t("error.title")), detail), h("button", { type: "button", class: "quiet", onclick: () => { box.hidden = true; } }, t("error.close")));
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
}

const clean = (data) => Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));

async function finished(asked, tell, signal) {
  const ended = await follow(asked.id, tell, signal);
  if (ended.status === "failed") throw new Fault(ended.error, ended.error.status);
  if (ended.status !== "done") throw new DOMException("cancelled", "AbortError");
  return get(`/jobs/${asked.id}/result`);
}

async function send(file) {
  $("alert").hidden = true;
  document.body.setAttribute("aria-busy", "true");
  $("choose").disabled = $("example").disabled = true;
  announce(t("start.sending", { name: file.name }));
  try {
    const sent = await upload(file.name, file);
    forget();
    Object.assign(state, { file: sent.name, upload: sent.id, data: {}, found: null, result: null, backtest: null, job: null });
    state.asked.horizon = null;
    begin();
    await read({});
  } catch (error) {
    fail(error);
    if (!state.found) home();
  } finally {
    document.body.removeAttribute("aria-busy");
    $("choose").disabled = $("example").disabled = false;
  }
}

function begin() {
  $("start").hidden = true;
  $("work").hidden = $("where").hidden = false;
  $("file-name").textContent = state.file;
  $("series").hidden = $("results").hidden = true;
  draw();
}

async function read(data) {
  state.reading?.abort();
  const mine = state.reading = new AbortController();
  state.data = clean(data);
  state.result = state.backtest = null;
  draw();
  try {
    const asked = await ask({ kind: "describe", upload: state.upload, data: state.data });
    const found = await finished(asked, () => {}, mine.signal);
    if (state.reading !== mine) return;
    state.reading = null;
    state.found = found;
    if (found.fault) $("series").hidden = true;
    else await view.open(asked.id, found.horizon);
    announce(found.fault ? t("found.fault") : t("found.done", { n: found.series }));
  } catch (error) {
    if (state.reading === mine) state.reading = null;
    if (!state.found && error.name !== "AbortError") home();
    fail(error);
  }
  draw();
}

async function forecast() {
  $("alert").hidden = true;
  const { asked, upload: file, data } = state;
  state.result = state.backtest = null;
  results.explained.clear();
  const mine = state.running = { stop: new AbortController(), job: null };
  draw();
  run.begin("forecast");
  try {
    const job = await ask({ kind: "forecast", upload: file, data, model: asked.model, horizon: asked.horizon, levels: asked.levels, time_limit: asked.limit });
    mine.job = job.id;
    const result = await finished(job, (kind, value) => run.tell(kind, value), mine.stop.signal);
    Object.assign(state, { job: job.id, result });
    history.replaceState(null, "", `#job=${job.id}`);
    await view.open(job.id, result.horizon);
    announce(t("run.done"));
    if (matchMedia("(max-width: 860px)").matches) $("series").scrollIntoView();
  } catch (error) {
    fail(error);
  }
  run.end();
  state.running = null;
  draw();
  if (state.result && asked.backtest) backtest();
}

// Judges the model at the last origins, once the forecast is there to be looked at.
async function backtest() {
  const { result, upload: file, data, job: of } = state;
  const mine = state.backtest = {};
  results.show();
  try {
    const job = await ask({ kind: "backtest", upload: file, data, of, horizon: result.horizon, levels: [] });
    mine.job = job.id;
    Object.assign(mine, await finished(job, () => {}));
  } catch (error) {
    mine.error = error.message;
  }
  if (state.backtest === mine) results.show();
}

async function cancel() {
  const { running } = state;
  running?.stop.abort();
  if (running?.job) await end(running.job);
  announce(t("run.cancelled"));
}

function forget() {
  for (const job of [state.job, state.backtest?.job, state.running?.job]) if (job) end(job);
  if (state.upload) discard(state.upload);
}

function home() {
  $("work").hidden = $("where").hidden = true;
  $("start").hidden = false;
  history.replaceState(null, "", "/");
}

// A link to a finished forecast opens it again, as long as the server keeps it.
async function reopen(job) {
  const [result, index] = [get(`/jobs/${job}/result`), get(`/jobs/${job}/series`)];
  for (const early of [result, index]) early.catch(() => {}); // the first answer says what is wrong
  const about = await get(`/jobs/${job}`);
  if (about.kind !== "forecast" || about.status !== "done") return;
  const { model, horizon, levels, time_limit: limit, data } = about.request;
  Object.assign(state, { file: about.file, upload: about.upload, data, job, result: await result });
  Object.assign(state.asked, { model, horizon, levels, limit });
  begin();
  await view.open(job, state.result.horizon, index);
  const described = await ask({ kind: "describe", upload: state.upload, data });
  state.found = await finished(described, () => {});
  end(described.id);
  draw();
}

function listen() {
  const [drop, file] = [$("drop"), $("file")];
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  $("choose").addEventListener("click", () => file.click());
  $("another").addEventListener("click", () => file.click());
  file.addEventListener("change", () => { if (file.files[0]) send(file.files[0]); file.value = ""; });
  $("example").addEventListener("click", () => send(example()));
  $("home").addEventListener("click", (event) => { event.preventDefault(); $("alert").hidden = true; home(); });
  addEventListener("dragover", (event) => { if (carries(event)) { event.preventDefault(); drop.classList.add("over"); } });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  addEventListener("drop", (event) => {
    drop.classList.remove("over");
    if (!carries(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
  });
  $("theme").value = latentcastTheme.choice();
  $("theme").addEventListener("change", (event) => latentcastTheme.choose(event.target.value));
  $("language").addEventListener("change", async (event) => {
    await choose(event.target.value);
    draw();
    if (view.index && !$("series").hidden) { view.build(); view.filter(""); view.choose(view.chosen); }
  });
  view.picked = () => { if (results.tab === "explain" && state.result) results.fill(); };
}

async function start() {
  await choose();
  $("language").value = current();
  onToken(() => new Promise((done) => {
    const box = $("token");
    box.addEventListener("close", () => { const text = $("token-text").value; $("token-text").value = ""; done(text || null); }, { once: true });
    box.showModal();
  }));
  listen();
  document.body.dataset.ready = "true";
  try {
    const models = get("/jobs/models").then((answer) => { state.models = answer.models; });
    const job = /^#job=([0-9a-f]+)$/.exec(location.hash)?.[1];
    await Promise.all([models, job ? reopen(job) : null]);
  } catch (error) {
    if (error.status === 404) history.replaceState(null, "", "/");
    fail(error.status === 404 ? new Error(t("error.gone")) : error);
  }
}

start();
