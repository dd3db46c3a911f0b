// A listbox of any length: only the rows in sight exist.
import { h } from "./dom.js";
import { percent } from "./i18n.js";

const ROW = 36;

export class List {
  constructor(place, label, choose) {
    this.choose = choose;
    this.all = h("div", { class: "list-all" });
    this.box = h("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": label }, this.all);
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    this.box.addEventListener("keydown", (event) => this.key(event));
    place.append(this.box);
    this.drawn = new Map();
    this.selected = null;
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  show(items, names, changes) {
    Object.assign(this, { items, names, changes });
    this.all.style.height = `${items.length * ROW}px`;
    this.box.style.height = `${names.length * ROW + 2}px`;
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
    this.draw();
  }

  draw() {
    if (!this.items) return;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 4);
    const last = Math.min(this.items.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + 4);
    for (const [at, row] of this.drawn) if (at < first || at >= last) { row.remove(); this.drawn.delete(at); }
    for (let at = first; at < last; at += 1) if (!this.drawn.has(at)) this.drawn.set(at, this.row(at));
  }

  row(at) {
    const item = this.items[at];
    const change = this.changes?.[item];
    const row = h("div", {
      class: "option", role: "option", id: `series-${item}`, "aria-selected": String(item === this.selected),
      "aria-setsize": this.items.length, "aria-posinset": at + 1, title: this.names[item], onclick: () => this.choose(item),
    }, h("span", {}, this.names[item]), Number.isFinite(change) ? h("span", { class: "change" }, percent(change)) : null);
    row.style.transform = `translateY(${at * ROW}px)`;
    this.all.append(row);
    return row;
  }

  select(item) {
    this.selected = item;
    for (const [at, row] of this.drawn) row.setAttribute("aria-selected", String(this.items[at] === item));
    const at = this.items.indexOf(item);
    if (at < 0) { this.box.removeAttribute("aria-activedescendant"); return; }
    const top = at * ROW;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + ROW - this.box.clientHeight;
    this.draw();
    this.box.setAttribute("aria-activedescendant", `series-${item}`);
  }

  // The items that are `steps` away from one, as far as there are any.
  near(item, steps) {
    const at = this.items.indexOf(item);
    return at < 0 ? [] : steps.map((step) => this.items[at + step]).filter((next) => next !== undefined);
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !this.items.length) return;
    event.preventDefault();
    const at = this.items.indexOf(this.selected);
    const next = at < 0 ? 0 : Math.min(this.items.length - 1, Math.max(0, at + steps[event.key]));
    this.choose(this.items[next], Math.sign(next - at));
  }
}
