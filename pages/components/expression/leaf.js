// The values of a leaf: a field a number, and a slider for the one that was chosen last.

import { clamp, make } from "../common.js";
import { brief } from "./story.js";
import { size, tensor, written } from "./tensors.js";

const SHAPES = [[], [2], [3], [4], [1, 3], [3, 1], [2, 2], [2, 3], [3, 2], [3, 3]];
const MAX_VALUE = 1e6;
const START = [0.5, 2, -1, 1.5, 3, -0.5, 1, -2, 2.5];

const named = (shape) => {
  if (!shape.length) return "number";
  return `${shape.length === 1 ? "vector" : "matrix"} ${written(shape)}`;
};

/** Numbers to begin with, others for each leaf. */
export const start = (shape, number) =>
  tensor(shape, Array.from({ length: size(shape) }, (_, i) => START[(number + i) % START.length]));

export class Leaf {
  /** @param changed called with the name and the new value */
  constructor(name, value, changed) {
    Object.assign(this, { name, changed, chosen: 0 });
    this.head = make("span", { className: "name", textContent: name });
    this.shapes = make("select", { ariaLabel: `Shape of ${name}` });
    this.shapes.addEventListener("change", () => this.reshape());
    this.cells = make("div", { className: "cells" });
    this.slider = make("input", { type: "range", step: "any" });
    this.slider.addEventListener("input", () => this.set(this.chosen, Number(this.slider.value)));
    this.told = make("p", { className: "slope" });
    this.element = make("section", { className: "leaf-card", ariaLabel: `Leaf ${name}` },
      make("div", { className: "leaf-head" }, this.head, this.shapes), this.cells, this.slider,
      this.told);
    this.take(value);
  }

  /** Another value, of any shape. */
  take(value) {
    this.value = value;
    const shapes = SHAPES.map(written), own = written(value.shape);
    const all = shapes.includes(own) ? SHAPES : [...SHAPES, value.shape];
    this.options = all;
    this.shapes.replaceChildren(...all.map((shape, i) =>
      make("option", { value: i, textContent: named(shape) })));
    this.shapes.value = all.findIndex((shape) => written(shape) === own);
    this.chosen = Math.min(this.chosen, value.data.length - 1);
    const columns = value.shape.at(-1) ?? 1;
    this.cells.style.gridTemplateColumns = `repeat(${columns}, minmax(3.4rem, 5rem))`;
    this.fields = Array.from(value.data, (v, i) => this.field(i));
    this.cells.replaceChildren(...this.fields);
    this.element.classList.toggle("scalar", !value.shape.length);
    this.refresh(true);
  }

  field(index) {
    const field = make("input", { type: "number", step: "0.1", ariaLabel: this.at(index) });
    field.addEventListener("focus", () => this.choose(index));
    field.addEventListener("input", () => {
      const value = field.valueAsNumber;
      if (Number.isFinite(value) && Math.abs(value) <= MAX_VALUE) this.set(index, value, true);
    });
    field.addEventListener("blur", () => this.refresh());
    return field;
  }

  /** How one writes a number of it: A[0, 1]. */
  at(index) {
    const { shape } = this.value;
    if (!shape.length) return this.name;
    const columns = shape.at(-1);
    const place = shape.length === 1 ? [index] : [Math.floor(index / columns), index % columns];
    return `${this.name}[${place.join(", ")}]`;
  }

  choose(index) {
    this.chosen = index;
    this.refresh(true);
    this.changed(this.name, this.value, false);
  }

  set(index, value, typed = false) {
    const data = this.value.data.slice();
    const wanted = typed ? value : Number(value.toPrecision(3));
    data[index] = clamp(wanted, -MAX_VALUE, MAX_VALUE);
    this.value = { shape: this.value.shape, data };
    this.chosen = index;
    if (!typed) this.refresh();
    else this.slide();
    this.changed(this.name, this.value, true);
  }

  reshape() {
    const shape = this.options[this.shapes.value], old = this.value.data;
    const data = start(shape, this.name.charCodeAt(0)).data.map((v, i) => old[i] ?? v);
    this.take({ shape, data });
    this.changed(this.name, this.value, true, true);
  }

  /** Write the numbers into the fields, the slider and its range. */
  refresh(range = false) {
    this.fields.forEach((field, i) => {
      const text = `${Number(this.value.data[i].toPrecision(6))}`;
      if (field.value !== text) field.value = text;
      field.classList.toggle("chosen", this.fields.length > 1 && i === this.chosen);
    });
    this.slide(range);
  }

  slide(range = false) {
    const value = this.value.data[this.chosen], reach = Math.max(5, 2 * Math.abs(value));
    if (range || Math.abs(value) > this.slider.max) {
      this.slider.min = -reach;
      this.slider.max = reach;
    }
    this.slider.value = value;
    this.slider.ariaLabel = `Value of ${this.at(this.chosen)}`;
  }

  /** The gradient beside the slope of two values close by. */
  tell(gradient, slope) {
    const at = this.at(this.chosen);
    if (!gradient) return (this.told.textContent = "");
    const off = Math.abs(gradient.data[this.chosen] - slope);
    const beside = slope !== null
      ? `by differences ${brief(slope, 6)}, off by ${brief(off, 1)}`
      : "no value close by to take a difference from";
    return (this.told.textContent =
      `∂L/∂${at} = ${brief(gradient.data[this.chosen], 6)}; ${beside}`);
  }
}
