/** Commands with a reply that is lost or late: no key stays blocked for a ttl, and no command runs twice. */
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { COMMAND_TIMEOUT, faultScene, outcome } from '../support/fault-scene.js';
import type { Locks } from '../support/locks.js';

const scene = faultScene();

/** The commands of a chunk that was sent, each an array of strings. */
function commandsOf(chunk: string): string[][] {
  const texts = chunk.split('\r\n');
  const commands: string[][] = [];
  for (let at = 0; texts[at]?.startsWith('*');) {
    const count = Number(texts[at]?.slice(1));
    const parts = Array.from({ length: count }, (_, i) => texts[at + 2 + 2 * i] ?? '');
    commands.push(parts);
    at += 1 + 2 * count;
  }
  return commands;
}

describe('given the reply to an acquire is lost', () => {
  const CALLS: [string, (service: Locks['service']) => Promise<unknown>][] = [
    ['tryAcquire', (service) => service.tryAcquire('k')],
    ['acquire', (service) => service.acquire('k')],
    ['several keys', (service) => service.acquire(['a', 'k'])],
  ];

  it.each(CALLS)(
    'peers: then no key stays in Redis, and no caller is blocked for its ttl (%s)',
    async (_name, call) => {
      const since = performance.now();
      scene.proxy.holdReplies();
      const failed = outcome(call(scene.locks.service));
      if (_name === 'several keys') await scene.taken('a');
      else await scene.taken();
      expect(await failed).toMatchObject({
        code: 'LOCK_STORE',
        message: expect.stringMatching(/did not answer/),
      });
      expect(performance.now() - since).toBeLessThan(COMMAND_TIMEOUT + 700);
      const waiting = scene.other.service.acquire('k');
      scene.proxy.release();
      const released = performance.now();
      const lock = await waiting;
      expect(performance.now() - released).toBeLessThan(1_500);
      await lock.release();
      await scene.nothingLeft();
      await scene.staysFree();
    },
  );

  it.each(CALLS.slice(0, 2))(
    'peers: given the connection breaks too, then the request is sent again, and its own token does not count as "busy" (%s)',
    async (_name, call) => {
      const patient = await scene.proxied({ commandTimeout: 5_000 });
      scene.proxy.dropReplies();
      const answered = outcome(call(patient.service));
      await scene.taken();
      const stored = await scene.client.get('lock:k');
      scene.proxy.cut();
      scene.proxy.release();
      const lock = (await answered) as { token: string; held: boolean; release(): Promise<boolean> };
      expect(lock).toMatchObject({ held: true, token: stored });
      expect(await lock.release()).toBe(true);
      await scene.nothingLeft();
      await patient.close();
    },
  );

  it('peers: given a client that does not send again, then a second call is not blocked by the key of the first call', async () => {
    const frank = await scene.proxied({ redis: { autoResendUnfulfilledCommands: false } });
    scene.proxy.dropReplies();
    const failed = outcome(frank.service.tryAcquire('k'));
    await scene.taken();
    scene.proxy.cut();
    scene.proxy.release();
    expect(await failed).toMatchObject({ code: 'LOCK_STORE' });
    const lock = await eventually(() => frank.service.acquire('k', { wait: 2_000 }));
    await lock.release();
    await scene.nothingLeft();
    await frank.close();
  });

  it('given the reply comes after the end of the lease, then the call rejects in time', async () => {
    const patient = await scene.proxied({ commandTimeout: 2_000 });
    for (const wait of [0, 700]) {
      scene.proxy.holdReplies();
      const call = outcome(patient.service.acquire('k', { ttl: 100, wait }));
      const fallback = new Promise((resolve) => setTimeout(resolve, 3_500, 'never returned').unref());
      await scene.taken();
      await eventually(async () => expect(await scene.client.exists('lock:k')).toBe(0));
      // From now on each reply comes later than the lease lasts.
      scene.proxy.release();
      scene.proxy.delay(80);
      expect(await Promise.race([call, fallback])).toMatchObject({ code: 'LOCK_STORE' });
      scene.proxy.delay(0);
      await scene.nothingLeft();
    }
    await patient.close();
  });
});

