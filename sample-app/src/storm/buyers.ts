/** Sends many buyers at one moment, spread over the instances. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Ticket } from '../events/box-office.service.js';
import type { EventView } from '../events/events.controller.js';
import type { Outcome } from './outcome.js';

export interface Buyers {
  readonly count: number;
  readonly seats: number;
  /** The addresses of the instances. */
  readonly offices: readonly string[];
  readonly event: string;
  readonly lock: 'on' | 'off';
  /** Ends the run. A buyer without a response by then counts as a failure. */
  readonly signal: AbortSignal;
}

/** The result of one buyer. */
interface Visit {
  readonly ticket?: Ticket;
  readonly soldOut?: true;
  /** Any other result, as text. */
  readonly failure?: string;
  /** The number of responses with 423. */
  readonly busy: number;
}

export async function sendBuyers(buyers: Buyers): Promise<Outcome> {
  const { offices, event, seats, signal } = buyers;
  const url = `${offices[0]}/events/${event}`;
  await expectOk(
    await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ capacity: seats }),
      signal,
    }),
  );

  const start = performance.now();
  const visits = await Promise.all(
    Array.from({ length: buyers.count }, (_, i) => buy(offices[i % offices.length] ?? '', buyers)),
  );
  const ms = performance.now() - start;

  const { sold, oversold } = (await (await expectOk(await fetch(url, { signal }))).json()) as EventView;
  return {
    tickets: visits.flatMap(({ ticket }) => ticket ?? []),
    sold,
    oversold,
    soldOut: visits.filter(({ soldOut }) => soldOut).length,
    busy: visits.reduce((sum, { busy }) => sum + busy, 0),
    failures: visits.flatMap(({ failure }) => failure ?? []),
    ms,
  };
}

/** Buys like a real client. If the response is 423, the client tries again after the time in `Retry-After`. */
async function buy(office: string, { event, lock, signal }: Buyers): Promise<Visit> {
  let busy = 0;
  try {
    for (;;) {
      const reply = await fetch(`${office}/events/${event}/tickets?lock=${lock}`, { method: 'POST', signal });
      const body = await reply.text();
      if (reply.status === 201) return { ticket: JSON.parse(body) as Ticket, busy };
      if (reply.status === 409) return { soldOut: true, busy };
      if (reply.status !== 423) return { failure: `${reply.status} ${body}`, busy };
      busy += 1;
      await pause(Number(reply.headers.get('retry-after')) * 1000, undefined, { signal });
    }
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error), busy };
  }
}

async function expectOk(reply: Response): Promise<Response> {
  if (reply.ok) return reply;
  throw new Error(`${reply.url} answered ${reply.status}: ${await reply.text()}`);
}
