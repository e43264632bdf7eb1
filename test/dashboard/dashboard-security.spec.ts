/** Protection against strangers, and against foreign pages in the browser of a permitted person. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { type CanActivate, type ExecutionContext, Inject, Injectable, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { LockDashboardModule, type LockDashboardOptions } from 'nestjs-locked/dashboard';
import { readFileSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import {
  type DashboardApp,
  type DashboardSetup,
  PLATFORMS,
  StatedLocks,
  lock,
  overview,
  release,
  startDashboard,
} from '../support/dashboard.js';

const ROUTES = ['', '/app.js', '/style.css', '/state', '/live'];
const RELEASABLE: LockDashboardOptions = { unprotected: true, release: true };

let running: DashboardApp | undefined;

afterEach(async () => {
  await running?.app.close();
  running = undefined;
});

async function start(setup: DashboardSetup): Promise<DashboardApp> {
  return (running = await startDashboard(setup));
}

const made = (options: unknown) => () => LockDashboardModule.forRoot(options as LockDashboardOptions);

describe('the options of the dashboard', () => {
  it.each([
    ['no protection', {}, /has no protection\. Give exactly one/],
    ['a password from a missing variable', { password: undefined }, /has no protection/],
    ['two protections', { password: 'x', guards: [class {}] }, /has 2 protections: guards, password/],
    ['unprotected: false', { unprotected: false }, /"dashboard.unprotected" is false; it must be true/],
    ['an empty list of guards', { guards: [] }, /"dashboard.guards".*at least one guard/],
    ['a guard that is none', { guards: [{}] }, /"dashboard.guards"/],
    ['an empty password', { password: ' ' }, /"dashboard.password".*not empty/],
    ['authorize: true', { authorize: true }, /"dashboard.authorize".*must be a function/],
    ['a misspelt option', { unprotected: true, refesh: '1s' }, /Did you mean "dashboard.refresh"/],
    ['a short interval', { unprotected: true, refresh: 5 }, /"dashboard.refresh".*at least 100 ms/],
    ['a path with a pattern', { unprotected: true, path: ':tenant/locks' }, /"dashboard.path"/],
    ['an origin with a path', { unprotected: true, origins: ['https://a.example/x'] }, /"dashboard.origins"/],
    ['an origin that is a wildcard', { unprotected: true, origins: ['*'] }, /"dashboard.origins"/],
    ['a trace address without a place', { unprotected: true, traceUrl: 'https://a.example' }, /\{trace\}/],
    ['a trace address that is a script', { unprotected: true, traceUrl: 'javascript:{trace}' }, /traceUrl/],
    ['release as a string', { unprotected: true, release: 'yes' }, /"dashboard.release" is 'yes'/],
    ['services as a string', { unprotected: true, services: 'billing' }, /"dashboard.services"/],
    ['no options', undefined, /"dashboard" is undefined/],
  ])('given %s, then the module is not made', (_, options, message) => {
    expect(made(options)).toThrow(message);
    expect(made(options)).toThrow(expect.objectContaining({ code: 'LOCK_OPTIONS' }));
  });

  it('given a wrong password option, then the message does not show it', () => {
    expect(made({ password: ['hunter2'], guards: undefined })).toThrow(/^(?!.*hunter2)/);
  });

  it('given a lock module that does not exist, then the application does not start', async () => {
    const starts = startDashboard({ options: { unprotected: true, services: ['billing'] } });
    await expect(starts).rejects.toThrow(/"billing".*there is no such lock module/);
    const module = await Test.createTestingModule({
      imports: [LockDashboardModule.forRoot({ unprotected: true })],
    }).compile();
    await expect(module.init()).rejects.toThrow(/finds no LockModule/);
  });
});

describe.each(PLATFORMS)('protections on %s', (platform) => {
  it('given a password, then each route is refused with a prompt until the password comes', async () => {
    const app = await start({ platform, dressed: true, options: { password: 'hünter:2', release: true } });
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    const wrong = [{}, basic('jane:hunter'), basic('hünter:2'), basic('jane'), { authorization: 'Bearer x' }];
    for (const headers of wrong) {
      for (const path of ROUTES) {
        const reply = await fetch(app.url + path, { headers });
        expect([path, reply.status]).toEqual([path, 401]);
        expect(reply.headers.get('www-authenticate')).toBe('Basic realm="Locks", charset="UTF-8"');
        expect(reply.headers.get('cache-control')).toBe('no-store');
      }
      expect((await release(app, headers)).status).toBe(401);
    }
    expect((await fetch(app.url, { headers: basic('jane:hünter:2') })).status).toBe(200);
    expect((await release(app, basic('jane:hünter:2'))).status).toBe(200);
    expect(app.locks.released).toMatchObject([{ by: expect.stringMatching(/^jane \(dashboard/) }]);
  });

  it('given a password, then it is compared in constant time', () => {
    const source = readFileSync('lib/dashboard/http/protection.guards.ts', 'utf8');
    expect(source).toContain('timingSafeEqual(digest(given.password), this.#digest)');
    expect(source).not.toMatch(/password\s*[!=]==/);
  });

  it('given authorize, then only true lets in', async () => {
    let answer: unknown = false;
    const app = await start({
      platform,
      options: { authorize: () => answer as boolean, release: true },
    });
    for (const refused of [false, undefined, 'yes', 1, {}]) {
      answer = refused;
      for (const path of ROUTES) expect((await fetch(app.url + path)).status).toBe(403);
      expect((await release(app)).status).toBe(403);
    }
    answer = Promise.resolve(true);
    expect((await fetch(app.url)).status).toBe(200);
  });

  it('given guards with dependencies, then all of them judge each route', async () => {
    const { guard, imports } = guardWithDependency();
    const app = await start({ platform, options: { guards: [guard], imports, release: true } });
    for (const path of ROUTES) expect((await fetch(app.url + path)).status).toBe(403);
    expect((await release(app)).status).toBe(403);
    expect((await fetch(app.url, { headers: { 'x-role': 'admin' } })).status).toBe(200);
  });

  it('given a global guard, then it judges the dashboard too', async () => {
    const closed: CanActivate = { canActivate: () => false };
    const app = await start({ platform, providers: [{ provide: APP_GUARD, useValue: closed }] });
    for (const path of ROUTES) expect((await fetch(app.url + path)).status).toBe(403);
  });
});

function guardWithDependency() {
  @Injectable()
  class Roles {
    readonly allowed = 'admin';
  }
  @Injectable()
  class AdminGuard implements CanActivate {
    constructor(@Inject(Roles) private readonly roles: Roles) {}
    canActivate(context: ExecutionContext): boolean {
      const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
      return headers['x-role'] === this.roles.allowed;
    }
  }
  @Module({ providers: [Roles], exports: [Roles] })
  class RolesModule {}
  return { guard: AdminGuard, imports: [RolesModule] };
}

describe.each(PLATFORMS)('foreign pages on %s', (platform) => {
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

  it.each<[string, Record<string, string | undefined>, string?]>([
    ['no Origin', { origin: undefined }],
    ['a foreign Origin', { origin: 'https://evil.example' }],
    ['an Origin that begins alike', { origin: 'http://127.0.0.1.evil.example' }],
    ['an opaque Origin', { origin: 'null' }],
    ['another port', { origin: 'http://127.0.0.1:1' }],
    ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { 'sec-fetch-site': 'same-site' }],
    ['a form as the body', FORM, 'key=order:42&holder=h1'],
    ['text as the body', { 'content-type': 'text/plain' }],
    ['no own header', { 'x-nestjs-locked': undefined }],
    ['a forged proxy header', { origin: 'https://evil.example', 'x-forwarded-host': 'evil.example' }],
  ])(
    'given a release with %s, then it is refused, although CORS allows all',
    async (...[, headers, body]) => {
      const app = await start({ platform, dressed: true, options: RELEASABLE });
      const reply = await release(app, headers, body);
      // Fastify refuses a type of body that it does not know, before the route runs.
      expect([403, 415]).toContain(reply.status);
      if (reply.status === 415) expect(platform).toBe('Fastify');
      expect(app.locks.released).toEqual([]);
    },
  );

  it('given release off, then a release with all the right headers is refused', async () => {
    const app = await start({ platform, options: { unprotected: true } });
    const reply = await release(app, { 'sec-fetch-site': 'same-origin' });
    expect(reply.status).toBe(403);
    expect(await reply.json()).toEqual({ error: 'The dashboard may not release locks.' });
    expect(app.locks.released).toEqual([]);
  });

  it('given a page of another origin, then it cannot read the locks, although CORS allows all', async () => {
    const locks = new StatedLocks();
    locks.state = overview([lock('order:42')]);
    const { url } = await start({ platform, dressed: true, locks });
    for (const path of ['/state', '/live', '/state?key=order:42']) {
      for (const [name, value] of [
        ['origin', 'https://evil.example'],
        ['sec-fetch-site', 'cross-site'],
      ]) {
        const reply = await fetch(url + path, { headers: { [name]: value } });
        expect(reply.status).toBe(403);
        expect(await reply.text()).not.toContain('order:42');
      }
    }
  });

  it('given the origin of a proxy, then its page may read and release', async () => {
    const origins = ['https://ops.example.com'];
    const app = await start({ platform, options: { ...RELEASABLE, origins } });
    expect((await release(app, { origin: 'https://ops.example.com' })).status).toBe(200);
    expect((await fetch(`${app.url}/state`, { headers: { origin: origins[0] } })).status).toBe(200);
    expect((await release(app, { origin: 'http://ops.example.com' })).status).toBe(403);
  });
});

describe.each(PLATFORMS)('the Host header on %s', (platform) => {
  const HEADERS = { 'content-type': 'application/json', 'x-nestjs-locked': 'release' };
  const BODY = JSON.stringify({ key: 'order:42', holder: 'h1' });

  /** The status of a reply. A browser sends the host of the address as the header. */
  function statusOf({ url }: DashboardApp, path: string, headers: Record<string, string>): Promise<number> {
    const [address, method] = [new URL(url + path), path === '/release' ? 'POST' : 'GET'];
    return new Promise((resolve, reject) => {
      const sent = request(address, { method, headers: { ...HEADERS, ...headers } }, (reply) => {
        reply.destroy();
        resolve(reply.statusCode ?? 0);
      });
      sent.on('error', reject);
      sent.end(method === 'POST' ? BODY : undefined);
    });
  }

  const released = (app: DashboardApp, host: string, origin: string) =>
    statusOf(app, '/release', { host, origin });

  it('given a foreign domain that resolves to an unprotected server, then each route is refused', async () => {
    const app = await start({ platform, options: RELEASABLE });
    const { port } = new URL(app.url);
    for (const host of [
      `evil.example:${port}`,
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      'a@localhost',
    ]) {
      const own = { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
      for (const path of [...ROUTES, '/release']) {
        expect([host, path, await statusOf(app, path, own)]).toEqual([host, path, 403]);
      }
    }
    expect(app.locks.released).toEqual([]);
    expect(app.locks.questions).toBe(0);
  });

  it('given localhost, an IP address or an origin of the options, then an unprotected page is served', async () => {
    const origins = ['https://ops.example.com', 'http://ops.internal:8080'];
    const app = await start({ platform, options: { ...RELEASABLE, origins } });
    const { port } = new URL(app.url);
    const hosts = ['localhost', 'LOCALHOST', 'app.localhost', '127.0.0.1', '192.168.1.7', '[::1]'];
    const known = ['ops.example.com', 'ops.example.com:443', 'ops.internal:8080'];
    for (const host of [...hosts.flatMap((name) => [name, `${name}:${port}`]), ...known]) {
      expect([host, await statusOf(app, '/state', { host })]).toEqual([host, 200]);
    }
    for (const host of ['ops.example.com:80', 'ops.internal', 'example.com']) {
      expect([host, await statusOf(app, '/state', { host })]).toEqual([host, 403]);
    }
  });

  it('given another protection, then each host is served', async () => {
    const app = await start({ platform, options: { authorize: () => true } });
    expect(await statusOf(app, '', { host: 'ops.example.com' })).toBe(200);
  });

  it('given a proxy that adds the default port, then the page of its origin may release', async () => {
    const app = await start({ platform, options: { authorize: () => true, release: true } });
    expect(await released(app, 'ops.example.com:443', 'https://ops.example.com')).toBe(200);
    expect(await released(app, 'ops.example.com:80', 'http://ops.example.com')).toBe(200);
    expect(await released(app, 'ops.example.com:80', 'https://ops.example.com')).toBe(403);
    expect(await released(app, 'ops.example.com/', 'https://ops.example.com')).toBe(403);
    expect(await released(app, 'ops.example.com:443', 'ftp://ops.example.com:443')).toBe(403);
  });
});

describe('the sources of the dashboard', () => {
  it('given any file, then no text becomes markup', () => {
    const files = readdirSync('lib/dashboard', { recursive: true, encoding: 'utf8' });
    const sources = files
      .filter((file) => /\.\w+$/.test(file))
      .map((file) => readFileSync(`lib/dashboard/${file}`, 'utf8'));
    expect(sources.length).toBeGreaterThan(10);
    for (const source of sources)
      expect(source).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
  });
});
