/** Parts of all checks of options: how a value is shown, which name was probably meant, and the error. */
import { inspect } from 'node:util';
import { HIDDEN, LockOptionsError, namesSecret, printable, quoted, redactUrl } from '../../errors/index.js';
import { DURATION_HINT, MAX_DURATION, parseDuration } from '../time/duration.js';

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

/** The options that `@Locked` alone has, and what to do elsewhere. */
const OF_DECORATOR: Readonly<Record<string, string>> = {
  onBusy: ' Use tryAcquire(), which returns null if the lock is busy, or catch the LockBusyError.',
  service: ` Inject the service of a named module by @InjectLockService('name').`,
  busyStatus: '',
  holdUntil: '',
  abortOn: '',
};

/** Names that other lock libraries use, in lower case, and the option that they mean here. */
const NAMES_ELSEWHERE: Readonly<Record<string, string>> = {
  acquiretimeout: 'wait',
  retry: 'wait',
  retrycount: 'wait',
  retries: 'wait',
  timeout: 'wait',
  duration: 'ttl',
  expire: 'ttl',
  expiration: 'ttl',
  lease: 'ttl',
  leasetime: 'ttl',
  locktimeout: 'ttl',
  client: 'redis',
  connection: 'redis',
  host: 'redis',
  port: 'redis',
  url: 'redis',
};

/**
 * The message does not show the value: a misspelt name does not tell whether the value is a password.
 * @param within the path of the object that has the option. Empty at the top.
 */
export function unknownOption(within: string, name: string, known: Iterable<string>): LockOptionsError {
  const names = [...known];
  const path = join(within, name);
  if (within === '' && Object.hasOwn(OF_DECORATOR, name)) {
    return new LockOptionsError(
      path,
      undefined,
      `The lock option "${name}" is for @Locked alone.${OF_DECORATOR[name]}`,
    );
  }
  const elsewhere = NAMES_ELSEWHERE[name.toLowerCase()];
  const meant = names.includes(elsewhere) ? elsewhere : closest(name, names);
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
    if (path !== 'options') throw badOption(path, value, 'an object of options');
    throw new LockOptionsError(
      path,
      value,
      `The lock options are ${show(value)}; they must be an object of options.`,
    );
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
  throw new LockOptionsError(
    path,
    value,
    `The lock option "${path}" ${durationProblem(value, path)}; it must be a duration in ${DURATION_HINT}${bound}.`,
  );
}

/** What is wrong with a duration, as `is '30', which has no unit: …`. @param name the name of the option or setting */
export function durationProblem(given: unknown, name?: string): string {
  if (given === '') return 'is an empty string';
  const shown = `is ${show(given, name)}`;
  if (typeof given === 'string' && /^\d+(\.\d+)?$/.test(given)) {
    return `${shown}, which has no unit: add one, such as 'ms' or 's'`;
  }
  const text = typeof given === 'string' || typeof given === 'number' ? String(given) : '';
  const [, sign, amount] = /^(-?)(\d*\.?\d+) *[a-z]*$/i.exec(text) ?? [];
  if (sign === '-') return `${shown}, which is negative`;
  const tooLong = given === Infinity || (amount !== undefined && isTooLong(given));
  return tooLong ? `${shown}, which is too long for a timer (the longest time is 596h)` : shown;
}

/** Whether the value would be a duration if it were shorter. */
function isTooLong(given: unknown): boolean {
  if (typeof given === 'number') return given > MAX_DURATION;
  if (parseDuration(given) !== undefined) return false;
  const unit = /[a-z]+$/i.exec(String(given))?.[0] ?? '';
  return parseDuration(`1${unit}`) !== undefined;
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
