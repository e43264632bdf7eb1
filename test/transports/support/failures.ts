/** Failures of a lock, caused in Redis itself, and the payload that the sender of a message then receives. */
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';

/** Complete payloads: they may contain nothing else. */
export const STORE_FAILED = {
  status: 'error',
  code: 'LOCK_STORE',
  message: 'The service is unavailable for now. Try again in a moment.',
  retryAfter: 1,
};
export const LOST = {
  status: 'error',
  code: 'LOCK_LOST',
  message: 'The request lost its claim to the resource while it ran. Check its outcome before you repeat it.',
};

/** Runs `work` while Redis refuses every write that needs memory: each acquisition fails. */
export async function withoutMemory<T>(client: Redis, work: () => Promise<T>): Promise<T> {
  await client.config('SET', 'maxmemory', '1');
  try {
    return await work();
  } finally {
    await client.config('SET', 'maxmemory', '0');
  }
}

/** Deletes the key of a held lock. The holder notices at its next renewal, or when it releases the lock. */
export async function takeAway(client: Redis, key: string): Promise<void> {
  if ((await client.del(`lock:${key}`)) !== 1) throw new Error(`Nobody holds ${key}.`);
}

/** The message for a sender if its request has no usable value for a part of the key. */
export function UNUSABLE(part: string): string {
  return `The request has no usable value for ${part}. Send it once, not empty, as a single value.`;
}

/** Records everything above debug that Nest and the library log. The returned function ends it, and gives the entries. */
export function spyOnLog(): () => unknown[] {
  const entries: unknown[] = [];
  for (const level of ['log', 'warn', 'error', 'fatal'] as const) {
    jest.spyOn(Logger.prototype, level).mockImplementation((entry: unknown) => void entries.push(entry));
  }
  return () => {
    jest.restoreAllMocks();
    return entries;
  };
}
