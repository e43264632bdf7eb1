/** The README's example of `LockService`. */
import { Injectable } from '@nestjs/common';
import { LockService } from 'nestjs-locked';

export const charged: Array<{ order: string; fence: number }> = [];

async function charge(order: string, fence: number, signal: AbortSignal) {
  signal.throwIfAborted();
  charged.push({ order, fence });
}

@Injectable()
export class Payments {
  constructor(private readonly locks: LockService) {}

  pay(order: string) {
    return this.locks.using(`order:${order}`, { wait: '2s' }, async (lock) => {
      await charge(order, lock.fence, lock.signal);
      return 'paid';
    });
  }

  // Held to the end of the block. If the lock is busy, tryAcquire returns null at once.
  async payIfFree(order: string) {
    await using lock = await this.locks.tryAcquire(`order:${order}`);
    if (lock === null) return 'busy';
    await charge(order, lock.fence, lock.signal);
    lock.assertHeld(); // throws a LockLostError if the lock was lost meanwhile
    return 'paid';
  }
}
