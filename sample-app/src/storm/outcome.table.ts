/** Prints outcomes side by side, for a terminal. */
import { type Outcome, buyersWithoutSeat, seatsSoldTwice } from './outcome.js';

const ROWS: ReadonlyArray<readonly [label: string, cell: (outcome: Outcome) => string]> = [
  ['tickets sold', ({ sold }) => String(sold)],
  ['seats sold more than once', (outcome) => String(seatsSoldTwice(outcome))],
  ['buyers sent to a taken seat', (outcome) => String(buyersWithoutSeat(outcome))],
  ['oversold', ({ oversold }) => String(oversold)],
  ['told "sold out" (409)', ({ soldOut }) => String(soldOut)],
  ['told "busy" (423)', ({ busy }) => String(busy)],
  ['failed', ({ failures }) => String(failures.length)],
  ['took', ({ ms }) => `${(ms / 1000).toFixed(1)} s`],
];

export function outcomeTable(outcomes: readonly Outcome[], titles: readonly string[]): string {
  const lines = [['', ...titles], ...ROWS.map(([label, cell]) => [label, ...outcomes.map(cell)])];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column])))
        .join('   '),
    )
    .join('\n');
}
