// Markdown tables with aligned columns.
export function markdownTable(headings, rows) {
  const cells = [headings, ...rows].map((row) => row.map(String));
  const widths = headings.map((_, i) => Math.max(3, ...cells.map((row) => row[i].length)));
  const line = (row) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n');
}

export const count = (value) => Math.round(value).toLocaleString('en-US');

/** Milliseconds, to three figures or so. In JSON, NaN is null. */
export function ms(value) {
  if (!Number.isFinite(value)) return '–';
  if (value >= 100) return count(value);
  return value.toFixed(value >= 10 ? 1 : value >= 0.1 ? 2 : 3);
}
