// Medians and percentiles.
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

/** Without what a round had none of: a row whose processes never took turns has no hand-overs. */
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
