/** The README's example of a unit test, and the examples of the README by themselves. */
import { describe, expect, it } from '@jest/globals';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { charged, Payments } from './payments.js';
import { Stock } from './stock.js';

it('given two apples taken, then three are left', async () => {
  const stock = provideLocks(new Stock()); // real locks, in memory
  expect(await stock.take('apples', 2)).toBe(3);
});

describe('the examples of the README', () => {
  it('given the methods, then each is locked by its own key', async () => {
    const locks = memoryLocks();
    const stock = provideLocks(new Stock(), locks);
    const held = await locks.acquire(['stock:apples', 'account:a', 'hourly-report']);
    const waiting = [stock.take('apples', 1), stock.transfer('b', 'a', 5)];
    expect(await stock.report()).toBeUndefined();
    expect(await stock.take('pears', 1)).toBe(-1);
    await held.release();
    expect(await Promise.all(waiting)).toEqual([4, '5 from b to a']);
    expect(await stock.report()).toBe(2);
    expect(await locks.tryAcquire('hourly-report')).toBeNull();
  });

  it('given the service, then a payment runs under the lock of its order', async () => {
    const locks = memoryLocks();
    const payments = new Payments(locks);
    expect(await payments.pay('1')).toBe('paid');
    const held = await locks.acquire('order:1');
    expect(await payments.payIfFree('1')).toBe('busy');
    await held.release();
    expect(await payments.payIfFree('1')).toBe('paid');
    const [first, second] = charged;
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(await locks.tryAcquire('order:1')).not.toBeNull();
  });
});
