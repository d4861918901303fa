// An expression and its leaves in the address: w(0.5)x(1_2_3)A(1_2__3_4).

/** The values as they stand in an address; `read_leaves` in __init__.py reads them. */
export function valuesText(names, leaves) {
  return names.map((name) => `${name}(${one(leaves[name])})`).join("");
}

function one({ shape, data }) {
  const numbers = Array.from(data, (v) => `${Number(v.toPrecision(6))}`.replace("+", ""));
  if (!shape.length) return numbers[0];
  if (shape.length === 1) return numbers.join("_") + (numbers.length === 1 ? "_" : "");
  const rows = Array.from({ length: shape[0] }, (_, i) =>
    numbers.slice(i * shape[1], (i + 1) * shape[1]).join("_"));
  return rows.join("__") + (rows.length === 1 ? "__" : "");
}

/** A query with these values, without those that are null; the others stay as they are. */
export function queryWith(query, values) {
  const kept = new URLSearchParams(query);
  for (const name of Object.keys(values)) kept.delete(name);
  const parts = kept.size ? [`${kept}`] : [];
  for (const [name, value] of Object.entries(values)) {
    if (value !== null) parts.push(`${name}=${encodeURIComponent(value)}`);
  }
  return parts.length ? `?${parts.join("&")}` : "";
}
