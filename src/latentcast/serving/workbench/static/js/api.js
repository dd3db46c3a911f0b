// The server's routes. Every fault is an Error whose message can be shown; a token is asked for when it is wanted.
import { t } from "./i18n.js";

let askToken = async () => null;
let asking = null; // several requests may be refused at once, and a person is asked once
const token = () => { try { return sessionStorage.getItem("token"); } catch { return null; } };

export const onToken = (ask) => { askToken = ask; };

export class Fault extends Error {
  constructor(problem, status) {
    super(problem.detail || problem.title || t("error.status", { status: String(status) }));
    this.status = status;
    this.problem = problem;
  }
}

export async function call(method, path, { body, type, signal, headers = {} } = {}) {
  const given = token();
  const sent = { ...headers, ...(type ? { "content-type": type } : {}), ...(given ? { authorization: `Bearer ${given}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { method, body, signal, headers: sent });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault({ detail: t("error.offline") }, 0);
  }
  if (answer.status === 401) {
    asking ??= askToken().finally(() => { asking = null; });
    const text = await asking;
    if (text) {
      sessionStorage.setItem("token", text);
      return call(method, path, { body, type, signal, headers });
    }
  }
  if (!answer.ok) throw new Fault(await answer.json().catch(() => ({})), answer.status);
  return answer;
}

export const get = async (path, options) => (await call("GET", path, options)).json();
export const ask = async (values) =>
  (await call("POST", "/jobs", { body: JSON.stringify(values), type: "application/json" })).json();
export const end = (job) => call("DELETE", `/jobs/${job}`).catch(() => null);
export const discard = (upload) => call("DELETE", `/uploads/${upload}`).catch(() => null);
export const upload = async (name, body) =>
  (await call("POST", `/uploads?name=${encodeURIComponent(name)}`, { body, type: "application/octet-stream" })).json();

// Follows a job to its end; after a broken connection it goes on behind the last event.
export async function follow(job, tell, signal) {
  let last = 0;
  for (let tries = 0; tries < 5; tries += 1) {
    try {
      const answer = await call("GET", `/jobs/${job}/events`, { signal, headers: { "last-event-id": String(last) } });
      for await (const event of events(answer.body)) {
        last = event.id;
        tries = 0;
        tell(event.kind, event.data);
        if (["done", "failed", "cancelled"].includes(event.data.status)) return event.data;
      }
    } catch (error) {
      if (error.name === "AbortError" || error.status === 404) throw error;
    }
    await new Promise((go) => setTimeout(go, 500 * (tries + 1)));
  }
  throw new Fault({ detail: t("error.offline") }, 0);
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    kept += value;
    const parts = kept.split("\n\n");
    kept = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      if (fields.data) yield { id: Number(fields.id), kind: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

export async function download(job, name, as) {
  const blob = await (await call("GET", `/jobs/${job}/files/${name}`)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = as;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
