// The built site in a real browser: no page scrolls to the side, nothing is logged, the search and the diagrams work.
// Build the site first.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import puppeteer from 'puppeteer-core';
import { OUTPUT } from '../support/paths.mjs';

const executablePath = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
);
/** On the machines of the continuous integration, a missing browser or build is a failure. */
const ready = process.env.CI === 'true' || (executablePath !== undefined && existsSync(OUTPUT));

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

/** Serves the built files, as any file server does. */
function serveOutput() {
  return createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const path = join(OUTPUT, decodeURI(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
    if (!existsSync(path) || !statSync(path).isFile()) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' });
    return response.end(readFileSync(path));
  });
}

/** All pages, except most of the reference: its pages have one form. */
const pagesWithForms = () => [
  'api/nestjs-locked/classes/LockService.html',
  'api/nestjs-locked/functions/Locked.html',
  'api/nestjs-locked/interfaces/LockedOptions.html',
  ...readdirSync(OUTPUT, { recursive: true })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.html') && path !== '404.html' && !path.startsWith('api/')),
];

describe('the built site', { skip: !ready && 'There is no browser, or no build.' }, () => {
  let server, browser, base;
  before(async () => {
    server = serveOutput();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${server.address().port}`;
    browser = await puppeteer.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    });
  });
  after(async () => {
    await browser?.close();
    server.closeAllConnections();
    server.close();
  });

  /** A page of the browser. `faults` gets what the page logs, and what it could not load. */
  async function open(width, scheme) {
    const page = await browser.newPage();
    const faults = [];
    page.on('console', (message) => {
      if (['error', 'warn'].includes(message.type())) faults.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
    page.on('requestfailed', (request) => faults.push(`${request.url()}: ${request.failure()?.errorText}`));
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.setViewport({ width, height: 844 });
    return { page, faults };
  }

  it('given a narrow screen, then no page scrolls to the side', async () => {
    const { page } = await open(390, 'light');
    // The layout needs no scripts, and is faster without.
    await page.setJavaScriptEnabled(false);
    const wide = [];
    for (const file of pagesWithForms()) {
      await page.goto(`${base}/${file}`, { waitUntil: 'load' });
      if ((await page.evaluate('document.documentElement.scrollWidth')) > 390) wide.push(file);
    }
    assert.deepEqual(wide, []);
  });

  for (const [width, scheme] of [
    [1400, 'light'],
    [390, 'dark'],
  ]) {
    it(`given a ${scheme} screen of ${width} pixels, then the pages log no error, and show their diagrams`, async () => {
      const { page, faults } = await open(width, scheme);
      for (const path of ['/', '/options.html', '/api/nestjs-locked/classes/LockService.html']) {
        await page.goto(`${base}${path}`, { waitUntil: 'networkidle0' });
      }
      await page.goto(`${base}/architecture.html`);
      await page.waitForFunction("document.querySelectorAll('.mermaid-diagram > svg').length === 3");
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
      assert.equal(
        await page.evaluate("document.documentElement.classList.contains('dark')"),
        scheme === 'dark',
      );
      assert.deepEqual(faults, []);
    });
  }

  it('given a word of the options, then the search finds its pages', async () => {
    const { page, faults } = await open(1400, 'light');
    await page.goto(`${base}/`, { waitUntil: 'networkidle0' });
    await page.click('.VPNavBarSearch button');
    await page.locator('.VPLocalSearchBox input').fill('minHold');
    await page.waitForSelector('.VPLocalSearchBox .result[href^="/cron.html"]');
    assert.deepEqual(faults, []);
  });
});
