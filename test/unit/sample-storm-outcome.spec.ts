/** The check of the sample application: it accepts a correct outcome, and no other. */
import { describe, expect, it } from '@jest/globals';
import {
  type Outcome,
  buyersWithoutSeat,
  faultsOf,
  seatsSoldTwice,
} from '../../sample-app/src/storm/outcome.js';
import { outcomeTable } from '../../sample-app/src/storm/outcome.table.js';

const RIGHT: Outcome = {
  tickets: [
    { seat: 2, fence: 20 },
    { seat: 1, fence: 10 },
    { seat: 3, fence: 21 },
  ],
  sold: 3,
  oversold: 0,
  soldOut: 2,
  busy: 1,
  failures: [],
  ms: 1_234,
};
const expected = { seats: 3, buyers: 5 };

describe('given the outcome of a storm of buyers', () => {
  it('then it is correct if each seat was sold once, in the order of the fences', () => {
    expect(faultsOf(RIGHT, expected)).toEqual([]);
  });

  it.each<[string, Partial<Outcome>, RegExp]>([
    ['a seat unsold', { tickets: RIGHT.tickets.slice(1), sold: 2 }, /2 tickets for 3 seats/],
    ['a sale without a ticket', { sold: 4, oversold: 1 }, /counts 4 sold.*1 tickets were sold beyond/],
    [
      'a seat sold twice',
      { tickets: [...RIGHT.tickets.slice(0, 2), { seat: 2, fence: 21 }] },
      /1 seats were sold more than once/,
    ],
    ['a buyer sent away wrongly', { soldOut: 3 }, /3 buyers were told/],
    ['a failed request', { failures: ['500 oops'] }, /1 requests failed, the first with: 500 oops/],
    [
      'fences out of order',
      { tickets: [...RIGHT.tickets.slice(0, 2), { seat: 3, fence: 19 }] },
      /lower fencing token/,
    ],
    [
      'sales without a fence',
      { tickets: RIGHT.tickets.map(({ seat }) => ({ seat, fence: null })) },
      /fencing/,
    ],
  ])('then %s is reported as a fault', (_, wrong, fault) => {
    expect(faultsOf({ ...RIGHT, ...wrong }, expected).join('; ')).toMatch(fault);
  });

  it('then two outcomes are printed side by side', () => {
    const tickets = [1, 1, 1, 2, 2, 3].map((seat) => ({ seat, fence: null }));
    const unlocked = { ...RIGHT, tickets, sold: 6, oversold: 3 };
    expect([seatsSoldTwice(unlocked), buyersWithoutSeat(unlocked)]).toEqual([2, 3]);
    const table = outcomeTable([unlocked, RIGHT], ['off', 'on']);
    expect(table).toMatch(/^ +off +on$/m);
    expect(table).toMatch(/^oversold +3 +0$/m);
    expect(table).toMatch(/^took +1\.2 s +1\.2 s$/m);
  });
});
