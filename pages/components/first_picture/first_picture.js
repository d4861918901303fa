// Takes the first picture away once the real one is there: what the server has put into the page's
// HTML stands before Streamlit has begun, and hides the page as it comes to be.

const LONGEST = 15000; // milliseconds until the page is shown in whatever state it is
const STILL = 3; // looks, 50 ms apart, in which the picture stays where it is
const WITHOUT = 20; // looks in which only a message is there, where the picture should be
const ENDED = "[data-test-script-state='notRunning']";
const COMING = "[data-testid='stSkeleton']"; // in the place of what still loads its script
const SAID = "[data-testid='stException'], [data-testid='stAlert'], [role='dialog']";

/** All elements of a selector, also within open shadow roots. */
export function* found(root, selector) {
  yield* root.querySelectorAll(selector);
  for (const host of root.querySelectorAll("[data-testid^='stBidiComponent'], [data-testid^='stBidiComponent'] *"))
    if (host.shadowRoot) yield* found(host.shadowRoot, selector);
}

/** Where one sees an element; nothing while a picture is not there yet. */
function place(element) {
  const { x, y, width, height } = element.getBoundingClientRect();
  const there = element.tagName !== "IMG" || (element.complete && element.naturalWidth > 0);
  return there && width > 0 ? [x, y, width, height].map(Math.round).join(" ") : "";
}

/** Remove `first` once the page in `root` has its picture, its script has run, and nothing moves. */
export function watch(first, root, now = () => performance.now()) {
  const until = now() + LONGEST;
  let before = "", still = 0;
  const look = () => {
    const [real] = found(root, first.dataset.ready);
    const whole = root.querySelector(ENDED) && !root.querySelector(COMING);
    const shown = whole && (real ?? root.querySelector(SAID));
    const at = shown ? place(shown) : "";
    still = at && at === before ? still + 1 : 0;
    before = at;
    if (still >= (real ? STILL : WITHOUT) || now() >= until) first.remove();
    else setTimeout(look, 50);
  };
  look();
}

const first = globalThis.document?.getElementById("first-picture");
if (first) watch(first, document.getElementById("root"));
