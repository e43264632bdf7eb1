/** What goes wrong with a lock, brought about in Redis itself, and what the client of a message is told of it. */
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';

/** Whole payloads: nothing else may be in them. */
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

/** Redis takes nothing new meanwhile: requesting a lock fails. */
export async function withoutMemory<T>(client: Redis, work: () => Promise<T>): Promise<T> {
  await client.config('SET', 'maxmemory', '1');
  try {
    return await work();
  } finally {
    await client.config('SET', 'maxmemory', '0');
  }
}

/** Somebody deletes the key under its holder, who hears of it when it gives the lock back at the latest. */
export async function takeAway(client: Redis, key: string): Promise<void> {
  if ((await client.del(`lock:${key}`)) !== 1) throw new Error(`Nobody holds ${key}.`);
}

/** What the sender of a message is told whose value cannot stand in a key. */
export function UNUSABLE(part: string): string {
  return `The request has no usable value for ${part}. Send it once, not empty, as a single value.`;
}

/** Everything that is logged above debug from now on, by Nest and by the library. */
export function spyOnLog(): () => unknown[] {
  const lines: unknown[] = [];
  for (const level of ['log', 'warn', 'error', 'fatal'] as const) {
    jest.spyOn(Logger.prototype, level).mockImplementation((line: unknown) => void lines.push(line));
  }
  return () => {
    jest.restoreAllMocks();
    return lines;
  };
}
