/** The printers by themselves: an instance made by hand, with locks in memory from `provideLocks`. */
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { LockService } from 'nestjs-locked';
import { LockControls, memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { ReceiptPrinter } from '../../sample-app/src/events/receipt-printer.service.js';

const PRINTERS = 'receipt-printers';

let controls: LockControls;
let locks: LockService;
let printer: ReceiptPrinter;

beforeEach(() => {
  controls = new LockControls();
  locks = memoryLocks(controls);
  printer = provideLocks(new ReceiptPrinter(), locks);
});

describe('the printers', () => {
  it('given more than three receipts, then three are printed at a time, and the others after them', async () => {
    const [first, ...others] = [1, 2, 3].map(() => locks.acquire(PRINTERS, { limit: 3 }));
    const held = await first;
    await Promise.all(others);
    const receipts = [1, 2].map((seat) => printer.print('gala', seat));
    expect(await locks.tryAcquire(PRINTERS, { limit: 3 })).toBeNull();
    expect(controls.callsOf(PRINTERS).map(({ outcome }) => outcome)).toEqual([
      ...['held', 'held', 'held'],
      ...['waiting', 'waiting'],
      'busy',
    ]);
    await held.release();
    expect(await Promise.all(receipts)).toEqual(['gala: seat 1, paid\n', 'gala: seat 2, paid\n']);
  });

  it('given locks that are down, then nothing is printed', async () => {
    controls.disconnect();
    await expect(printer.print('gala', 1)).rejects.toMatchObject({ code: 'LOCK_STORE' });
  });
});
