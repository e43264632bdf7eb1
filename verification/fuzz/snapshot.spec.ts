/** What snapshots in Redis: that the good passes, and each thing that must not be is seen. */
import { describe, expect, it } from '@jest/globals';
import { MARKERS } from '../../lib/stores/redis/scripts/scripts.js';
import { type KeySnapshot, type Snapshot, isFormerLife, leftBy, passedBetween, wrongIn } from './snapshot.js';

const NOW = 1_000;

function snapshot(told: Partial<KeySnapshot>, eternal: readonly string[] = []): Snapshot {
  const free = { key: 'a', value: undefined, ends: -2, holders: [], queue: [] };
  return { now: NOW, eternal, keys: [{ ...free, ...told }] };
}

function shared(ends: number, ...holders: ReadonlyArray<readonly [string, number]>): Partial<KeySnapshot> {
  return { value: MARKERS.shared, ends, holders };
}

function permits(...limits: number[]): Partial<KeySnapshot> {
  const holders = limits.map((limit, i): [string, number] => [`nl1:p:${i}-${limit}:x`, 1_500]);
  return { value: MARKERS.semaphore, ends: 1_500, holders };
}

describe('what must not be', () => {
  it('is nothing of a free key, an exclusive lock, readers, permits, or those who wait for them', () => {
    expect(wrongIn(snapshot({}))).toEqual([]);
    expect(wrongIn(snapshot({ value: 'nl1:p:1:x', ends: 1_500, queue: ['nl1:q:1-s:x', 'nl1:q:2:x'] }))).toEqual(
      [],
    );
    expect(wrongIn(snapshot({ value: 'foreign', ends: 1_500, queue: ['nl1:q:1-3:x'] }))).toEqual([]);
    const readers = shared(1_500, ['nl1:p:1-s:x', 900], ['nl1:q:1-s:x', 1_500]);
    expect(wrongIn(snapshot({ ...readers, queue: ['nl1:r:1:x'] }))).toEqual([]);
    expect(wrongIn(snapshot({ ...permits(2, 2), queue: ['nl1:q:9-2:x', 'nl1:q:9-5:x'] }))).toEqual([]);
  });

  it('something that never expires', () => {
    expect(wrongIn(snapshot({}, ['lock:~nl:q:a']))).toHaveLength(1);
  });

  it('a key that ends before its holders, or outlives them', () => {
    expect(wrongIn(snapshot(shared(1_400, ['nl1:p:1-s:x', 1_500])))).toHaveLength(1);
    expect(wrongIn(snapshot(shared(1_600, ['nl1:p:1-s:x', 1_500])))).toHaveLength(1);
    expect(wrongIn(snapshot(shared(1_500)))).toHaveLength(1);
  });

  it('holders of another kind', () => {
    expect(wrongIn(snapshot(shared(1_500, ['nl1:p:1:x', 1_500])))).toHaveLength(1);
    expect(wrongIn(snapshot(shared(1_500, ['nl1:p:1-2:x', 1_500])))).toHaveLength(1);
  });

  it('more permits than there are, but for those that have expired', () => {
    expect(wrongIn(snapshot(permits(2, 2, 2)))).toHaveLength(1);
    expect(wrongIn(snapshot(permits(1, 3, 3)))).toEqual([]);
    expect(wrongIn(snapshot(permits(1, 1, 3)))).toHaveLength(1);
    const { holders = [], ...rest } = permits(2, 2);
    expect(wrongIn(snapshot({ ...rest, holders: [...holders, ['nl1:q:1-2:x', 999]] }))).toEqual([]);
  });

  it('a queue of those who do not go together', () => {
    expect(wrongIn(snapshot({ queue: ['nl1:p:1-s:x', 'nl1:q:1-2:x'] }))).toHaveLength(1);
    expect(wrongIn(snapshot({ value: 'nl1:p:1:x', ends: 1_500, queue: ['nl1:q:1-2:x'] }))).toHaveLength(1);
    expect(wrongIn(snapshot({ ...permits(2), queue: ['nl1:q:1:x'] }))).toHaveLength(1);
  });
});

