/** The routes of the dashboard, on each platform, in an application that changes every reply. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger, SetMetadata } from '@nestjs/common';
import { LockKeyError, LockStoreError, getLockServiceToken } from 'nestjs-locked';
import type { LockDashboardOptions } from 'nestjs-locked/dashboard';
import {
  type DashboardApp,
  type DashboardSetup,
  PLATFORMS,
  StatedLocks,
  eventsOf,
  holder,
  lock,
  overview,
  place,
  release,
  startDashboard,
} from '../support/dashboard.js';

const RELEASABLE: LockDashboardOptions = { unprotected: true, release: true };

let running: DashboardApp;

afterEach(async () => {
  await running?.app.close();
});

async function start(setup: DashboardSetup): Promise<DashboardApp> {
  return (running = await startDashboard(setup));
}

function held(): StatedLocks {
  const locks = new StatedLocks();
  locks.state = overview([lock('order:42', { queue: [place()] })]);
  return locks;
}

describe.each(PLATFORMS)('the dashboard on %s', (platform) => {
  it('given a prefix, versions, a wrapping interceptor, helmet and compression, then page, script and style are whole', async () => {
    const { url } = await start({ platform, dressed: true });
    const page = await fetch(url);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const text = await page.text();
    expect(text).toMatch(/^<!doctype html>/);
    const addresses = [...text.matchAll(/(?:href|src)="(locks\/[^"]+)"/g)].map(([, address]) => address);
    expect(addresses).toEqual(['locks/style.css', 'locks/app.js']);
    const types = addresses.map(async (address) => {
      const file = await fetch(new URL(address, url));
      expect(file.headers.get('content-encoding')).toMatch(/gzip|br|zstd/);
      expect((await file.text()).length).toBeGreaterThan(1_000);
      return file.headers.get('content-type');
    });
    expect(await Promise.all(types)).toEqual(['text/css; charset=utf-8', 'text/javascript; charset=utf-8']);
  });

  it("given helmet, then each reply has the dashboard's own policy, and is not kept in a cache", async () => {
    const { url } = await start({ platform, dressed: true });
    for (const path of ['', '/app.js', '/style.css', '/state', '/live']) {
      const aborted = new AbortController();
      const { headers } = await fetch(url + path, { signal: aborted.signal });
      aborted.abort();
      const policy = headers.get('content-security-policy');
      expect([path, policy]).toEqual([path, expect.stringContaining("default-src 'none'")]);
      expect([path, policy]).toEqual([path, expect.stringContaining("frame-ancestors 'none'")]);
      expect(policy).not.toContain('unsafe-inline');
      expect([path, headers.get('cache-control')]).toEqual([path, expect.stringContaining('no-store')]);
      expect([path, headers.get('x-content-type-options')]).toEqual([path, 'nosniff']);
    }
  });

  it('given a slash or a query after the path, then the addresses of the page are still right', async () => {
    const { url } = await start({ platform, options: { unprotected: true, path: '/ops/locks/' } });
    expect(url).toContain('//');
    const own = url.replace(/\/\/ops\/locks\/$/, '/ops/locks');
    expect(await (await fetch(`${own}?x=1/2`)).text()).toContain('src="locks/app.js"');
    const slash = await fetch(`${own}/`);
    // Fastify serves no path with a slash at its end, unless the application allows it.
    if (slash.ok) expect(await slash.text()).toContain('src="app.js"');
    else expect([platform, slash.status]).toEqual(['Fastify', 404]);
  });

  it('given the state as JSON, then it has the overview, unwrapped', async () => {
    const { url } = await start({ platform, dressed: true, locks: held() });
    const reply = await fetch(`${url}/state`);
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await reply.json()).toMatchObject({
      services: [{ name: '', overview: { locks: [{ key: 'order:42', queue: [{ owner: 'api-2:33' }] }] } }],
    });
  });

  it('given a key, then the state is what inspect() tells, once an interval', async () => {
    const locks = held();
    const { url } = await start({
      platform,
      dressed: true,
      locks,
      options: { unprotected: true, refresh: '1m' },
    });
    for (let i = 0; i < 3; i += 1) {
      expect(await (await fetch(`${url}/state?key=order:42`)).json()).toMatchObject({
        lock: { key: 'order:42' },
      });
    }
    expect(locks.inspected).toBe(1);
    expect(await (await fetch(`${url}/state?key=other`)).json()).toEqual({ lock: null });
    expect((await fetch(`${url}/state?key=a&service=unknown`)).status).toBe(400);
    locks.failure = new LockStoreError('connect ECONNREFUSED 10.0.0.7:6379');
    const failed = await fetch(`${url}/state?key=failing`);
    expect(failed.status).toBe(503);
    expect(await failed.json()).toEqual({ error: 'The lock cannot be read.', code: 'LOCK_STORE' });
  });

  it('given a permitted release, then the holder that was shown is released, and the reply tells the outcome', async () => {
    const locks = held();
    const app = await start({ platform, dressed: true, locks, options: RELEASABLE });
    const reply = await release(app, {}, { key: 'order:42', holder: 'h1', reason: 'stuck\u202e' });
    expect(reply.status).toBe(200);
    expect(await reply.json()).toEqual({ released: 1, told: 1 });
    const by = expect.stringMatching(/^somebody \(dashboard, .*127\.0\.0\.1\)$/);
    expect(locks.released).toEqual([{ key: 'order:42', holder: 'h1', by, reason: 'stuck\\u202e' }]);
    expect(await (await release(app)).json()).toEqual({ released: 0, told: 0 });
  });

  it.each([
    [{ key: 'order:42' }],
    [{ key: '', holder: 'h1' }],
    [{ key: 'order:42', holder: 'any' }],
    [{ key: 'order:42', holder: { $ne: 1 } }],
    [{ key: 'order:42', holder: 'h1', service: 'unknown' }],
    [{ key: 'order:42', holder: 'h1', reason: 5 }],
    [[]],
  ])('given the release %j, then it is refused as a bad request', async (body) => {
    const app = await start({ platform, options: RELEASABLE, locks: held() });
    const reply = await release(app, {}, body);
    expect(reply.status).toBe(400);
    expect(app.locks.released).toEqual([]);
  });

  it('given a store that fails, then a release is answered with the code alone', async () => {
    const app = await start({ platform, options: RELEASABLE, locks: held() });
    app.locks.failure = new LockStoreError('connect ECONNREFUSED 10.0.0.7:6379');
    const reply = await release(app);
    expect(reply.status).toBe(503);
    expect(await reply.json()).toEqual({ error: 'The lock could not be released.', code: 'LOCK_STORE' });
  });

  it('given a key that no lock can have, then it is a bad request, and nothing is logged', async () => {
    const logged: unknown[] = [];
    const app = await start({ platform, options: RELEASABLE, locks: held() });
    Logger.overrideLogger({ log() {}, warn() {}, error: (message: unknown) => void logged.push(message) });
    app.locks.failure = new LockKeyError('~nl:q:a', 'Keys must not begin with "~nl:".');
    const expected = { error: 'No lock can have this key.', code: 'LOCK_KEY' };
    for (const reply of [await fetch(`${app.url}/state?key=~nl:q:a`), await release(app)]) {
      expect(reply.status).toBe(400);
      expect(await reply.json()).toEqual(expected);
    }
    expect(logged).toEqual([]);
  });

  it('given a function as release, then it decides about each request, and names the person', async () => {
    const locks = held();
    let permission: boolean | string = false;
    const options: LockDashboardOptions = {
      unprotected: true,
      release: async (context) => {
        expect(context.switchToHttp().getRequest<Request>().headers).toBeDefined();
        return permission;
      },
    };
    const app = await start({ platform, options, locks });
    const hello = async (): Promise<unknown> => {
      const { value } = await eventsOf(await fetch(`${app.url}/live`)).next();
      return value;
    };
    expect((await release(app)).status).toBe(403);
    expect(await hello()).toMatchObject({ event: 'hello', data: { release: false } });
    permission = 'jane';
    expect(await hello()).toMatchObject({ data: { release: true } });
    expect((await release(app)).status).toBe(200);
    expect(locks.released).toMatchObject([{ by: expect.stringMatching(/^jane \(dashboard/) }]);
  });

  it('given further lock modules, then the page shows them, and a release names one of them', async () => {
    const billing = new StatedLocks();
    billing.state = overview([lock('invoice:1', { holders: [holder({ id: 'b1' })] })]);
    const app = await start({
      platform,
      locks: held(),
      options: { ...RELEASABLE, services: ['billing'] },
      providers: [{ provide: getLockServiceToken('billing'), useValue: billing }],
    });
    const state = await (await fetch(`${app.url}/state`)).json();
    expect(state).toMatchObject({ services: [{ name: '' }, { name: 'billing' }] });
    await release(app, {}, { service: 'billing', key: 'invoice:1', holder: 'b1' });
    expect([app.locks.released.length, billing.released.length]).toEqual([0, 1]);
  });

  it('given a decorator, then its metadata is on the controller', async () => {
    const seen: unknown[] = [];
    const authorize: LockDashboardOptions['authorize'] = (context) => {
      seen.push(Reflect.getMetadata('public', context.getClass()));
      return true;
    };
    const { url } = await start({
      platform,
      options: { authorize, decorators: [SetMetadata('public', true)] },
    });
    await fetch(url);
    expect(seen).toEqual([true]);
  });

  it('given a HEAD request for the stream, then it ends at once', async () => {
    const { url } = await start({ platform });
    expect((await fetch(`${url}/live`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  });
});
