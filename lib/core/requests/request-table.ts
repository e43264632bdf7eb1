/**
 * The states of a key's request, and every move between them. The Promela model and docs/architecture.md use these names
 * too.
 *
 * Invariant: In every state except `idle`, a command is under way, which the store's time-out bounds, or a timer is
 * set. So a lost message never makes a request wait for longer than that.
 */
import type { LockStoreError } from '../../errors/index.js';
import type { AcquireReply } from '../contracts/store.contract.js';
import type { PendingRequest } from './pending-request.js';

/**
 * - `idle`: there is no request.
 * - `requesting`: the first command with the request's token is under way.
 * - `queued`: the token stands in the store's queue. A timer sends the next check.
 * - `checking`: as `queued`, and a check is under way.
 * - `backoff`: no token of this key is in the store, or the store must forget it. A timer sends a new request.
 */
export type RequestState = 'idle' | 'requesting' | 'queued' | 'checking' | 'backoff';

export type RequestEvent =
  | 'callers wait'
  | 'granted'
  | 'queued'
  | 'busy'
  | 'not queued'
  | 'kind conflict'
  | 'store failed'
  | 'offer'
  | 'timer'
  | 'reconnected'
  | 'subscribed'
  | 'lease over'
  | 'nobody waits'
  | 'kind changed';

/** What is done at a move. {@link LeaseRequester} and the coordinator perform the effects after the state has changed. */
export type RequestEffect =
  /** Sends a new request. */
  | 'send'
  /** Sends a new request that releases the ended lease in the same command. */
  | 'send and release'
  /** Sends a new request that releases the present token in the same command, and keeps its queue score. */
  | 'replace'
  /** Sends a check of the present token. */
  | 'check'
  /** Sends a check that releases the ended lease in the same command. */
  | 'check and release'
  /** Releases the ended lease by a command of its own. */
  | 'release'
  /** Releases the present token in the background. */
  | 'withdraw'
  /** Sends another check as soon as the command under way is answered. */
  | 'recheck'
  /** The request is granted: the callers that wait are served. */
  | 'serve'
  /** The offer becomes a lease: the callers that wait are served. */
  | 'serve offer'
  /** Keeps the offer until the command under way is answered. */
  | 'keep offer'
  /** Releases the token of the offer. */
  | 'return offer'
  /** Remembers the score in the store's queue. */
  | 'note queue score'
  /** Sets the timer of the next check. */
  | 'await offer'
  /** Makes grants reach this process. */
  | 'subscribe'
  /** Sets the timer of a new request, while the key is busy and the store does not queue. */
  | 'poll'
  /** Sets the timer of a new request, after a failure. */
  | 'retry'
  /** Sets the timer of a new request, at the end of a short outage. */
  | 'await recovery'
  /** Sets the timer of a new request, so that another process may take the key before. */
  | 'yield'
  /** Refuses the callers that the request was for. */
  | 'refuse conflict'
  /** Refuses the callers that do not know yet that the key is busy. The failure is the reason. */
  | 'refuse uninformed'
  /** Refuses the callers that stay after their deadline. */
  | 'refuse overdue'
  /** Forgets what the request has learnt. */
  | 'forget';

/**
 * What an event means for the callers. The coordinator performs it. `begun` comes at the beginning of each event,
 * `answered` at the end of each reply, `settled` at the end of each event.
 */
export type CallerEffect =
  | 'begun'
  | 'tell busy'
  | 'serve'
  | 'serve offer'
  | 'refuse conflict'
  | 'refuse uninformed'
  | 'refuse overdue'
  | 'refuse all'
  | 'answered'
  | 'settled';

/** The owner of a request performs what the events of the request mean for the callers. */
export interface RequestOwner {
  /**
   * @param request the request that was granted, or has a kind conflict.
   * @param error why callers are refused.
   */
  perform(effect: CallerEffect, request?: PendingRequest, error?: LockStoreError): void;
}

/** A condition of a move. */
export type RequestGuard =
  /** The offer is for the present token, and is not an old one. */
  | 'offer is good'
  /** An offer was kept, and the reply shows that it is not an old one. */
  | 'kept offer is good'
  /** The offer is for the present token. */
  | 'offer is ours'
  /** The store can queue the key, and grants can reach this process now. */
  | 'can notify'
  /** Grants can reach this process now, but the request was sent with the mode `once`. */
  | 'could queue'
  /** The store queues at all. */
  | 'supports queue'
  /** The store's failure may be over in a moment. */
  | 'outage is short'
  /** The first waiter's access differs from the request's. */
  | 'access differs';

export interface RequestMove {
  /** The guard of the move. Without one, the move is always taken. */
  readonly when?: RequestGuard;
  readonly to: RequestState;
  readonly effects: readonly RequestEffect[];
}

/** The moves of a cell. The first move with a guard that holds is taken. Without such a move, nothing happens. */
export type RequestCell = readonly RequestMove[];

