/** What snapshots in Redis at one moment, and what of it must not be, whatever the program and its faults. */
import type { Redis } from 'ioredis';
import { MARKERS } from '../../lib/stores/redis/scripts/scripts.js';
import { compatibleKinds, type LockKind, ownerOf, accessOf } from '../../lib/core/contracts/token.js';
import type { Passed } from './events.js';
import { isCrowded } from './rules/crowd.js';

/** What a lock is called in Redis. */
export const PREFIX = 'lock:';
/** The counter of fences. */
export const COUNTER = `${PREFIX}~nl:f`;
const QUEUE = `${PREFIX}~nl:q:`;
const HOLDERS = `${PREFIX}~nl:h:`;

/** Between what a script reckons with and what an expiry is rounded to, in ms. */
const ROUNDING = 2;

export interface KeySnapshot {
  readonly key: string;
  /** What the key is; undefined where it is free. */
  readonly value: string | undefined;
  /** When it ends, by the server's clock in ms, as all times here; -1 for never. */
  readonly ends: number;
  /** The holders of a marker, each with when its lease ends. */
  readonly holders: ReadonlyArray<readonly [token: string, ends: number]>;
  readonly queue: readonly string[];
}

export interface Snapshot {
  readonly now: number;
  readonly keys: readonly KeySnapshot[];
  /** The names of all that never ends, but for the counter of fences. */
  readonly eternal: readonly string[];
}

/** In one step, so that what it sees goes together. */
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

/** What must not be. */
export function wrongIn({ now, eternal, keys }: Snapshot): string[] {
  return [
    ...eternal.map((name) => `"${name}" in Redis has no expiry`),
    ...keys.flatMap((snapshot) => [...wrongHolders(snapshot, now), ...wrongQueue(snapshot)]),
  ];
}

/** Who got the key between two moments past one who was the first of its queue at both, and so all the time. */
export function passedBetween(before: Snapshot, after: Snapshot): Array<Pick<Passed, 'key' | 'first' | 'by'>> {
  return after.keys.flatMap((snapshot, i) => {
    const former = before.keys[i];
    const [first] = snapshot.queue;
    if (former === undefined || first === undefined || former.queue[0] !== first) return [];
    const known = new Set(tokensOf(former).holding);
    const by = tokensOf(snapshot).holding.filter((token) => accessOf(token) !== undefined && !known.has(token));
    return by.length > 0 ? [{ key: snapshot.key, first, by }] : [];
  });
}

/** The tokens of a key that are its owner or hold it beside others; those in the queue, which wait for it. */
export function tokensOf({ value, holders, queue }: KeySnapshot): {
  holding: string[];
  waiting: readonly string[];
} {
  if (value === undefined) return { holding: [], waiting: queue };
  // What is beside a key that is no marker is of a former life, and expires.
  return {
    holding: markerOf(value) === undefined ? [value] : holders.map(([token]) => token),
    waiting: queue,
  };
}

/** Who of these sessions, by their labels, has something there? In words. */
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

/** Is it a set of holders that nothing points at any more, and that will expire? */
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
    yield `"${key}" is held by more than may: ${live.join(', ')}`;
  // Whoever gave something up, or left, let in who could be; what expires by itself nobody sees before a check.
  const [first] = queue;
  const next = first === undefined ? undefined : accessOf(first);
  if (next?.kind === kind && live.length === holders.length && live.length < next.limit)
    yield `"${key}" is held by ${live.join(', ')}, and ${first} waits though it could be let in`;
}

/** Who does not go with those who are there is refused, and does not queue. */
function* wrongQueue({ key, value, queue }: KeySnapshot): Generator<string> {
  const there = markerOf(value) ?? (value === undefined ? undefined : accessOf(value)?.kind);
  const kinds = queue.flatMap((token) => accessOf(token)?.kind ?? []);
  const first = there ?? kinds[0];
  if (first !== undefined && kinds.some((kind) => !compatibleKinds(first, kind)))
    yield `"${key}" is ${there ?? 'free'}, and its queue is ${[...new Set(kinds)].join(', ')}`;
}
