/** One call for several keys: it gets all of them or none, with one fence and one deadline. */
import { describe, expect, it } from '@jest/globals';
import { permit, scenario } from '../support/scenario.js';

describe('given a call for several keys of which one is busy', () => {
  it('then it is refused at its deadline, and the other keys are free', async () => {
    const { a, pass, release } = scenario();
    const inB = await a.acquire({}, ['b']);
    const both = a.begin({ wait: 1_000 }, ['a', 'b']);
    await pass(1_001);
    expect(both.error).toMatchObject({ code: 'LOCK_BUSY', key: 'b' });
    await release(await a.acquire({ wait: 0 }, ['a']));
    await release(inB);
  });

  it('then all keys share one deadline', async () => {
    const { a, pass, release } = scenario();
    const [inA, inB] = [await a.acquire({}, ['a']), await a.acquire({}, ['b'])];
    const both = a.begin({ wait: 1_000 }, ['a', 'b']);
    await pass(700);
    await release(inA);
    await pass(299);
    expect(both.state).toBe('waiting');
    await pass(2);
    expect(both.error).toMatchObject({ code: 'LOCK_BUSY', key: 'b', waited: 1_000 });
    await release(inB);
  });

  it('then the keys are released and acquired again if one of them is lost during the wait', async () => {
    const { a, pass, release } = scenario();
    const inB = await a.acquire({}, ['b']);
    const both = a.begin({ ttl: 1_000, renew: false, wait: 5_000 }, ['a', 'b']);
    await pass(1_500);
    await release(inB);
    await pass(50);
    expect(both.state).toBe('holding');
    expect(both.lock.remaining).toBeGreaterThan(900);
    await release(both);
  });

  it('then "minHold" does not keep the other keys busy', async () => {
    const { a, b, release } = scenario();
    const inB = await b.acquire({}, ['b']);
    const both = await a.acquire({ wait: 0, minHold: 60_000 }, ['a', 'b']);
    expect(both.error).toMatchObject({ code: 'LOCK_BUSY', key: 'b' });
    await release(await b.acquire({ wait: 0 }, ['a']));
    await release(inB);
  });
});

describe('given a call that got several keys', () => {
  it('then the next holder of a permit has a higher fence, also after a "minHold"', async () => {
    const { a, b, pass, release } = scenario();
    const holder = await b.acquire(permit(1), ['a']);
    const both = a.begin(permit(1, { minHold: 1_000 }), ['a', 'b']);
    const next = a.begin(permit(1), ['a']);
    await pass(1);
    await release(holder);
    await pass(50);
    expect(both.lock.fences.get('b')).toBe(both.fence);
    const { fence } = both;
    await release(both);
    await pass(2_500);
    expect(next.fence).toBeGreaterThan(fence);
    await release(next);
  });

  it('then one fence serves all of them, above the fence of each earlier holder of any of them', async () => {
    const { a } = scenario();
    const fences: number[] = [];
    for (const keys of [['a'], ['a', 'b'], ['b'], ['a', 'b', 'c'], ['c']]) {
      const { lock } = await a.acquire({}, keys);
      expect([...lock.fences]).toEqual(keys.map((key) => [key, lock.fence]));
      expect(lock.fence).toBeGreaterThan(fences.at(-1) ?? 0);
      fences.push(lock.fence);
      expect(lock.token.split(' ')).toHaveLength(keys.length);
      await lock.release();
    }
  });

  it('then all of them are lost as soon as one is lost', async () => {
    const { a, pass } = scenario();
    const { lock } = await a.acquire({ maxHold: 1_000 }, ['a', 'b']);
    const { signal } = lock;
    await pass(1_010);
    expect(signal.aborted).toBe(true);
    expect(lock.held).toBe(false);
    expect(await lock.release()).toBe(false);
  });
});