describe('given an acquire that is delayed until after its own clean-up', () => {
  it.each([
    ['once', 0],
    ['queue', 10_000],
  ])('then it does not run any more (mode %s)', async (mode, wait) => {
    if (mode === 'queue') {
      // The process is subscribed from here on, so that its requests queue.
      const held = await scene.other.service.acquire('first');
      const first = scene.locks.service.acquire('first');
      await scene.queued(1, 'first');
      await held.release();
      await (await first).release();
    }
    const sent: string[][] = [];
    const unwatch = scene.proxy.watch((chunk, direction) => {
      if (direction === 'request') sent.push(...commandsOf(chunk));
    });
    scene.proxy.dropRequests();
    expect(await outcome(scene.locks.service.acquire('k', { wait, ttl: 20_000 }))).toMatchObject({
      code: 'LOCK_STORE',
    });
    unwatch();
    scene.proxy.cut();
    scene.proxy.release();
    await scene.staysFree();

    const request =
      sent.find((parts) => parts[0]?.toUpperCase() === 'EVALSHA' && parts.includes('lock:k')) ?? [];
    expect(request.includes('once')).toBe(mode === 'once');
    const [, ...args] = request;
    expect(await scene.client.call('EVALSHA', ...(args as [string, ...string[]]))).toEqual([
      0,
      -2,
      expect.any(String),
    ]);
    await scene.staysFree();
    // With a later time the same command runs. This shows that the time alone has stopped the command.
    const time = args.findIndex((each) => /^\d{16}$/.test(each));
    args[time] = String(Number(args[time]) + 60_000_000);
    await scene.client.call('EVALSHA', ...(args as [string, ...string[]]));
    expect(await scene.client.exists('lock:k')).toBe(1);
    await scene.client.del('lock:k');
  });
});

describe('given the reply to a release is lost', () => {
  it('then release() resolves in time, and the key is free', async () => {
    const lock = await scene.locks.service.acquire('k');
    scene.proxy.holdReplies();
    const since = performance.now();
    const released = lock.release();
    await staysGone();
    // The lease had not ended, so no other caller had the key.
    expect(await released).toBe(true);
    expect(performance.now() - since).toBeLessThan(COMMAND_TIMEOUT + 700);
    expect(lock.signal.aborted).toBe(false);
    // The repeated release must not take the key from its present holder.
    const next = await scene.other.service.acquire('k');
    scene.proxy.release();
    await next.extend();
    expect(await scene.client.get('lock:k')).toBe(next.token);
    expect(await next.release()).toBe(true);
    await scene.nothingLeft();
  });

  it('then the first waiter gets the key by a hand-off', async () => {
    const lock = await scene.locks.service.acquire('k');
    const waiting = scene.other.service.acquire('k');
    await scene.queued(1);
    const behind = scene.third.service.acquire('k');
    await scene.queued(2);
    scene.proxy.holdReplies();
    const since = performance.now();
    const released = lock.release();
    const next = await waiting;
    expect(performance.now() - since).toBeLessThan(COMMAND_TIMEOUT);
    expect(await released).toBe(true);
    scene.proxy.release();
    expect(await next.release()).toBe(true);
    await (await behind).release();
    await scene.nothingLeft();
  });

  it('given the request was lost too, then the release is sent again', async () => {
    const lock = await scene.locks.service.acquire('k');
    scene.proxy.dropRequests();
    expect(await lock.release()).toBe(true);
    expect(await scene.client.get('lock:k')).toBe(lock.token);
    scene.proxy.cut();
    scene.proxy.release();
    await scene.nothingLeft();
  });

  it.each(['without waiters', 'with a waiter'])(
    'given the connection breaks too, then the release is sent again, and the lock does not count as lost (%s)',
    async (name) => {
      const patient = await scene.proxied({ commandTimeout: 5_000 });
      const lock = await patient.service.acquire('k');
      const waiting = name === 'with a waiter' ? patient.service.acquire('k') : undefined;
      const { signal } = lock;
      scene.proxy.dropReplies();
      const released = lock.release();
      await eventually(async () => expect(await scene.client.get('lock:k')).not.toBe(lock.token));
      scene.proxy.cut();
      scene.proxy.release();
      // The repeated release finds no lease. The lease had not ended, so no other caller had the lock.
      expect(await released).toBe(true);
      expect(signal.aborted).toBe(false);
      await (await waiting)?.release();
      expect(patient.events).toEqual([]);
      await scene.nothingLeft();
      await patient.close();
    },
  );

  function staysGone(): Promise<void> {
    return eventually(async () => expect(await scene.client.exists('lock:k')).toBe(0));
  }
});
