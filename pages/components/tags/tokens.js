// A text cut into words as the Brown corpus has them; `core/inference/sentences.py` cuts by the same
// rule.

const BLANK = "\\x00-\\x20\\x7f-\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff";
const MARK = '.,;:!?()\\[\\]{}"“”„«»‘…—–<>|*_=+~^`\\\\';
const SHORT = "Mr|Mrs|Ms|Dr|St|Jr|Sr|Gen|Sen|Rep|Gov|Prof|Mt|Inc|Corp|Co|Ltd|vs|etc";
const WORD = new RegExp(
  `(?:${SHORT})\\.|(?:[A-Za-z]\\.){2,}|[^${BLANK}${MARK}]+(?:[.,:][^${BLANK}${MARK}]+)*` +
    `|--+|\\.\\.\\.|\`\`|[${MARK}]`,
  "gu",
);
const READ_AS = {
  "“": "``", "„": "``", "«": "``", "”": "''", "»": "''", "—": "--", "–": "--", "‘": "`", "…": "...",
};

/** The words of a text. */
export const wordsOf = (text) => text.match(WORD) ?? [];

/** Words as the corpus writes them: its quotation marks and dashes, and straight apostrophes. */
export function asRead(words) {
  let opened = false;
  return words.map((word) => {
    if (word !== '"') return READ_AS[word] ?? word.replaceAll("’", "'");
    opened = !opened;
    return opened ? "``" : "''";
  });
}
