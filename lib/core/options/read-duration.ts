/** Reads a duration that is not written in the code. */
import { LockOptionsError, quoted } from '../../errors/index.js';
import { DURATION_HINT, MAX_DURATION, parseDuration } from '../time/duration.js';
import { show } from './option-checks.js';

/**
 * Checks a duration that the compiler cannot check, because it comes as a string from the environment or from
 * `ConfigService`.
 *
 * ```ts
 * useFactory: (config: ConfigService) => ({
 *   defaults: { ttl: duration(config.getOrThrow<string>('LOCK_TTL'), 'LOCK_TTL') },
 * })
 * ```
 * @param value a string with a unit, such as `'30s'`, or a number of milliseconds. A number in a string needs a unit:
 * without it, the number could mean seconds or milliseconds.
 * @param name the name of the setting, for the message.
 * @returns milliseconds, at least 0.
 * @throws LockOptionsError for any other value. `undefined` and an empty string are invalid too.
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

/** Whether the value would be a duration if it were shorter. */
function isTooLong(given: unknown): boolean {
  if (typeof given === 'number') return given > MAX_DURATION;
  const unit = /[a-z]+$/i.exec(String(given))?.[0] ?? '';
  return parseDuration(`1${unit}`) !== undefined;
}
