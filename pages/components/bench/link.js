// Settings as text for an address: JSON, deflated, in the letters of base64url.

export const VERSION = 1;
export const MAX_CHARACTERS = 2000; // more is saved as a file
const MAX_BYTES = 100_000;

async function through(bytes, stream, most = Infinity) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > most) {
      reader.cancel();
      throw new Error("too long");
    }
    parts.push(part.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Text for an address from plain data. */
export async function pack(state) {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  const small = await through(bytes, new CompressionStream("deflate-raw"));
  const letters = btoa(String.fromCharCode(...small));
  return letters.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The data in a text; rejects with a sentence. */
export async function unpack(text) {
  let state = null;
  try {
    if (text.length > 4 * MAX_CHARACTERS) throw new Error("too long");
    const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const small = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const bytes = await through(small, new DecompressionStream("deflate-raw"), MAX_BYTES);
    state = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Error("This link is damaged or incomplete.");
  }
  if (state?.v !== VERSION) throw new Error("This link was made by another version of the lab.");
  return state;
}
