// Progress of a job while it runs, and the button that ends it.
import { announce, h } from "./dom.js";
import { has, number, t } from "./i18n.js";

export class Run {
  constructor(card, cancel) { Object.assign(this, { card, cancel }); }

  begin(kind) {
    this.title = h("h2", { id: "run-title" }, t(`run.${kind}`));
    this.bar = h("span");
    this.track = h("div", { class: "bar wandering", role: "progressbar", "aria-labelledby": "run-title" }, this.bar);
    this.clock = h("span", { class: "muted small" });
    this.log = h("ol", { class: "log", tabindex: "0", "aria-label": t("run.log"), lang: "en" });
    const stop = h("button", { type: "button", id: "cancel", onclick: () => { stop.disabled = true; this.cancel(); } }, t("run.cancel"));
    this.card.replaceChildren(h("div", { class: "row spread" }, this.title, h("div", { class: "row" }, this.clock, stop)), this.track, this.log);
    this.card.hidden = false;
    const began = performance.now();
    clearInterval(this.ticking);
    this.ticking = setInterval(() => { this.clock.textContent = t("run.seconds", { n: Math.round((performance.now() - began) / 1000) }); }, 1000);
    announce(this.title.textContent);
  }

  tell(kind, data) {
    if (kind === "line") this.say(data.text);
    if (kind === "state" && data.status === "queued" && data.ahead) this.say(t("run.ahead", { n: data.ahead }));
    if (kind !== "progress") return;
    const share = Math.min(1, data.done / data.steps);
    this.track.classList.remove("wandering");
    this.track.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    this.bar.style.width = `${100 * share}%`;
    const stage = has(`stage.${data.stage}`) ? t(`stage.${data.stage}`) : data.stage;
    this.clock.textContent = t("run.step", { stage, done: data.done, steps: data.steps });
  }

  say(text) {
    this.log.append(h("li", {}, text));
    this.log.scrollTop = this.log.scrollHeight;
  }

  end() { clearInterval(this.ticking); this.card.hidden = true; }
}

export const seconds = (value) => number(value, 3);
