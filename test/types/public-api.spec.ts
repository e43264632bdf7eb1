/** api/ has a report of the public API of each entry point, so that each change of the API is visible. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

it('given the reports in api/, then they show the present public API (`npm run api` rewrites them)', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['scripts/api.mjs', '--check'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(`${stdout}${stderr}`.trim()).toBe('The reports in api/ are the public API.');
}, 120_000);
