/** A duration that comes from outside of the code. */
import { LockOptionsError, quoted } from '../../errors/index.js';
import { DURATION_HINT, MAX_DURATION, parseDuration } from '../time/duration.js';
import { show } from './option-checks.js';

/**
 * Checks a duration that the compiler cannot: from the environment, or from `ConfigService`, which give strings.
 *
 * ```ts
 * useFactory: (config: ConfigService) => ({
 *   defaults: { ttl: duration(config.getOrThrow<string>('LOCK_TTL'), 'LOCK_TTL') },
 * })
 * ```
 * @param value a string with a unit, such as `'30s'`, or a number of milliseconds. A number in a string needs its unit:
 * whether seconds or milliseconds were meant is not known.
 * @param name what it is called, for the message.
 * @returns milliseconds, from 0.
 * @throws LockOptionsError for anything else, `undefined` and an empty string included.
 */
export function duration(value: string | number, name?: string): number {
  const given: unknown = typeof value === 'string' ? value.trim() : value;
  const parsed = parseDuration(given);
  if (parsed !== undefined) return parsed;
  const called = name === undefined ? 'The duration' : `The duration ${quoted(name)}`;
  throw new LockOptionsError(
    name ?? 'duration',
    value,
    `${called} ${problemOf(given, name)}; it must be ${DURATION_HINT}.`,
  );
}

function problemOf(given: unknown, name: string | undefined): string {
  if (given === '') return 'is an empty string';
  const shown = `is ${show(given, name)}`;
  if (typeof given === 'string' && /^\d+(\.\d+)?$/.test(given)) {
    return `${shown}, which has no unit: add one, such as 'ms' or 's'`;
  }
  const [, sign, amount] = /^(-?)(\d*\.?\d+) *[a-z]*$/i.exec(String(given)) ?? [];
  if (sign === '-') return `${shown}, which is negative`;
  return amount !== undefined && isTooLong(given) ? `${shown}, which is too long for a timer` : shown;
}

/** Is it a duration but for its length? */
function isTooLong(given: unknown): boolean {
  if (typeof given === 'number') return given > MAX_DURATION;
  const unit = /[a-z]+$/i.exec(String(given))?.[0] ?? '';
  return parseDuration(`1${unit}`) !== undefined;
}
