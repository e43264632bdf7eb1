/** Which troubles of a process an overview tells: the latest ones, and no crowd of ordinary refusals. */
import { describe, expect, it } from '@jest/globals';
import { LockLostError } from '../../lib/errors/index.js';
import { Troubles } from '../../lib/core/inspection/troubles.js';
import { FakeClock } from '../support/fake-clock.js';

function setUp() {
  const clock = new FakeClock();
  const troubles = new Troubles(clock);
  return {
    clock,
    lost: (key: string) =>
      troubles.note({ name: 'lost', key, reason: 'expired', error: new LockLostError(key, 'expired', 1) }),
    busy: (key: string, label?: string) => troubles.note({ name: 'busy', key, waited: 1, label }),
    told: () => troubles.recent().map(({ what, key, age }) => `${what} ${key} ${age}`),
  };
}

describe('given a process in which callers are refused all the time', () => {
  it('then a key has one refusal, the latest, for each method', async () => {
    const { clock, busy, told } = setUp();
    for (let i = 0; i < 30; i += 1) {
      busy('a');
      busy('a', 'Orders.pay');
      await clock.advance(1);
    }
    expect(told()).toEqual(['busy a 1', 'busy a 1']);
  });

  it('then refusals of many keys push out the oldest refusal, and no lost lock', () => {
    const { lost, busy, told } = setUp();
    lost('paid');
    for (let i = 0; i < 30; i += 1) busy(String(i));
    expect(told()).toHaveLength(20);
    expect(told()[0]).toBe('busy 29 0');
    expect(told().at(-1)).toBe('lost paid 0');
  });

  it('then many lost locks push out the refusals first, and then the oldest lost lock', () => {
    const { lost, busy, told } = setUp();
    busy('a');
    for (let i = 0; i < 21; i += 1) lost(String(i));
    expect(told()).toEqual(Array.from({ length: 20 }, (_, i) => `lost ${20 - i} 0`));
  });
});
