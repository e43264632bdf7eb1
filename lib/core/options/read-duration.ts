/** Reads a duration that is not written in the code. */
import { LockOptionsError, quoted } from '../../errors/index.js';
import { DURATION_HINT, parseDuration } from '../time/duration.js';
import { durationProblem } from './option-checks.js';

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
    `${called} ${durationProblem(given, name)}; it must be ${DURATION_HINT}.`,
  );
}
