/** What a key needs, by its waiters and its leases. The coordinator performs these effects after each event. */
import type { ServingState } from './batch-set.js';

/** What is found after each event. */
export type QueueEvent =
  /** Callers wait. The first waiter may have changed, and its access too. */
  | 'callers wait'
  /** Nobody waits. */
  | 'nobody waits';

export type LeaseOverEvent =
  /** A lease is over, and callers wait. The state is the one without that lease. */
  | 'lease over, callers wait'
  /** A lease is over, and nobody waits. The state is the one without that lease. */
  | 'lease over, nobody waits';

export type ServingEffect =
  /** Makes sure that there is a request that fits the first waiter: sends one, or replaces the present request. */
  | 'request'
  /** Withdraws the request. */
  | 'cancel request'
  /** Releases each lease without a running hold, and admits no more callers. */
  | 'end idle batches'
  /** The key has neither waiters nor leases: it is forgotten. */
  | 'forget key';

export type ReleaseEffect =
  /** Releases the lease, and requests the next lease in the same command, if the state of the request allows that. */
  | 'release and request'
  /** Releases the lease. */
  | 'release';

export const SERVING_TABLE: Readonly<
  Record<QueueEvent, Record<ServingState, readonly ServingEffect[]>> &
    Record<LeaseOverEvent, Record<ServingState, readonly [ReleaseEffect]>>
> = {
  'callers wait': {
    nothing: ['request'],
    exclusive: [],
    admitting: [],
    open: ['request'],
  },
  'nobody waits': {
    nothing: ['cancel request', 'forget key'],
    exclusive: ['end idle batches'],
    admitting: ['end idle batches'],
    open: ['end idle batches', 'cancel request'],
  },
  'lease over, callers wait': {
    nothing: ['release and request'],
    exclusive: ['release'],
    admitting: ['release'],
    open: ['release and request'],
  },
  'lease over, nobody waits': {
    nothing: ['release'],
    exclusive: ['release'],
    admitting: ['release'],
    open: ['release'],
  },
};
