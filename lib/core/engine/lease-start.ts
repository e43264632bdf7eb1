/** Makes a lease and its batch out of a grant or an offer, for the callers that wait. */
import type { BatchSet, DrawnFences } from '../batches/batch-set.js';
import type { BatchOwner, LeaseBatch } from '../batches/lease-batch.js';
import { OFFER_MS } from '../contracts/store.contract.js';
import { Lease } from '../leases/lease.js';
import type { WaitQueue } from '../queue/wait-queue.js';
import type { PendingRequest } from '../requests/pending-request.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { Deadline } from '../time/deadline.js';

/** The parts of a key that a lease starts with. */
export interface LeaseStart {
  readonly key: string;
  readonly context: EngineContext;
  readonly owner: BatchOwner;
  readonly queue: WaitQueue;
  readonly batches: BatchSet;
}

/** A reply has granted the request. */
export function startGranted(request: PendingRequest, start: LeaseStart): void {
  const { fence = 0, drawn = 0 } = request.grant ?? {};
  const { ttl, upTo } = request;
  const ends = request.sentAt.plus(ttl);
  if (isFor(upTo, start)) {
    add(start, request, leaseOf(start, request, ttl, ends, true), upTo, { fence, drawn, upTo }).begin();
    return;
  }
  // The callers that the request was for have left, and others have come.
  const next = start.queue.nextBatch();
  const lease = leaseOf(start, request, Math.max(ttl, next.ttl), ends, true);
  const fences = { fence: 0, drawn: 0, upTo: next.upTo };
  add(start, request, lease, next.upTo, fences).beginConfirming(next.callers, false);
}

/** The store has handed the key to the request, by an offer. */
export function startOffered(request: PendingRequest, start: LeaseStart): void {
  const { offer: fence = 0, offerEnds, firstUpTo = 0 } = request;
  // An older offer may have ended and come again, with other holders in between. Only the fences of the confirmation are
  // above those of the holders, and of all that began before a caller came that the offer was not requested for.
  const young = !request.doubtful && offerEnds.remaining >= OFFER_MS / 2 && isFor(firstUpTo, start);
  const { ttl, callers, upTo } = start.queue.nextBatch();
  const lease = leaseOf(start, request, ttl, young ? offerEnds : undefined, false);
  const drawn = young ? 1 : 0;
  const batch = add(start, request, lease, upTo, { fence, drawn, upTo: firstUpTo });
  batch.beginConfirming(callers - drawn, young);
}

/** True if the first waiter is among the callers up to this number. */
function isFor(upTo: number, { queue }: LeaseStart): boolean {
  return (queue.first?.number ?? 0) <= upTo;
}

function leaseOf(
  { context, key }: LeaseStart,
  { token }: PendingRequest,
  ttl: number,
  deadline: Deadline | undefined,
  confirmed: boolean,
): Lease {
  return new Lease({ context, key, token, ttl, deadline, confirmed });
}

function add(
  { batches, context, owner }: LeaseStart,
  { access }: PendingRequest,
  lease: Lease,
  upTo: number,
  fences: DrawnFences,
): LeaseBatch {
  return batches.add(access.kind, { context, lease, upTo, owner }, fences);
}
