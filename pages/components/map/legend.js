// The legend: a button a class, which isolates it; a search field; a key to other colours.

import { make } from "../common.js";

export class Legend {
  /** @param on what is called: shown(Set or null), go(image number) gives a sentence or nothing */
  constructor(element, on) {
    this.element = element;
    this.on = on;
    this.list = element.querySelector(".legend");
    this.field = element.querySelector(".find input");
    this.everything = element.querySelector(".all");
    this.everything.addEventListener("click", () => this.choose(null));
    this.field.addEventListener("input", () => this.filter());
    this.field.addEventListener("keydown", (event) => event.key === "Enter" && this.enter());
  }

  /** Other classes or colours. @param names of the groups, by number; `none` of those without */
  build(groups, names, none, colours, coloured) {
    const counts = counted(groups);
    this.groups = [...names.keys(), -1].filter((g) => counts.get(g + 1));
    this.names = new Map([...names.entries(), [-1, none]]);
    const item = (g) => this.item(g, counts.get(g + 1), colours.own ? colours.css(g + 1) : "");
    this.list.replaceChildren(...this.groups.map(item));
    this.everything.hidden = !this.groups.length;
    this.field.placeholder = this.groups.length ? "Class or #123" : "#123";
    this.buildKey(colours, coloured);
    this.filter();
  }

  item(g, count, colour) {
    const name = this.names.get(g);
    const swatch = make("i", { className: colour ? "swatch" : "swatch plain" });
    swatch.style.background = colour;
    const toggle = make(
      "button",
      { type: "button", className: "toggle", title: `${name}: show or hide` },
      swatch,
      make("span", { className: "name", textContent: name }),
      make("span", { className: "count", textContent: count.toLocaleString("en") }),
    );
    toggle.addEventListener("click", (event) => (event.altKey ? this.only(g) : this.toggle(g)));
    toggle.addEventListener("dblclick", () => this.only(g));
    const only = make("button", {
      type: "button", className: "only", textContent: "only", ariaLabel: `Only ${name}`,
    });
    only.addEventListener("click", () => this.only(g));
    const row = make("li", {}, toggle, only);
    row.dataset.group = g;
    return row;
  }

  /** Colours that are not the legend's own: their names, or a bar. */
  buildKey(colours, { scale, names, title, low, high }) {
    const key = this.element.querySelector(".key"), bar = this.element.querySelector(".bar");
    key.hidden = scale || colours.own;
    bar.hidden = !scale;
    if (scale) {
      const stops = [0, 64, 127, 191, 254].map((v) => colours.css(v));
      bar.querySelector("p").textContent = title;
      bar.querySelector("div").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
      bar.querySelector(".low").textContent = short(low);
      bar.querySelector(".high").textContent = short(high);
    } else if (!colours.own) {
      const counts = counted(colours.values);
      const row = (value, name) => {
        const swatch = make("i", { className: "swatch" });
        swatch.style.background = colours.css(value);
        const count = (counts.get(value) ?? 0).toLocaleString("en");
        return make("li", {}, swatch, make("span", { className: "name", textContent: name }),
          make("span", { className: "count", textContent: count }));
      };
      const rows = names.map((name, k) => row(k + 1, name));
      if (counts.get(0)) rows.push(row(0, "Noise"));
      key.querySelector("ul").replaceChildren(...rows);
    }
  }

  /** Say which classes are shown. */
  mark(shown) {
    this.shown = shown;
    for (const row of this.list.children) {
      const pressed = !shown || shown.has(Number(row.dataset.group));
      row.querySelector(".toggle").ariaPressed = String(pressed);
    }
    this.everything.disabled = !shown;
  }

  toggle(g) {
    const next = new Set(this.shown ?? this.groups);
    if (!next.delete(g)) next.add(g);
    this.choose(next);
  }

  only(g) {
    this.choose(new Set([g]));
  }

  choose(shown) {
    this.on.shown(this.whole(shown));
  }

  /** All and none are the same: null. */
  whole(shown) {
    return !shown?.size || this.groups.every((g) => shown.has(g)) ? null : shown;
  }

  // ---- searching

  matches() {
    const wanted = this.field.value.trim().toLowerCase();
    if (wanted.startsWith("#")) return this.groups;
    return this.groups.filter((g) => this.names.get(g).toLowerCase().includes(wanted));
  }

  filter() {
    const matches = new Set(this.matches());
    for (const row of this.list.children) row.hidden = !matches.has(Number(row.dataset.group));
    this.say(matches.size || !this.groups.length ? "" : "There is no such class.");
  }

  enter() {
    const wanted = this.field.value.trim();
    if (!wanted) return;
    const number = /^#\s*(\d{1,9})$/.exec(wanted);
    const matches = this.matches();
    if (number) this.say(this.on.go(Number(number[1])) ?? "");
    else if (wanted.startsWith("#")) this.say("Write the number of an image behind #.");
    else if (matches.length === 1) this.only(matches[0]);
  }

  say(sentence) {
    this.element.querySelector(".message").textContent = sentence;
  }
}

function counted(values) {
  const counts = new Map();
  for (const v of values ?? []) counts.set(v, (counts.get(v) ?? 0) + 1);
  return counts;
}

/** A number in a few signs. */
export const short = (v) =>
  Number(v.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });
