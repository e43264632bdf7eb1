/** Durations and text from outside, as people read them. */

/** Control characters, line separators, formatting characters (also the bidirectional ones), and lone surrogates. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

/** Text from outside without characters that a terminal obeys: ESC becomes `\x1b`. */
export function plain(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
    return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
  });
}

/** JSON without characters that a terminal obeys. It means the same, because they are escaped. */
export function json(value: unknown): string {
  return JSON.stringify(value).replace(UNPRINTABLE, (character) =>
    // A character beyond U+FFFF is two code units, and JSON escapes each.
    Array.from({ length: character.length }, (_, i) => jsonEscape(character.charCodeAt(i))).join(''),
  );
}

/** A key in a sentence: in quotes, and whole, because keys may differ at the end. */
export const named: (key: string) => string = json;

function jsonEscape(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}

/** Text as one word of a POSIX shell, so that a command can be copied. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${plain(text).replaceAll("'", `'\\''`)}'`;
}

/** @param ms a duration, or undefined if nobody has told it. */
export function span(ms: number | undefined): string {
  if (ms === undefined) return '?';
  if (ms === Infinity) return 'for ever';
  if (ms < SECOND - 0.5) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < MINUTE - 50) return `${(ms / SECOND).toFixed(1)}s`;
  const whole = Math.round(ms / SECOND) * SECOND;
  if (whole < HOUR) return pair(whole, [MINUTE, 'm'], [SECOND, 's']);
  return whole < DAY ? pair(whole, [HOUR, 'h'], [MINUTE, 'm']) : pair(whole, [DAY, 'd'], [HOUR, 'h']);
}

function pair(ms: number, [large, first]: [number, string], [small, second]: [number, string]): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)}${first}${rest > 0 ? `${rest}${second}` : ''}`;
}

/** `1 caller`, `2 callers`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`;
}
