/** Callers of one process that wait for each other in a cycle: the call that closes the cycle is refused at once. */
import { describe, expect, it } from '@jest/globals';
import type { LockDeadlockError } from '../../lib/errors/index.js';
import { deferred } from '../support/deferred.js';
import { deadlockOf, nestedCalls } from '../support/nested-calls.js';

const shared = { mode: 'shared' } as const;

const chains = ({ cycle }: LockDeadlockError): unknown[] => cycle.map(({ holds, wants }) => [holds, wants]);

describe('given two callers that wait for the key of each other', () => {
  it('then the call that closes the cycle is told both chains, and the other caller goes on', async () => {
    const { begin, end, locks, engine } = nestedCalls();
    const first = await begin('x');
    const second = await begin('y');
    await first.enter('y');
    const { error } = await second.run(async () => {
      await locks.using('x', () => undefined);
    });
    expect(error).toMatchObject({ code: 'LOCK_DEADLOCK', key: 'x' });
    const refused = error as LockDeadlockError;
    expect(refused.cycle.map(({ holds, wants }) => ({ holds, wants }))).toEqual([
      { holds: ['y'], wants: 'x' },
      { holds: ['x'], wants: 'y' },
    ]);
    expect(refused.message).toContain(
      'this call holds "y" and wants "x"; another call holds "x" and wants "y". Take these keys in the same order',
    );
    expect(refused.message).not.toContain('\n');
    expect(refused.stack).toContain('deadlock-detection.spec.ts');
    expect(first.state).toBe('waiting');
    await second.leave();
    expect(first.state).toBe('inside');
    await end(first, second);
    expect(engine.waits.size).toBe(0);
  });

  it('then the error tells where the other call was made, if that place was recorded', async () => {
    const { begin, end, locks, pass } = nestedCalls();
    const waiting = deferred();
    // Call sites are recorded once a millisecond.
    async function requestForY(): Promise<void> {
      await pass(5);
      const requested = locks.using('y', () => undefined);
      waiting.resolve();
      await requested;
    }
    const second = await begin('y');
    const first = locks.using('x', requestForY);
    await waiting.promise;
    const error = deadlockOf(await second.enter('x'));
    expect(error.cycle[1].site).toContain('requestForY');
    expect(error.stack).toMatch(/The call that waits for "y":\n {4}at .*requestForY/s);
    await end(second);
    await first;
  });
});

describe('given a cycle of more than two callers', () => {
  it.each([3, 4, 17])(
    'then exactly one of %i callers is refused, and told the whole cycle',
    async (count) => {
      const { locks, engine } = nestedCalls();
      const inside = Array.from({ length: count }, () => deferred());
      const philosophers = inside.map((mine, at) =>
        locks.using(`fork ${at}`, async () => {
          mine.resolve();
          await Promise.all(inside.map(({ promise }) => promise));
          return locks.using(`fork ${(at + 1) % count}`, () => at);
        }),
      );
      const results = await Promise.allSettled(philosophers);
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused).toHaveLength(1);
      const { cycle } = refused[0].reason as LockDeadlockError;
      expect(cycle).toHaveLength(count);
      for (const [at, { wants }] of cycle.entries()) expect(cycle[(at + 1) % count].holds).toContain(wants);
      expect(engine.waits.size).toBe(0);
    },
  );
});

describe('given a call for several keys in the cycle', () => {
  it('then it counts with the keys that it has so far', async () => {
    const { begin, end, engine } = nestedCalls();
    const first = await begin('b');
    const both = await begin(['a', 'b', 'c']);
    expect(chains(deadlockOf(await first.enter('a')))).toEqual([
      [['b'], 'a'],
      [['a'], 'b'],
    ]);
    await first.leave();
    expect([both.state, both.keys]).toEqual(['inside', ['a', 'b', 'c']]);
    await end(first, both);
    expect(engine.waits.size).toBe(0);
  });

  it('then it releases the keys that it has if it closes the cycle', async () => {
    const { task, begin, end, locks, engine } = nestedCalls();
    const held = await locks.acquire('a');
    const both = task();
    const call = await both.enter(['a', 'b']);
    const first = await begin('b');
    await first.enter('a');
    await held.release();
    await end(both);
    expect(chains(deadlockOf(call))).toEqual([
      [['a'], 'b'],
      [['b'], 'a'],
    ]);
    expect(first.state).toBe('inside');
    await end(first);
    expect(engine.waits.size).toBe(0);
  });
});

