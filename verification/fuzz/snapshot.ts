/** What Redis has at one moment, and what it must not have, in any program and with any faults. */
import type { Redis } from 'ioredis';
import { MARKERS } from '../../lib/stores/redis/scripts/scripts.js';
import { compatibleKinds, type LockKind, ownerOf, accessOf } from '../../lib/core/contracts/token.js';
import type { Passed } from './events.js';
import { isCrowded } from './rules/crowd.js';

/** The prefix of a lock's key in Redis. */
export const PREFIX = 'lock:';
/** The name of the fence counter. */
export const COUNTER = `${PREFIX}~nl:f`;
const QUEUE = `${PREFIX}~nl:q:`;
const HOLDERS = `${PREFIX}~nl:h:`;

/** The difference between the time in a script and a rounded expiry, in ms. */
const ROUNDING = 2;

export interface KeySnapshot {
  readonly key: string;
  /** The value of the key. Undefined if the key is free. */
  readonly value: string | undefined;
  /** When the key expires. All times here are of the server's clock, in ms. -1 for never. */
  readonly ends: number;
  /** The holders of a marker, each with the end of its lease. */
  readonly holders: ReadonlyArray<readonly [token: string, ends: number]>;
  readonly queue: readonly string[];
}

export interface Snapshot {
  readonly now: number;
  readonly keys: readonly KeySnapshot[];
  /** The names of all keys without an expiry, except the fence counter. */
  readonly eternal: readonly string[];
}

/** Reads everything in one step, so that all parts are of one moment. */
const CHECK = `
local eternal = {}
for _, name in ipairs(redis.call('KEYS', '*')) do
  if redis.call('PTTL', name) == -1 then eternal[#eternal + 1] = name end
end
local time = redis.call('TIME')
local snapshots = {}
for i = 1, #KEYS, 3 do
  snapshots[#snapshots + 1] = {
    redis.call('GET', KEYS[i]) or '',
    redis.call('PEXPIRETIME', KEYS[i]),
    redis.call('ZRANGE', KEYS[i + 1], 0, -1, 'WITHSCORES'),
    redis.call('ZRANGE', KEYS[i + 2], 0, -1),
  }
end
return { time[1] * 1000 + math.floor(time[2] / 1000), eternal, snapshots }`;

type Seen = [value: string, ends: number, holders: string[], queue: string[]];

export async function takeSnapshot(redis: Redis, keys: readonly string[]): Promise<Snapshot> {
  const names = keys.flatMap((key) => [PREFIX + key, HOLDERS + key, QUEUE + key]);
  const reply = await redis.eval(CHECK, names.length, ...names);
  const [now, eternal, snapshots] = reply as [number, string[], Seen[]];
  return {
    now,
    eternal: eternal.filter((name) => name !== COUNTER),
    keys: snapshots.map(([value, ends, holders, queue], i) => ({
      key: keys[i],
      value: value === '' ? undefined : value,
      ends,
      holders: Array.from({ length: holders.length / 2 }, (_, j): [string, number] => [
        holders[2 * j],
        Number(holders[2 * j + 1]),
      ]),
      queue,
    })),
  };
}

/** Everything in the snapshot that must not be, in words. */
export function wrongIn({ now, eternal, keys }: Snapshot): string[] {
  return [
    ...eternal.map((name) => `"${name}" in Redis has no expiry`),
    ...keys.flatMap((snapshot) => [...wrongHolders(snapshot, now), ...wrongQueue(snapshot)]),
  ];
}

/**
 * The tokens that got a key between two snapshots, although another token was the first of its queue in both, and so
 * all the time.
 */
export function passedBetween(
  before: Snapshot,
  after: Snapshot,
): Array<Pick<Passed, 'key' | 'first' | 'by'>> {
  return after.keys.flatMap((snapshot, i) => {
    const former = before.keys[i];
    const [first] = snapshot.queue;
    if (former === undefined || first === undefined || former.queue[0] !== first) return [];
    const known = new Set(tokensOf(former).holding);
    const by = tokensOf(snapshot).holding.filter(
      (token) => accessOf(token) !== undefined && !known.has(token),
    );
    return by.length > 0 ? [{ key: snapshot.key, first, by }] : [];
  });
}

/** The tokens that hold the key, alone or beside others, and the tokens that wait in its queue. */
export function tokensOf({ value, holders, queue }: KeySnapshot): {
  holding: string[];
  waiting: readonly string[];
} {
  if (value === undefined) return { holding: [], waiting: queue };
  // Holders beside a key that is no marker are left from an earlier marker, and expire.
  return {
    holding: markerOf(value) === undefined ? [value] : holders.map(([token]) => token),
    waiting: queue,
  };
}

/** What these sessions, given by their labels, still have in Redis, in words. */
export function leftBy(sessions: ReadonlySet<string>, { keys }: Snapshot): string[] {
  const theirs = (token: string): boolean => sessions.has(ownerOf(token) ?? '');
  return keys.flatMap((snapshot) => {
    const { holding, waiting } = tokensOf(snapshot);
    return [
      ...holding.filter(theirs).map((token) => `the key "${snapshot.key}" of ${token}`),
      ...waiting.filter(theirs).map((token) => `in the queue of "${snapshot.key}": ${token}`),
    ];
  });
}

/** Whether the name is a set of holders without a marker. Such a set expires. */
export function isFormerLife(name: string, { keys }: Snapshot): boolean {
  return keys.some(({ key, value }) => name === HOLDERS + key && markerOf(value) === undefined);
}

function markerOf(value: string | undefined): LockKind | undefined {
  if (value === MARKERS.shared) return 'shared';
  return value === MARKERS.semaphore ? 'semaphore' : undefined;
}

function* wrongHolders({ key, value, ends, holders, queue }: KeySnapshot, now: number): Generator<string> {
  const kind = markerOf(value);
  if (kind === undefined) return;
  const last = Math.max(...holders.map(([, end]) => end));
  if (Math.abs(last - ends) > ROUNDING)
    yield `"${key}" is ${kind} until ${ends}, and the last of its holders until ${last}`;
  for (const [token] of holders)
    if (accessOf(token)?.kind !== kind) yield `"${key}" is ${kind}, and held by ${token}`;
  const live = holders.filter(([, end]) => end >= now).map(([token]) => token);
  if (isCrowded(live.map((token) => accessOf(token)?.limit ?? 0)))
    yield `"${key}" is held by more than its limits allow: ${live.join(', ')}`;
  // A release lets in the first waiter that fits. A holder that expires is noticed only by the next check.
  const [first] = queue;
  const next = first === undefined ? undefined : accessOf(first);
  if (next?.kind === kind && live.length === holders.length && live.length < next.limit)
    yield `"${key}" is held by ${live.join(', ')}, and ${first} waits though it could be let in`;
}

/** A request of an incompatible kind is refused, and must not be in the queue. */
function* wrongQueue({ key, value, queue }: KeySnapshot): Generator<string> {
  const there = markerOf(value) ?? (value === undefined ? undefined : accessOf(value)?.kind);
  const kinds = queue.flatMap((token) => accessOf(token)?.kind ?? []);
  const first = there ?? kinds[0];
  if (first !== undefined && kinds.some((kind) => !compatibleKinds(first, kind)))
    yield `"${key}" is ${there ?? 'free'}, and its queue is ${[...new Set(kinds)].join(', ')}`;
}
