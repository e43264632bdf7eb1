/** The diagnostics channels: the events of a lock that a listener gets. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LockEvent, LockEventName } from '../../lib/core/events/events.js';
import { acquiring, core } from '../support/core.js';
import { settle } from '../support/fake-clock.js';

const NAMES: LockEventName[] = ['wait', 'acquire', 'release', 'lost', 'busy', 'store-error', 'long-hold'];
const seen: LockEvent[] = [];
const listener = (message: unknown): void => void seen.push(message as LockEvent);

function listen(): void {
  for (const name of NAMES) subscribe(`nestjs-locked:${name}`, listener);
}
afterEach(() => {
  for (const name of NAMES) unsubscribe(`nestjs-locked:${name}`, listener);
  seen.length = 0;
});

describe('the diagnostics channels nestjs-locked:*', () => {
  it('given waits, holds and a busy key, then listeners get wait, acquire, busy and release in order', async () => {
    listen();
    const { engine, clock } = core();
    const first = await engine.acquire(['k'], acquiring());
    const second = engine.acquire(['k'], acquiring());
    const third = engine.acquire(['k'], acquiring({ wait: 100 })).catch(() => undefined);
    await clock.advance(150);
    await third;
    await first.release();
    await (await second).release();
    expect(seen.map(({ name, key }) => `${name} ${key}`)).toEqual([
      'acquire k',
      'wait k',
      'wait k',
      'busy k',
      'acquire k',
      'release k',
      'release k',
    ]);
    expect(seen[3]).toMatchObject({ waited: 100 });
    expect(seen.filter((event) => event.name === 'acquire').map((event) => event.waited)).toEqual([0, 150]);
    expect(seen.filter((event) => event.name === 'release').map((event) => event.fence)).toContain(
      first.fence,
    );
  });

  it('given a lost lock and a long hold, then listeners get long-hold and lost with their figures', async () => {
    listen();
    const { engine, clock } = core({ longHold: 1_000 });
    const lock = await engine.acquire(['k'], acquiring({ maxHold: 2_000 }));
    await clock.advance(2_500);
    await lock.release();
    await settle();
    expect(seen.map((event) => event.name)).toEqual(['acquire', 'long-hold', 'lost', 'release']);
    expect(seen[2]).toMatchObject({ key: 'k', reason: 'max-hold', held: 2_000, fence: lock.fence });
  });

  it('given no listener, then no event is published', async () => {
    const { engine } = core();
    await (await engine.acquire(['k'], acquiring())).release();
    expect(seen).toEqual([]);
  });
});
