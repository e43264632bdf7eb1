/** What follows for a key from its waiters and its leases. The coordinator performs it after each event. */
import type { ServingState } from './batch-set.js';

export type ServingEvent =
  /** After an event, callers wait. The first waiter may be another one, of another access. */
  | 'callers wait'
  /** After an event, nobody waits. */
  | 'nobody waits'
  /** A lease is over, and callers wait. The state is that after the lease. */
  | 'lease over, callers wait'
  /** A lease is over, and nobody waits. The state is that after the lease. */
  | 'lease over, nobody waits';

export type ServingEffect =
  /** Sees to a request that fits the first waiter: sends one, or replaces the present one. */
  | 'request'
  /** Withdraws the request. */
  | 'cancel request'
  /** Gives back each lease that serves nobody, and admits no more callers. */
  | 'end idle batches'
  /** Releases the lease, and requests the next one in the same command where the request's state lets it. */
  | 'release and request'
  | 'release'
  /** The key has neither waiters nor leases: it is forgotten. */
  | 'forget key';

export const SERVING_TABLE: Readonly<Record<ServingEvent, Record<ServingState, readonly ServingEffect[]>>> = {
  'callers wait': {
    nothing: ['request'],
    exclusive: [],
    admitting: [],
    open: ['request'],
  },
  'nobody waits': {
    nothing: ['cancel request', 'forget key'],
    exclusive: ['end idle batches'],
    admitting: ['end idle batches', 'cancel request'],
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
