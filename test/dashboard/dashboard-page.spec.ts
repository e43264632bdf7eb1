/** The page of the dashboard in a real browser. */
import { type ServerResponse, createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, ElementHandle, Page } from 'puppeteer-core';
import { LockStoreError } from 'nestjs-locked';
import { browserRequired, chromium, startBrowser } from '../support/chromium.js';
import {
  type DashboardApp,
  StatedLocks,
  holder,
  lock,
  overview,
  place,
  startDashboard,
} from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';

const RELEASABLE = { unprotected: true, release: true } as const;
/** The page tries again after 1,500 ms, if it tries again. */
const OBSERVED = 4_000;
const SSO = 'http://login.example.test/';
const usable = chromium !== undefined || browserRequired;
if (!usable) console.warn('There is no Chromium, so the page of the dashboard is not tested in a browser.');

(usable ? describe : describe.skip)('the page of the dashboard', () => {
  let browser: Browser;
  let page: Page;
  let running: DashboardApp;
  let complaints: string[];

  beforeAll(async () => {
    browser = await startBrowser();
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
  });

  beforeEach(async () => {
    complaints = [];
    page = await browser.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('requestfailed', (request) => {
      if (!request.url().endsWith('/live')) complaints.push(`failed: ${request.url()}`);
    });
  });

  afterEach(async () => {
    await page.close();
    await running.app.close();
  });

  async function open(locks: StatedLocks, options = {}): Promise<void> {
    running = await startDashboard({ locks, options: { ...RELEASABLE, ...options }, dressed: true });
    await page.goto(running.url);
    await shows('Live');
  }

  const text = (): Promise<string> => page.evaluate('document.body.innerText') as Promise<string>;
  const shows = (part: string): Promise<void> =>
    eventually(async () => expect(await text()).toContain(part), { within: 20_000 });
  const number = (selector: string): Promise<number> =>
    page.evaluate(`document.querySelectorAll(${JSON.stringify(selector)}).length`) as Promise<number>;
  const content = (selector: string): Promise<string> =>
    page.evaluate(`document.querySelector('${selector}').textContent`) as Promise<string>;
  const focused = (): Promise<string> =>
    page.evaluate('document.activeElement.textContent || document.activeElement.id') as Promise<string>;

  async function button(name: string): Promise<ElementHandle> {
    return eventually(async () => {
      const found = await page.$(`::-p-aria(${name}[role="button"])`);
      if (found === null) throw new Error(`There is no button ${name}.`);
      return found;
    });
  }

  function busy(): StatedLocks {
    const locks = new StatedLocks();
    locks.state = overview(
      [
        lock('order:42', {
          queue: [place(), place({ owner: 'api-3:7', waited: 400, answered: false, callers: undefined })],
        }),
        lock('stock:9', {
          kind: 'semaphore',
          holders: [holder({ id: 's1', limit: 5 }), holder({ id: 's2', limit: 5 })],
        }),
        lock('import:nightly', {
          holders: [{ id: 'x', owner: 'job-1:9', remaining: 9_000, answered: false }],
        }),
      ],
      {
        processes: [
          { owner: 'api-1:101', held: 3, waiting: 0 },
          { owner: 'api-2:33', held: 0, waiting: 1 },
        ],
        cycles: [
          {
            links: [
              { owner: 'api-1:101', holds: ['a'], wants: 'b', label: 'A.run' },
              { owner: 'api-2:33', holds: ['b'], wants: 'a' },
            ],
          },
        ],
        troubles: [{ what: 'lost', owner: 'api-1:101', at: new Date(), key: 'order:1', reason: 'expired' }],
        silent: 1,
      },
    );
    return locks;
  }

  it('given locks, then it shows holders, queues, deadlocks, troubles and processes, without a message in the console', async () => {
    await open(busy());
    await shows('OrdersController.pay');
    const shown = await text();
    for (const part of [
      'order:42',
      'Waited for',
      'Deadlock',
      'A.run on api-1:101 holds a and waits for b',
      'Silent',
    ]) {
      expect(shown).toContain(part);
    }
    for (const part of ['2 of 5', 'silent', 'order:1', 'expired', 'api-2:33']) expect(shown).toContain(part);
    expect(complaints).toEqual([]);
  });

  it('given facts that an overview does not have, then it says what is not known, and what is left out', async () => {
    const locks = new StatedLocks();
    const queue = [place()];
    const waited = [
      lock('free:1', { holders: [], queue }),
      lock('held:1', { holders: [], queue, unknown: true }),
    ];
    locks.state = overview(waited, { more: 7, moreBlocked: 11 });
    await open(locks);
    await shows('7 more locks are left out.');
    await shows('11 callers left out. Deadlocks may be missed.');
    expect(await number('tbody tr')).toBe(2);
    const shown = await text();
    for (const part of ['nobody', 'unknown']) expect(shown).toContain(part);
    expect(complaints).toEqual([]);
  });

  it('given markup in keys, labels and sites, then it is shown as text, and no element is made from it', async () => {
    const image = '<img src=x onerror="document.title=1">';
    const script = '<script>document.title=2</script>';
    const locks = new StatedLocks();
    locks.state = overview(
      [
        lock(image, {
          holders: [holder({ label: script, site: image, owner: script, template: image, trace: '"><img>' })],
          queue: [place({ owner: image, callers: [{ waited: 1, label: script, holds: [image] }] })],
        }),
      ],
      {
        processes: [{ owner: image, held: 1, waiting: 1 }],
        troubles: [{ what: 'busy', owner: script, at: new Date(), key: image, label: image, reason: script }],
        cycles: [{ links: [{ owner: image, holds: [script], wants: image, label: script }] }],
      },
    );
    await open(locks, { traceUrl: 'https://traces.example.com/{trace}' });
    const key = await page.waitForSelector('button.key');
    await key!.click();
    await (await button('Release …')).click();
    await page.waitForSelector('dialog[open]');
    expect(await text()).toContain(image);
    expect(await text()).toContain(script);
    expect(await number('img, body script')).toBe(0);
    expect(await page.title()).toBe('Locks');
    expect(await page.evaluate(`document.querySelector('main a').getAttribute('href')`)).toBe(
      'https://traces.example.com/%22%3E%3Cimg%3E',
    );
    expect(complaints).toEqual([]);
  });

  it('given an invisible character in a key, then its code is shown', async () => {
    const locks = new StatedLocks();
    locks.state = overview([lock('order:\u202e24\n')]);
    await open(locks);
    await shows('order:\\u{202e}24\\u{a}');
  });

  it('given waits that are nearly equal, then their rows keep their order', async () => {
    const locks = new StatedLocks();
    const state = (a: number, b: number) =>
      overview([lock('b', { queue: [place({ waited: b })] }), lock('a', { queue: [place({ waited: a })] })]);
    const rows = () =>
      page.evaluate(`[...document.querySelectorAll('button.key')].map((key) => key.textContent).join()`);
    locks.state = state(10_020, 10_010);
    await open(locks);
    await eventually(async () => expect(await rows()).toBe('a,b'));
    locks.state = state(11_010, 11_030);
    await shows('longest 11 s');
    expect(await rows()).toBe('a,b');
    locks.state = state(11_010, 14_000);
    await eventually(async () => expect(await rows()).toBe('b,a'));
  });

  it('given a process with two modules, then it counts as one process', async () => {
    const locks = new StatedLocks();
    const process = { owner: 'api-1:101', held: 0, waiting: 0 };
    locks.state = overview([lock('a')], { processes: [process, process, { ...process, owner: 'api-2:7' }] });
    await open(locks);
    await eventually(async () => expect(await text()).toMatch(/Processes\n+2\n/));
  });

  it('given a long key, then the question of a release shows the whole of it', async () => {
    const locks = new StatedLocks();
    const key = `${'k'.repeat(640)}-end`;
    locks.state = overview([lock(key)]);
    await open(locks);
    await (await page.waitForSelector('button.key'))!.click();
    await (await button('Release …')).click();
    await eventually(async () => expect(await content('dialog .subject')).toBe(key));
  });

  it('given a click on Release, then a dialog says what it does and what it does not do, and only its button releases', async () => {
    const locks = busy();
    await open(locks);
    await (await page.waitForSelector('button.key'))!.click();
    await (await button('Release …')).click();
    await page.waitForSelector('dialog[open]');
    for (const part of ['api-2:33', 'is not stopped, only told', 'fence', 'order:42']) {
      expect(await content('dialog')).toContain(part);
    }
    await (await button('Cancel')).click();
    expect(locks.released).toEqual([]);
    await (await button('Release …')).click();
    await page.type('#reason', 'stuck');
    await (await button('Release')).click();
    await shows('Released. The holder has been told.');
    expect(locks.released).toEqual([
      { key: 'order:42', holder: 'h1', reason: 'stuck', by: expect.stringContaining('somebody (dashboard') },
    ]);
    await eventually(async () => expect(await content('main')).not.toContain('order:42'));
    expect(complaints).toEqual([]);
  });

  it('given release off, then there is no button for it', async () => {
    await open(busy(), { release: false });
    await (await page.waitForSelector('button.key'))!.click();
    await shows('Queue');
    expect(await text()).not.toContain('Release');
  });

  it('given the keyboard alone, then a lock is unfolded, the focus outlives updates, and Escape cancels a release', async () => {
    const locks = busy();
    await open(locks);
    await page.waitForSelector('button.key');
    const reach = async (name: string): Promise<void> => {
      for (let presses = 0; presses < 30 && (await focused()) !== name; presses += 1)
        await page.keyboard.press('Tab');
      expect(await focused()).toBe(name);
    };
    await reach('order:42');
    await page.keyboard.press('Enter');
    await shows('Queue');
    await reach('Release …');
    // The order changes, so rows are moved.
    locks.state = {
      ...locks.state,
      locks: [lock('older:1', { queue: [place({ waited: 99_000 })] }), ...locks.state.locks],
    };
    await shows('older:1');
    expect(await focused()).toBe('Release …');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open]');
    expect(await focused()).toBe('Cancel');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog:not([open])');
    expect(await focused()).toBe('Release …');
    expect(locks.released).toEqual([]);
  });

  it('given a screen reader, then tables have rows and headers, and the status is announced politely', async () => {
    await open(busy());
    await page.setViewport({ width: 400, height: 800 });
    await shows('order:42');
    const roles = ['table', 'row', 'columnheader', 'cell', 'alert', 'status'];
    for (const role of roles) expect([role, await number(`[role=${role}]`)]).not.toEqual([role, 0]);
    const key = await page.waitForSelector('button.key[aria-expanded=false]');
    await key!.click();
    await page.waitForSelector('button.key[aria-expanded=true]');
  });

  it('given a narrow screen, then nothing needs horizontal scrolling, even with a long key', async () => {
    const locks = busy();
    const long = 'tenant/'.padEnd(280, 'x');
    locks.state = {
      ...locks.state,
      locks: [...locks.state.locks, lock(long, { queue: [place({ owner: long })] })],
    };
    await page.setViewport({ width: 360, height: 740 });
    await open(locks);
    await shows('tenant/');
    for (const key of await page.$$('button.key')) await key.click();
    await shows('Queue');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    await page.setViewport({ width: 1280, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(1280);
  });

  it.each(['light', 'dark'])(
    'given the %s scheme, then text and background have enough contrast',
    async (value) => {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
      await open(busy());
      await shows('order:42');
      for (const selector of [
        'body',
        '.card small',
        'button.key',
        '.banner.bad',
        '.figures .warn dd',
        '.chip',
      ]) {
        expect([selector, await contrast(selector)]).toEqual([selector, expect.any(Number)]);
        expect(await contrast(selector)).toBeGreaterThan(4.5);
      }
    },
  );

  /** The contrast of WCAG between the text and the nearest background. */
  function contrast(selector: string): Promise<number> {
    return page.evaluate(`(() => {
      const parse = (color) => color.match(/[\\d.]+/g).map(Number);
      const luminance = ([r, g, b]) => [r, g, b]
        .map((part) => part / 255)
        .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
      const element = document.querySelector(${JSON.stringify(selector)});
      let back = element;
      while (parse(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
      const [a, b] = [getComputedStyle(element).color, getComputedStyle(back).backgroundColor].map((color) => luminance(parse(color)));
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    })()`) as Promise<number>;
  }

  it('given a filter, then only locks that match it by key, method or process are shown', async () => {
    await open(busy());
    await shows('stock:9');
    await page.type('#filter', 'NIGHTLY job-1');
    await eventually(async () => expect(await number('button.key')).toBe(1));
    expect(await text()).toContain('import:nightly');
  });

  it('given thousands of locks, then some hundred are rendered, and the page says how many more there are', async () => {
    const locks = new StatedLocks();
    const many = Array.from({ length: 5_000 }, (_, i) =>
      lock(`order:${i}`, { holders: [holder({ id: `h${i}`, held: i })] }),
    );
    locks.state = overview(many);
    await open(locks);
    await shows('1800 more');
    expect(await number('button.key')).toBe(200);
    expect(await text()).toContain('3000 more locks are left out');
    await page.type('#filter', 'order:4321');
    await eventually(async () => expect(await number('button.key')).toBe(1), { within: 60_000 });
  }, 180_000);

  it('given a pause, then no question is sent, and the page goes on after it', async () => {
    const locks = busy();
    await open(locks);
    await shows('order:42');
    await (await button('Pause')).click();
    await shows('Paused');
    locks.state = overview([lock('later:1')]);
    expect(await text()).not.toContain('later:1');
    await (await button('Pause')).click();
    await shows('later:1');
  });

  it('given a store that fails while the page is open, then the page says so, and comes back by itself', async () => {
    const locks = busy();
    await open(locks);
    await shows('order:42');
    locks.failure = new LockStoreError('connect ECONNREFUSED 10.0.0.7:6379');
    await shows('cannot be read (LOCK_STORE)');
    expect(await content('#status')).toBe('No answer');
    expect(await text()).toContain('order:42');
    expect(await text()).not.toContain('10.0.0.7');
    locks.failure = undefined;
    locks.state = overview([lock('after:1')]);
    await shows('after:1');
    expect(await content('#status')).toBe('Live');
    expect(await text()).not.toContain('cannot be read');
    expect(complaints).toEqual([]);
  });

  it('given a server that restarts, then the page reconnects by itself', async () => {
    const locks = busy();
    await open(locks);
    await running.app.close();
    await shows('Connection lost');
    const { port } = new URL(running.url);
    running = await startDashboard({ locks, options: RELEASABLE, dressed: true, port: Number(port) });
    await shows('Live');
  });

  it('given a password that is another one after a restart, then the page says so, and sends nothing more', async () => {
    await page.authenticate({ username: 'jane', password: 'first' });
    await open(busy(), { unprotected: undefined, password: 'first' });
    await shows('order:42');
    const stream = new URL(running.url);
    await running.app.close();
    const options = { password: 'second', release: true };
    running = await startDashboard({ locks: busy(), options, dressed: true, port: Number(stream.port) });
    await stays('Reload the page to log in.');
  });

  it.each([
    ['is refused', (reply: ServerResponse) => void reply.writeHead(401).end()],
    [
      'is led to another page',
      (reply: ServerResponse) => void reply.writeHead(302, { location: '/login' }).end(),
    ],
    ['is led to another host', (reply: ServerResponse) => void reply.writeHead(302, { location: SSO }).end()],
  ])(
    'given a login that has ended and %s, then the page says so, and sends nothing more',
    async (_name, refuse) => {
      await open(busy());
      await shows('order:42');
      const { port } = new URL(running.url);
      await running.app.close();
      const proxy = createServer((request, reply) => {
        if (request.url === '/login')
          reply.writeHead(200, { 'content-type': 'text/html' }).end('<p>Log in</p>');
        else refuse(reply);
      });
      await new Promise<void>((resolve) => proxy.listen(Number(port), '127.0.0.1', resolve));
      try {
        await stays('Reload the page to log in.');
      } finally {
        proxy.closeAllConnections();
        await new Promise((resolve) => proxy.close(resolve));
      }
    },
  );

  /** The page shows the text, and sends no request while it does. */
  async function stays(part: string): Promise<void> {
    await shows(part);
    let requests = 0;
    page.on('request', () => (requests += 1));
    await pause(OBSERVED);
    expect(requests).toBe(0);
    expect(await text()).toContain(part);
  }
});
