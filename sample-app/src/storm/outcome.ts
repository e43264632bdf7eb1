/** What came of one run, and what is wrong with it. */
import type { Ticket } from '../events/box-office.service.js';

export interface Outcome {
  /** What the buyers went home with. */
  readonly tickets: readonly Ticket[];
  /** What the office says it sold. */
  readonly sold: number;
  readonly oversold: number;
  /** How many buyers were told so. */
  readonly soldOut: number;
  /** How often a buyer was told to come back: 423. */
  readonly busy: number;
  /** Answers that none should get, and requests without one. */
  readonly failures: readonly string[];
  readonly ms: number;
}

/** How many seats more than one buyer has a ticket for. */
export function seatsSoldTwice({ tickets }: Outcome): number {
  const buyers = new Map<number, number>();
  for (const { seat } of tickets) buyers.set(seat, (buyers.get(seat) ?? 0) + 1);
  return [...buyers.values()].filter((count) => count > 1).length;
}

/** How many buyers have a ticket for a seat that was somebody else's already. */
export function buyersWithoutSeat({ tickets }: Outcome): number {
  return tickets.length - new Set(tickets.map(({ seat }) => seat)).size;
}

/** @returns nothing when every seat was sold, and sold once; otherwise a clause for each thing that is wrong. */
export function faultsOf(outcome: Outcome, { seats, buyers }: { seats: number; buyers: number }): string[] {
  const { tickets, sold, oversold, soldOut, failures } = outcome;
  const faults: string[] = [];
  const expect = (holds: boolean, fault: string) => holds || faults.push(fault);
  const twice = seatsSoldTwice(outcome);
  expect(tickets.length === seats, `buyers have ${tickets.length} tickets for ${seats} seats`);
  expect(
    sold === tickets.length,
    `the office counts ${sold} sold, and buyers have ${tickets.length} tickets`,
  );
  expect(twice === 0, `${twice} seats were sold more than once`);
  expect(oversold === 0, `${oversold} tickets were sold beyond the capacity`);
  expect(soldOut === buyers - seats, `${soldOut} buyers were told that it is sold out`);
  expect(failures.length === 0, `${failures.length} requests failed, the first with: ${failures[0]}`);
  expect(fencesRise(tickets), 'a later sale has a lower fencing token than an earlier one');
  return faults;
}

/** Seats are sold in order, so that their fencing tokens must be in the same order. */
function fencesRise(tickets: readonly Ticket[]): boolean {
  const fences = [...tickets].sort((a, b) => a.seat - b.seat).map(({ fence }) => fence ?? 0);
  return fences.every((fence, i) => fence > (fences[i - 1] ?? 0));
}
