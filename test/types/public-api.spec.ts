/** api/ has a report of each entry point's public API, so that a change of the API is seen in a review. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

it('is the API that the reports in api/ show, or else `npm run api` rewrites them', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['scripts/api.mjs', '--check'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(`${stdout}${stderr}`.trim()).toBe('The reports in api/ are the public API.');
}, 120_000);
