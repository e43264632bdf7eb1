/** A real browser without a window. */
import { existsSync } from 'node:fs';
import puppeteer, { type Browser } from 'puppeteer-core';

const CANDIDATES = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'];

/** Where the browser is. */
export const chromium = CANDIDATES.find((path): path is string => path !== undefined && existsSync(path));

/** On the machines of the continuous integration, a missing browser is a failure. */
export const browserRequired = process.env.CI === 'true';

export async function startBrowser(): Promise<Browser> {
  if (chromium === undefined) throw new Error('There is no Chromium. Install it, or set CHROME_PATH.');
  return puppeteer.launch({
    executablePath: chromium,
    headless: true,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}