type Row = Partial<Record<RequestState, RequestCell>>;

const RETURN_OFFER: RequestCell = [{ to: 'idle', effects: ['return offer'] }];
const KEEP = (state: RequestState): RequestCell => [
  { when: 'offer is good', to: state, effects: ['keep offer'] },
  { when: 'offer is ours', to: state, effects: [] },
  { to: state, effects: ['return offer'] },
];
const SERVE: RequestCell = [{ to: 'idle', effects: ['serve'] }];
const QUEUED: RequestCell = [
  { when: 'kept offer is good', to: 'idle', effects: ['note queue score', 'serve offer'] },
  { to: 'queued', effects: ['note queue score', 'await offer'] },
];
const POLL: RequestCell = [{ to: 'backoff', effects: ['subscribe', 'poll'] }];
const BUSY: RequestCell = [{ when: 'could queue', to: 'requesting', effects: ['send'] }, ...POLL];
const CONFLICT: RequestCell = [{ to: 'idle', effects: ['refuse conflict'] }];
const NOT_QUEUED: RequestCell = [
  { when: 'can notify', to: 'requesting', effects: ['send'] },
  { to: 'backoff', effects: ['subscribe', 'retry'] },
];
const FAILED: RequestCell = [
  { when: 'outage is short', to: 'backoff', effects: ['await recovery', 'refuse overdue'] },
  { to: 'backoff', effects: ['retry', 'refuse uninformed'] },
];
const REPLACE: RequestCell = [{ when: 'access differs', to: 'requesting', effects: ['replace'] }];
const RELEASE_ALONE = (state: RequestState): RequestCell => [{ to: state, effects: ['release'] }];
const WITHDRAW: RequestCell = [{ to: 'idle', effects: ['withdraw', 'forget'] }];

export const REQUEST_TABLE: Readonly<Record<RequestEvent, Row>> = {
  'callers wait': { idle: [{ to: 'requesting', effects: ['send'] }] },
  granted: { requesting: SERVE, checking: SERVE },
  queued: { requesting: QUEUED, checking: QUEUED },
  // No store answers a check by "busy" or "kind conflict". If a faulty store does, the key goes on.
  busy: { requesting: BUSY, checking: POLL },
  'not queued': { requesting: NOT_QUEUED, checking: NOT_QUEUED },
  'kind conflict': { requesting: CONFLICT, checking: CONFLICT },
  'store failed': { requesting: FAILED, checking: FAILED },
  offer: {
    idle: RETURN_OFFER,
    requesting: KEEP('requesting'),
    queued: [
      { when: 'offer is good', to: 'idle', effects: ['serve offer'] },
      { when: 'offer is ours', to: 'queued', effects: [] },
      { to: 'queued', effects: ['return offer'] },
    ],
    checking: KEEP('checking'),
    backoff: [{ to: 'backoff', effects: ['return offer'] }],
  },
  timer: {
    queued: [{ to: 'checking', effects: ['check'] }],
    backoff: [{ to: 'requesting', effects: ['send'] }],
  },
  reconnected: {
    requesting: [{ to: 'requesting', effects: ['recheck'] }],
    queued: [{ to: 'checking', effects: ['check'] }],
    checking: [{ to: 'checking', effects: ['recheck'] }],
    backoff: [{ to: 'requesting', effects: ['send'] }],
  },
  subscribed: { backoff: [{ to: 'requesting', effects: ['send'] }] },
  'lease over': {
    idle: [
      { when: 'supports queue', to: 'requesting', effects: ['send and release'] },
      { to: 'backoff', effects: ['release', 'yield'] },
    ],
    requesting: RELEASE_ALONE('requesting'),
    queued: [{ to: 'checking', effects: ['check and release'] }],
    checking: RELEASE_ALONE('checking'),
    backoff: RELEASE_ALONE('backoff'),
  },
  'nobody waits': {
    requesting: WITHDRAW,
    queued: WITHDRAW,
    checking: WITHDRAW,
    backoff: [{ to: 'idle', effects: ['forget'] }],
  },
  'kind changed': { requesting: REPLACE, queued: REPLACE, checking: REPLACE },
};

/** The event of each reply. */
export const EVENT_OF = {
  granted: 'granted',
  queued: 'queued',
  busy: 'busy',
  'not-queued': 'not queued',
  'kind-conflict': 'kind conflict',
} as const satisfies Record<AcquireReply['state'], RequestEvent>;

/** The move of a state at an event, if there is one. */
export function moveOf(
  state: RequestState,
  event: RequestEvent,
  facts: { holds(guard: RequestGuard): boolean },
): RequestMove | undefined {
  const cell = REQUEST_TABLE[event][state];
  if (cell === undefined) return undefined;
  // A plain loop, because this code runs for each command.
  for (const move of cell) if (move.when === undefined || facts.holds(move.when)) return move;
  return undefined;
}
