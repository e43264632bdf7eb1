/** The stream of the dashboard: its questions, slow readers, failures and the shutdown. */
import { type Socket, connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { LockStoreError } from 'nestjs-locked';
import type { LockDashboardOptions } from 'nestjs-locked/dashboard';
import { EventStream } from '../../lib/dashboard/http/event-stream.js';
import type { DashboardReply } from '../../lib/dashboard/http/messages.js';
import {
  type DashboardApp,
  type DashboardSetup,
  PLATFORMS,
  StatedLocks,
  eventsOf,
  lock,
  overview,
  startDashboard,
} from '../support/dashboard.js';
import { type Child, startChild } from '../support/child-process.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import type { handlers } from '../support/workers/dashboard.worker.js';

let running: DashboardApp | undefined;
const aborts: AbortController[] = [];

afterEach(async () => {
  for (const each of aborts.splice(0)) each.abort();
  await running?.app.close();
  running = undefined;
});

async function start(setup: DashboardSetup): Promise<DashboardApp> {
  return (running = await startDashboard(setup));
}

type Events = AsyncGenerator<{ event: string; data: unknown }>;

async function watch({
  url,
}: Pick<DashboardApp, 'url'>): Promise<{ events: Events; leave(): void; headers: Headers }> {
  const abort = new AbortController();
  aborts.push(abort);
  const response = await fetch(`${url}/live`, { signal: abort.signal });
  expect(response.status).toBe(200);
  return { events: eventsOf(response), leave: () => abort.abort(), headers: response.headers };
}

async function next(events: Events): Promise<{ event: string; data: unknown }> {
  const { value } = await events.next();
  return value as { event: string; data: unknown };
}

describe.each(PLATFORMS)('the stream on %s', (platform) => {
  it('given helmet, compression and a wrapping interceptor, then hello and states come at once, unchanged', async () => {
    const locks = new StatedLocks();
    locks.state = overview([lock('order:42')]);
    const app = await start({ platform, dressed: true, locks });
    const { events, headers } = await watch(app);
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(headers.get('content-encoding')).toBeNull();
    expect(headers.get('cache-control')).toContain('no-transform');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(await next(events)).toEqual({ event: 'hello', data: { release: false, refresh: 100 } });
    for (let i = 0; i < 3; i += 1) {
      expect(await next(events)).toMatchObject({
        event: 'state',
        data: { services: [{ overview: { locks: [{ key: 'order:42' }] } }] },
      });
    }
  });

  it('given nobody that watches, then no question is sent, and given many, one an interval', async () => {
    const locks = new StatedLocks();
    const app = await start({ platform, locks, options: { unprotected: true, refresh: 200 } });
    expect(locks.questions).toBe(0);
    const began = performance.now();
    const watchers = await Promise.all(Array.from({ length: 20 }, () => watch(app)));
    const states = watchers.map(async ({ events }) => {
      for (let i = 0; i < 4; i += 1) await next(events);
    });
    await Promise.all(states);
    // Each question takes an interval, and one more may be under way.
    expect(locks.questions).toBeLessThanOrEqual((performance.now() - began) / 200 + 2);
    expect(locks.questions).toBeGreaterThanOrEqual(3);
    for (const { leave } of watchers) leave();
    const before = await eventually(async () => {
      const { questions } = locks;
      await new Promise((resolve) => setTimeout(resolve, 450));
      expect(locks.questions).toBe(questions);
      return questions;
    });
    // A state that is younger than the interval is sent again.
    await fetch(`${app.url}/state`);
    await Promise.all(Array.from({ length: 20 }, () => fetch(`${app.url}/state`)));
    expect(locks.questions).toBeLessThanOrEqual(before + 2);
  });

  it('given a watcher that leaves while the permission is decided, then no question is sent', async () => {
    const [deciding, left, decided] = [deferred(), deferred(), deferred()];
    const options: LockDashboardOptions = {
      unprotected: true,
      release: async (context) => {
        const reply = context.switchToHttp().getResponse<Socket & { raw?: Socket }>();
        (reply.raw ?? reply).once('close', () => left.resolve());
        deciding.resolve();
        await left.promise;
        decided.resolve();
        return true;
      },
    };
    const app = await start({ platform, options });
    const { socket } = slowReader(app);
    await deciding.promise;
    socket.destroy();
    await decided.promise;
    // The stream begins before this request is read, and a question would be sent before this timer fires.
    await fetch(`${app.url}/app.js`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(app.locks.questions).toBe(0);
  });

  it('given a store that fails, then the state has the code, the latest overview, and recovers', async () => {
    const locks = new StatedLocks();
    locks.state = overview([lock('order:42')]);
    const { events } = await watch(await start({ platform, locks }));
    const until = async (part: object): Promise<void> => {
      for (;;) {
        const { data } = await next(events);
        try {
          expect(data).toMatchObject({ services: [part] });
          return;
        } catch {
          // The next state may have it.
        }
      }
    };
    await until({ overview: { locks: [{ key: 'order:42' }] } });
    locks.failure = new LockStoreError('connect ECONNREFUSED 10.0.0.7:6379');
    await until({ error: 'LOCK_STORE', overview: { locks: [{ key: 'order:42' }] } });
    locks.failure = undefined;
    locks.state = overview([lock('after:1')]);
    await until({ overview: { locks: [{ key: 'after:1' }] } });
  });

  it('given a reader that takes nothing, then it skips states, and gets the newest one when it reads again', async () => {
    const locks = new StatedLocks();
    const many = Array.from({ length: 2_000 }, (_, i) => lock(`${i}`.padEnd(2_000, 'x')));
    locks.state = overview(many);
    const app = await start({ platform, locks });
    const { socket, bytes } = slowReader(app);
    await eventually(() => expect(locks.questions).toBeGreaterThan(20), { within: 15_000 });
    locks.state = overview([lock('newest')]);
    const before = locks.questions;
    await eventually(() => expect(locks.questions).toBeGreaterThan(before + 2));
    socket.resume();
    const text = await eventually(() => {
      const all = bytes();
      expect(all).toContain('"newest"');
      return all;
    });
    // Some 4 MB a state: the kernel has some of the first ones, and the others were skipped.
    expect(text.split('event: state').length - 1).toBeLessThan(10);
    socket.destroy();
  }, 60_000);

  it('given open streams at the shutdown, then it takes less than a second', async () => {
    const locks = new StatedLocks();
    const app = await startDashboard({ platform, locks, forceCloseConnections: false });
    const { events } = await watch(app);
    await next(events);
    const blocked = slowReader(app);
    const began = performance.now();
    const closing = app.app.close();
    while ((await events.next()).done !== true);
    await closing;
    expect(performance.now() - began).toBeLessThan(1_000);
    blocked.socket.destroy();
  });
});

/** A client that has sent its request, and reads nothing until it is resumed. */
function slowReader({ url }: DashboardApp): { socket: Socket; bytes(): string } {
  const { port, pathname } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.pause();
  socket.write(`GET ${pathname}/live HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  return { socket, bytes: () => Buffer.concat(chunks).toString() };
}

describe('an event stream', () => {
  it.each<[string, object]>([
    ['whose response is closed', { destroyed: true }],
    [
      'whose connection is closed before an earlier response is sent',
      { req: { socket: { destroyed: true } } },
    ],
    ['whose stream of HTTP/2 is reset', { stream: { destroyed: true } }],
  ])('given a reader %s, then it has ended from the start', (_, state) => {
    const raw = {
      writeHead() {},
      on() {},
      destroyed: false,
      closed: false,
      req: { httpVersionMajor: 1 },
      ...state,
    };
    const stream = new EventStream({ raw } as unknown as DashboardReply);
    let ended = false;
    stream.onEnd(() => (ended = true));
    expect(ended).toBe(true);
  });
});

describe.each(PLATFORMS)('SIGTERM on %s', (platform) => {
  let child: Child<typeof handlers> | undefined;

  afterEach(async () => {
    await child?.kill();
  });

  it('given an open stream, then the process ends within a second', async () => {
    child = await startChild<typeof handlers>(
      new URL('../support/workers/dashboard.worker.ts', import.meta.url),
    );
    const url = await child.call('start', platform);
    const { events } = await watch({ url });
    await next(events);
    const began = performance.now();
    process.kill(child.pid, 'SIGTERM');
    while ((await events.next()).done !== true);
    expect(await child.exited).toBe('SIGTERM');
    expect(performance.now() - began).toBeLessThan(1_000);
  }, 60_000);
});
