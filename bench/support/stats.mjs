// Medians, percentiles, and the trust that the figures of several processes deserve.
export function sorted(values) {
  return Float64Array.from(values).sort();
}

/** Of sorted values, by the nearest rank. */
export function percentile(ascending, p) {
  if (ascending.length === 0) return NaN;
  return ascending[Math.min(ascending.length - 1, Math.max(0, Math.ceil((p / 100) * ascending.length) - 1))];
}

export function median(values) {
  const ascending = sorted(values);
  if (ascending.length === 0) return NaN;
  const middle = ascending.length >> 1;
  return ascending.length % 2 === 1 ? ascending[middle] : (ascending[middle - 1] + ascending[middle]) / 2;
}

/** Half the distance between the quartiles, relative to the median: how far rounds of the same work differ. */
export function spread(values) {
  const ascending = sorted(values);
  return (percentile(ascending, 75) - percentile(ascending, 25)) / 2 / median(values);
}

export const sum = (values) => values.reduce((total, value) => total + value, 0);

export const mean = (values) => sum(values) / values.length;

/** Without the gaps: if the processes of a row never alternate, the row has no hand-offs. */
export const known = (values) => values.filter(Number.isFinite);

/** Of several arrays one. */
export function flatten(arrays) {
  const all = new Float64Array(sum(arrays.map((array) => array.length)));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

/** Student's t on both sides, by degrees of freedom from 1 on. `later` is for all beyond: the limit, with a little to spare. */
const T95 = { later: 2.12, first: [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18] };
const T99 = { later: 3.02, first: [63.66, 9.92, 5.84, 4.6, 4.03, 3.71, 3.5, 3.36, 3.25, 3.17, 3.11, 3.05] };

/** Two processes may agree by chance alone. */
const FEWEST_SURE = 3;

/**
 * The ratios that several processes found, as one ratio with the interval that holds the true one in 95 % of all runs. Ratios
 * multiply, so the mean is the geometric one.
 * @returns `{ value, low, high, sure, min, max, each }`. For one process `low` and `high` are NaN. `sure`: an interval for 99 %
 *   does not hold 1 either
 */
export function ratioOf(values) {
  const each = known(values);
  if (each.length === 0) return null;
  const logs = each.map(Math.log);
  const middle = mean(logs);
  const freedom = logs.length - 1;
  const error = Math.sqrt(sum(logs.map((log) => (log - middle) ** 2)) / freedom / logs.length);
  const half = ({ first, later }) => (first[freedom - 1] ?? later) * error;
  return {
    value: Math.exp(middle),
    low: Math.exp(middle - half(T95)),
    high: Math.exp(middle + half(T95)),
    sure: logs.length >= FEWEST_SURE && Math.abs(middle) > half(T99),
    min: Math.min(...each),
    max: Math.max(...each),
    each,
  };
}

export const NOT_TOLD_APART = 'not told apart';

/** @returns 'more', 'less', either with 'perhaps' before it, or 'not told apart'; undefined where one process cannot tell */
export function verdictOf({ value, low, high, sure }) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return undefined;
  if (low <= 1 && high >= 1) return NOT_TOLD_APART;
  return `${sure ? '' : 'perhaps '}${value > 1 ? 'more' : 'less'}`;
}

/**
 * Each process's ratio: the median of its rounds, each to the base's round of the same number. Neighbours in time are
 * compared with each other, so a load that comes and goes hits both.
 * @param mine,base of each process its rounds
 */
export function pairedRatio(mine, base, value) {
  return ratioOf(
    mine.map((rounds, p) => median(known(rounds.map((round, i) => value(round) / value(base[p][i]))))),
  );
}
