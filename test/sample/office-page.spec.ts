/** The page of the ticket office in a real browser: a person sells 300 tickets with and without the lock. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'puppeteer-core';
import { AppModule } from '../../sample-app/src/app.module.js';
import { browserRequired, chromium, startBrowser } from '../support/chromium.js';
import { eventually } from '../support/eventually.js';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

const [[, express]] = PLATFORMS;
const usable = chromium !== undefined || browserRequired;
if (!usable) console.warn('There is no Chromium, so the page of the sample application is not tested.');

(usable ? describe : describe.skip)('the page of the ticket office', () => {
  let redis: RedisServer;
  let office: HttpApp;
  let browser: Browser;

  beforeAll(async () => {
    redis = await startRedis();
    office = await startHttp(express, { imports: [AppModule.on({ kind: 'redis', url: redis.url })] });
    browser = await startBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await office?.app.close();
    await redis?.stop();
  });

  it('given both buttons pressed, then it shows the faults without the lock, and none with it', async () => {
    const complaints: string[] = [];
    const page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.setViewport({ width: 1_000, height: 640 });
    await page.goto(office.url);
    /** The numbers of a card, in the order in which the page has them. */
    const numbers = async (lock: 'on' | 'off'): Promise<number[]> =>
      (await page.evaluate(
        `[...document.querySelectorAll('button[data-lock=${lock}] + dl dd')].map((each) => parseFloat(each.textContent))`,
      )) as number[];
    for (const lock of ['off', 'on'] as const) {
      await page.click(`button[data-lock=${lock}]`);
      await eventually(async () => expect(await numbers(lock)).toHaveLength(7), { within: 25_000 });
    }
    expect((await numbers('on')).slice(0, 6)).toEqual([100, 0, 0, 0, 200, 0]);
    const [sold, oversold] = await numbers('off');
    expect(sold - oversold).toBe(100);
    expect(oversold).toBeGreaterThan(0);
    // `SCREENSHOTS=1 npx jest …` takes the picture of the README anew.
    if (process.env.SCREENSHOTS === '1') {
      await page.screenshot({ path: 'docs/ticket-office.webp', type: 'webp', quality: 80 });
    }
    const links = (await page.evaluate(`document.querySelector('a').href`)) as string;
    expect((await page.goto(links))?.status()).toBe(200);
    expect(complaints).toEqual([]);
    await page.close();
  }, 90_000);
});
