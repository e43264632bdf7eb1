/** How foreign text (a key, a holder's label, what a server said) stands in messages and log lines. */

/** The longest text that is shown whole. */
const LONGEST = 120;

/** How many of a list are shown. */
const MOST = 10;

/** Nearly all keys: nothing to escape. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * Control characters, line separators, formatting characters (the bidirectional ones among them), halves of surrogate
 * pairs, and what has no character.
 */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A key or a label in double quotes, on one line, as JavaScript would write it. A long one is cut, and its length is told:
 * a key may come from a client.
 */
export function quoted(text: string): string {
  if (typeof text !== 'string') return String(text);
  if (text.length <= LONGEST) return `"${escaped(text)}"`;
  return `"${escaped(beginningOf(text, LONGEST))}…" (${text.length} characters)`;
}

/** Several keys, quoted; not more than a line has room for. */
export function quotedList(texts: readonly string[]): string {
  const shown = texts.slice(0, MOST).map(quoted).join(', ');
  return texts.length > MOST ? `${shown} and ${texts.length - MOST} more` : shown;
}

/** Text of somebody else's, such as a server's message: on one line, without quotes, cut. */
export function printable(text: string, longest = 1_000): string {
  const shown = text.length > longest ? `${beginningOf(text, longest)}…` : text;
  return shown.replace(UNPRINTABLE, codeOf);
}

function escaped(text: string): string {
  return PLAIN.test(text) ? text : text.replace(/["\\]/g, '\\$&').replace(UNPRINTABLE, codeOf);
}

function codeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return SHORT[character] ?? (code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`);
}

/** Not in the middle of a character. */
function beginningOf(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}
