/** Parts of all checks of options: how a value is shown, which name was probably meant, and the error. */
import { inspect } from 'node:util';
import { HIDDEN, LockOptionsError, namesSecret, printable, quoted, redactUrl } from '../../errors/index.js';
import { DURATION_HINT, parseDuration } from '../time/duration.js';

const LONGEST_SHOWN = 80;

/**
 * The value of a known option, as a message shows it: short, and on one text line. What may be a password is left out:
 * in a URL, in an option with such a name, and in a property of an object.
 */
export function show(value: unknown, name = ''): string {
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return showObject(value);
  if (namesSecret(name)) return HIDDEN;
  return printable(inspect(typeof value === 'string' ? redactUrl(value) : value), LONGEST_SHOWN);
}

/** Shows the names of the properties alone. */
function showObject(value: object): string {
  const type = value.constructor?.name ?? 'Object';
  if (type !== 'Object') return `of the class ${type}`;
  const names = Object.keys(value);
  const more = names.length > 5 ? ', …' : '';
  return names.length === 0 ? '{}' : `{ ${names.slice(0, 5).map(printableName).join(', ')}${more} }`;
}

function printableName(name: string): string {
  return printable(name, LONGEST_SHOWN);
}

/** @param right describes a valid value: the end of "it must be …". */
export function badOption(path: string, value: unknown, right: string): LockOptionsError {
  return new LockOptionsError(
    path,
    value,
    `The lock option "${path}" is ${show(value, path)}; it must be ${right}.`,
  );
}

/**
 * The message does not show the value: a misspelt name does not tell whether the value is a password.
 * @param within the path of the object that has the option. Empty at the top.
 */
export function unknownOption(within: string, name: string, known: Iterable<string>): LockOptionsError {
  const names = [...known];
  const path = join(within, name);
  const meant = closest(name, names);
  const cure =
    meant === undefined
      ? `Known ${within === '' ? 'here' : `in "${within}"`}: ${names.join(', ')}.`
      : `Did you mean "${join(within, meant)}"?`;
  return new LockOptionsError(path, undefined, `There is no lock option ${quoted(path)}. ${cure}`);
}

export function join(within: string, name: string): string {
  return within === '' ? name : `${within}.${name}`;
}

/** @throws LockOptionsError unless the value is an object of options. */
export function checkObject(path: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badOption(path, value, 'an object of options');
  }
}

/** @throws LockOptionsError for the first name that is not in `known`. */
export function checkNames(within: string, options: object, known: ReadonlySet<string>): void {
  for (const name in options) {
    if (!known.has(name)) throw unknownOption(within, name, known);
  }
}

/** @returns milliseconds. */
export function checkDuration(path: string, value: unknown, least: number): number {
  const parsed = parseDuration(value);
  if (parsed !== undefined && parsed >= least) return parsed;
  const bound = least === 0 ? '' : `, of at least ${least} ms`;
  throw badOption(path, value, `a duration in ${DURATION_HINT}${bound}`);
}

export function checkBoolean(path: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw badOption(path, value, 'true or false');
}

/**
 * The known name that was probably meant by `name`.
 * @param most how many edits the known name may differ by.
 */
export function closest(
  name: string,
  known: readonly string[],
  most = Math.max(1, Math.floor(name.length / 3)),
): string | undefined {
  if (name.length > LONGEST_SHOWN) return undefined;
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let least = most + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's distance. A swap of two neighbours counts as one edit. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, rows[i - 2][j - 2] + 1);
      }
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
