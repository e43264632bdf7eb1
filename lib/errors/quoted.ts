/** Formats text from outside (a key, a holder's label, a server's message) for error messages and the log. */

/** The longest text that is shown whole. */
const LONGEST = 120;

/** How many keys of a list are shown. */
const MOST = 10;

/** Text without a character to escape. Nearly all keys match. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * Control characters, line separators, formatting characters (also the bidirectional ones), halves of surrogate pairs,
 * and code points without a character.
 */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A key or a label in double quotes, on one line, as a JavaScript literal. A long text is cut, and its length is added,
 * because a key may come from a client.
 */
export function quoted(text: string): string {
  if (typeof text !== 'string') return String(text);
  if (text.length <= LONGEST) return `"${escaped(text)}"`;
  return `"${escaped(beginningOf(text, LONGEST))}…" (${text.length} characters)`;
}

/** The first keys of a list, quoted, and the number of the others. */
export function quotedList(texts: readonly string[]): string {
  const shown = texts.slice(0, MOST).map(quoted).join(', ');
  return texts.length > MOST ? `${shown} and ${texts.length - MOST} more` : shown;
}

/** Text from outside, such as a server's message, on one line and without quotes. Text longer than `longest` is cut. */
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

/** The first `length` characters, or one less, so that no surrogate pair is cut in half. */
function beginningOf(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}
