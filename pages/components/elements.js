// What every component of ours needs to build its elements. First in the module of each.

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const make = (name, properties, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};