describe('who waits first', () => {
  it('is let in when it can be, unless a place became free by time alone', () => {
    const permit = { ...permits(2), queue: ['nl1:q:9-2:x'] };
    expect(wrongIn(snapshot(permit))).toHaveLength(1);
    expect(wrongIn(snapshot({ ...permit, queue: ['nl1:q:9-1:x', 'nl1:q:9-5:x'] }))).toEqual([]);
    expect(wrongIn(snapshot({ ...permit, holders: [...permit.holders!, ['nl1:p:8-2:x', 999]] }))).toEqual([]);
    const reader = shared(1_500, ['nl1:p:1-s:x', 1_500]);
    expect(wrongIn(snapshot({ ...reader, queue: ['nl1:q:1-s:x'] }))).toHaveLength(1);
    expect(wrongIn(snapshot({ ...reader, queue: ['nl1:q:1:x', 'nl1:q:2-s:x'] }))).toEqual([]);
  });

  it('is passed by who has got the key while it was the first, and by nobody else', () => {
    const writer = { queue: ['nl1:w:1:x'] };
    const [one, two] = ['nl1:p:1-s:x', 'nl1:p:2-s:x'].map((token) => [token, 1_500] as const);
    const both = snapshot({ ...shared(1_500, one, two), ...writer });
    expect(passedBetween(snapshot({ ...shared(1_500, one), ...writer }), both)).toEqual([
      { key: 'a', first: 'nl1:w:1:x', by: ['nl1:p:2-s:x'] },
    ]);
    expect(passedBetween(both, snapshot({ ...shared(1_500, one), ...writer }))).toEqual([]);
    expect(passedBetween(snapshot({ ...shared(1_500, one), queue: ['nl1:v:1:x'] }), both)).toEqual([]);
    const owned = (value: string): Snapshot => snapshot({ value, ends: 1_500, ...writer });
    expect(passedBetween(owned('nl1:p:1:x'), owned('nl1:p:2:x'))).toHaveLength(1);
    expect(passedBetween(owned('nl1:p:1:x'), owned('foreign'))).toEqual([]);
  });
});

describe('what is left by a session', () => {
  const sessions = new Set(['p1']);

  it('is what it holds and where it queues', () => {
    expect(leftBy(sessions, snapshot({ value: 'nl1:p:1:p1', ends: 1_500 }))).toHaveLength(1);
    expect(leftBy(sessions, snapshot({ value: 'nl1:p:1:p2', ends: 1_500, queue: ['nl1:p:2:p1'] }))).toHaveLength(
      1,
    );
    expect(
      leftBy(sessions, snapshot(shared(1_500, ['nl1:p:1-s:p2', 1_500], ['nl1:q:1-s:p1', 1_500]))),
    ).toHaveLength(1);
  });

  it('is not what others have, nor what is of no meaning any more', () => {
    expect(leftBy(sessions, snapshot({ value: 'nl1:p:1:p2', ends: 1_500 }))).toEqual([]);
    expect(leftBy(sessions, snapshot({ value: 'foreign', ends: 1_500 }))).toEqual([]);
    const former = { holders: [['nl1:p:1-s:p1', 1_500]] as const };
    expect(leftBy(sessions, snapshot(former))).toEqual([]);
    expect(leftBy(sessions, snapshot({ ...former, value: 'nl1:p:1:p2', ends: 1_500 }))).toEqual([]);
    expect(isFormerLife('lock:~nl:h:a', snapshot(former))).toBe(true);
    expect(isFormerLife('lock:~nl:h:a', snapshot(shared(1_500, ...former.holders)))).toBe(false);
    expect(isFormerLife('lock:~nl:q:a', snapshot(former))).toBe(false);
  });
});
