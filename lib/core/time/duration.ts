/** Durations, as users write them: milliseconds, or a string such as `'30s'`. */
import ms from 'ms';

type Unit =
  | 'ms'
  | ('s' | 'sec' | 'second' | 'seconds')
  | ('m' | 'min' | 'minute' | 'minutes')
  | ('h' | 'hour' | 'hours')
  | ('d' | 'day' | 'days');

/** What {@link Duration} says of a string. The package `ms` reads more, such as `'5M'` as minutes. */
const FORM = /^-?\d*\.?\d+ ?(?:ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)$/;

/** Milliseconds, or a number with a unit: `'250ms'`, `'30s'`, `'5 minutes'`, `'1h'`, `'1d'`. */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`;

/** What a duration must be, for messages. */
export const DURATION_HINT = `milliseconds, or a string such as '250ms', '30s', '5m', '1h' or '1d'`;

/** The longest time that a timer can be set for, in ms. */
export const MAX_DURATION = 2_147_483_647;

/**
 * The duration in milliseconds. Undefined if the value is no duration: negative, not finite, a string without a unit, or
 * too long for a timer.
 */
export function parseDuration(value: unknown): number | undefined {
  const parsed = typeof value === 'string' && FORM.test(value) ? ms(value as ms.StringValue) : value;
  if (typeof parsed !== 'number' || !Number.isFinite(parsed)) return undefined;
  if (parsed < 0 || parsed > MAX_DURATION) return undefined;
  return parsed;
}
