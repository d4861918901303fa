// What components share.

export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** An element with properties and children. */
export function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Offers a file to take away: a blob, or a text of a type. */
export function save(content, name, type) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // some browsers begin late
}

/** The bytes at an address; null when they break off. Rejects with a sentence, the server's own
 * where it has said one. */
export async function fetchBytes(url, name) {
  const answer = await fetch(url).catch(() => null);
  if (!answer) throw new Error(`The ${name} did not arrive: the server cannot be reached.`);
  if (!answer.ok) {
    const said = await answer.json().catch(() => null);
    throw new Error(said?.error ?? `The ${name} did not arrive (error ${answer.status}).`);
  }
  return answer.arrayBuffer().catch(() => null);
}

/**
 * Where an arrow key, Home or End leads in a grid of elements; null for another key. It may lead
 * out of the grid.
 */
export function step(elements, from, key, last = elements.length - 1) {
  const row = [...elements].findIndex(({ offsetTop }) => offsetTop > elements[0].offsetTop);
  const across = row < 0 ? elements.length : row;
  const to = {
    ArrowRight: from + 1,
    ArrowLeft: from - 1,
    ArrowDown: from + across,
    ArrowUp: from - across,
    Home: 0,
    End: last,
  }[key];
  return to ?? null;
}

/** Whether the visitor wants no motion. */
export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * The function of a component that Streamlit calls at first and after each run, in which the
 * elements stay; what it gives is called when they go. A run that is followed by another before
 * this module has arrived calls it too, though the elements stay. Until then they are `inert` in
 * the HTML, where one can press any: a press would be lost.
 * @param Component a class: made of the element, with `update` for what Python says, and `close`
 */
export function component(selector, Component) {
  return ({ parentElement, ...news }) => {
    const root = parentElement.querySelector(selector);
    root.instance ??= new Component(root);
    root.instance.update(news);
    root.inert = false;
    return () => setTimeout(() => root.isConnected || root.instance.close?.());
  };
}
