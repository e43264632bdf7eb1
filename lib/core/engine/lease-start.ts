/** Makes a lease and its batch from a grant or an offer, for the callers that wait. */
import type { DrawnFences } from '../batches/batch-set.js';
import type { LeaseBatch } from '../batches/lease-batch.js';
import { OFFER_MS } from '../contracts/store.contract.js';
import { Lease } from '../leases/lease.js';
import type { PendingRequest } from '../requests/pending-request.js';
import type { Deadline } from '../time/deadline.js';
import type { KeyParts } from './key-parts.js';

/** A reply has granted the request. */
export function startGranted(request: PendingRequest, parts: KeyParts): void {
  const { fence = 0, drawn = 0 } = request.grant ?? {};
  const { ttl, upTo } = request;
  const ends = request.sentAt.plus(ttl);
  if (isFor(upTo, parts)) {
    add(parts, request, leaseOf(parts, request, ttl, ends, true), upTo, { fence, drawn, upTo }).begin();
    return;
  }
  // The callers of the request have left, and other callers have come.
  const next = parts.queue.nextBatch();
  const lease = leaseOf(parts, request, Math.max(ttl, next.ttl), ends, true);
  const fences = { fence: 0, drawn: 0, upTo: next.upTo };
  add(parts, request, lease, next.upTo, fences).beginConfirming(next.callers, false);
}

/** The store has handed the key to the request, by an offer. */
export function startOffered(request: PendingRequest, parts: KeyParts): void {
  const { offer: fence = 0, offerEnds, firstUpTo = 0 } = request;
  // If the offer is not young, it may have ended and come again, with other holders in between. If the first waiter
  // came after the request was sent, other holds may have begun before it came. In both cases only the confirmation's
  // fences are above the fences of those holds.
  const young = !request.unverified && offerEnds.remaining >= OFFER_MS / 2 && isFor(firstUpTo, parts);
  const { ttl, callers, upTo } = parts.queue.nextBatch();
  const lease = leaseOf(parts, request, ttl, young ? offerEnds : undefined, false);
  const drawn = young ? 1 : 0;
  const batch = add(parts, request, lease, upTo, { fence, drawn, upTo: firstUpTo });
  batch.beginConfirming(callers - drawn, young);
}

/** True if the first waiter is among the callers up to this number. */
function isFor(upTo: number, { queue }: KeyParts): boolean {
  return (queue.first?.number ?? 0) <= upTo;
}

function leaseOf(
  { context, key }: KeyParts,
  { token }: PendingRequest,
  ttl: number,
  deadline: Deadline | undefined,
  confirmed: boolean,
): Lease {
  return new Lease({ context, key, token, ttl, deadline, confirmed });
}

function add(
  parts: KeyParts,
  { access }: PendingRequest,
  lease: Lease,
  upTo: number,
  fences: DrawnFences,
): LeaseBatch {
  return parts.batches.add(access.kind, parts.context, lease, upTo, parts, fences);
}
