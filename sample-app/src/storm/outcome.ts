/** The outcome of one run, and its faults. */
import type { Ticket } from '../events/box-office.service.js';

export interface Outcome {
  /** The tickets that the buyers got. */
  readonly tickets: readonly Ticket[];
  /** The number of sold tickets that the office counts. */
  readonly sold: number;
  readonly oversold: number;
  /** The number of buyers that got the response "sold out" (409). */
  readonly soldOut: number;
  /** The number of responses that told a buyer to try again (423). */
  readonly busy: number;
  /** Unexpected responses, and requests without a response. */
  readonly failures: readonly string[];
  readonly ms: number;
}

/** The number of seats for which more than one buyer has a ticket. */
export function seatsSoldTwice({ tickets }: Outcome): number {
  const buyers = new Map<number, number>();
  for (const { seat } of tickets) buyers.set(seat, (buyers.get(seat) ?? 0) + 1);
  return [...buyers.values()].filter((count) => count > 1).length;
}

/** The number of buyers with a ticket for a seat that another buyer had already. */
export function buyersWithoutSeat({ tickets }: Outcome): number {
  return tickets.length - new Set(tickets.map(({ seat }) => seat)).size;
}

/** @returns a clause for each fault, and no clause if every seat was sold exactly once. */
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

/** Whether fences rise with the seats. Seats are sold in order, so a later seat must have a higher fencing token. */
function fencesRise(tickets: readonly Ticket[]): boolean {
  const fences = [...tickets].sort((a, b) => a.seat - b.seat).map(({ fence }) => fence ?? 0);
  return fences.every((fence, i) => fence > (fences[i - 1] ?? 0));
}