describe('given a cycle through nested work', () => {
  it('then it is found through a branch, for a call ends only when its branches end', async () => {
    const { begin, end } = nestedCalls();
    const first = await begin('x');
    const [idle, waiting] = [await first.branch(), await first.branch()];
    await idle.enter('p');
    const second = await begin('y');
    await waiting.enter('q');
    await waiting.enter('y');
    const error = deadlockOf(await second.enter('x'));
    expect(error.cycle.map(({ holds }) => holds)).toEqual([['y'], ['x', 'q']]);
    await second.leave();
    expect(waiting.state).toBe('inside');
    await end(first, second);
  });

  it('then it is found through the locks of two services', async () => {
    const [one, two] = [nestedCalls(), nestedCalls()];
    const first = await one.begin('k');
    const second = await two.begin('k');
    await first.enter('k', {}, two.locks);
    const error = deadlockOf(await second.enter('k', {}, one.locks));
    expect(error.cycle).toHaveLength(2);
    await second.leave();
    expect(first.state).toBe('inside');
    await one.end(first, second);
    expect([one.engine.waits.size, two.engine.waits.size]).toEqual([0, 0]);
  });

  it('then it is found through a call that joined a key which it holds', async () => {
    const { begin, end } = nestedCalls();
    const first = await begin('x');
    await first.enter('x', { reentry: 'join' });
    const second = await begin('y');
    await first.enter(['x', 'y'], { reentry: 'join' });
    const error = deadlockOf(await second.enter('x'));
    expect(error.cycle.map(({ holds }) => holds)).toEqual([['y'], ['x']]);
    await second.leave();
    expect(first.state).toBe('inside');
    await end(first, second);
  });
});

describe('given a cycle on a key that had another holder before', () => {
  it('then it is found although work of the former holder still runs', async () => {
    const { begin, end, locks } = nestedCalls();
    const z = await locks.acquire('z');
    const former = await begin('x');
    const running = await former.detach();
    await former.leave();
    const second = await begin('y');
    const first = await begin('x');
    await first.enter('y');
    await running.enter('z');
    deadlockOf(await second.enter('x'));
    await second.leave();
    expect([first.state, running.state]).toEqual(['inside', 'waiting']);
    await z.release();
    await end(former, running, first, second);
  });

  it('then it is found although the former holder lost the key while it waited for another one', async () => {
    const { begin, end, locks, pass } = nestedCalls();
    const z = await locks.acquire('z');
    const former = await begin('x', { maxHold: 100, onLost: 'warn' });
    await former.enter('z');
    const second = await begin('y');
    const first = await begin('x');
    await pass(100);
    await first.enter('y');
    await z.release();
    await end(former);
    deadlockOf(await second.enter('x'));
    await second.leave();
    expect(first.state).toBe('inside');
    await end(first, second);
  });
});

describe('given readers and permits in a cycle', () => {
  it('then a writer waits for each of several readers, and a cycle through any of them is found', async () => {
    const { begin, end, engine } = nestedCalls();
    const idle = await begin('k', shared);
    const reader = await begin('k', shared);
    const writer = await begin('x');
    await reader.enter('x');
    expect(chains(deadlockOf(await writer.enter('k')))).toEqual([
      [['x'], 'k'],
      [['k'], 'x'],
    ]);
    await writer.leave();
    expect(reader.state).toBe('inside');
    await end(idle, reader, writer);
    expect(engine.waits.size).toBe(0);
  });

  it('then a cycle that one of the readers closes is found', async () => {
    const { begin, end } = nestedCalls();
    const idle = await begin('k', shared);
    const writer = await begin('x');
    const reader = await begin('k', shared);
    await writer.enter('k');
    expect(deadlockOf(await reader.enter('x')).key).toBe('x');
    await end(idle, reader);
    expect(writer.state).toBe('inside');
    await end(writer);
  });

  it('then a reader behind a writer of this process waits for the readers that the writer waits for', async () => {
    const { begin, end } = nestedCalls();
    const first = await begin('k', shared);
    const writer = await begin('k');
    const second = await begin('x');
    await first.enter('x');
    expect(deadlockOf(await second.enter('k', shared)).key).toBe('k');
    await second.leave();
    expect([first.state, writer.state]).toEqual(['inside', 'waiting']);
    await end(first);
    expect(writer.state).toBe('inside');
    await end(writer, second);
  });

  it('then a cycle of exclusive locks is found for a caller that also holds a permit', async () => {
    const { begin, end } = nestedCalls();
    const first = await begin('x');
    await first.enter('s', { limit: 2 });
    const second = await begin('y');
    await first.enter('y');
    const error = deadlockOf(await second.enter('x'));
    expect(error.cycle.map(({ wants }) => wants)).toEqual(['x', 'y']);
    await second.leave();
    expect(first.state).toBe('inside');
    await end(first, second);
  });
});
