/** What `npm test` installs before it, tried on a PATH of programs that only write down that they ran. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('../../scripts/ensure-redis.mjs', import.meta.url));
const SERVER = ['redis', 'server'].join('-');

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ensure-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, does = 'exit 0') {
  writeFileSync(join(folder, name), `#!/bin/sh\n${does}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** Nothing is on PATH but the programs of the test. */
function ensure(env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT], {
    encoding: 'utf8',
    env: { PATH: folder, ...env },
  });
  return { status, stdout, stderr };
}

it('installs nothing, and says nothing, where there is a server', () => {
  program('brew', `: > "${folder}/installed"`);
  program(SERVER);
  expect(ensure()).toEqual({ status: 0, stdout: '', stderr: '' });
  rmSync(join(folder, SERVER));
  program('other');
  expect(ensure({ LOCK_TEST_SERVER: join(folder, 'other') })).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(existsSync(join(folder, 'installed'))).toBe(false);
});

it('says what it installs before it does', () => {
  program('brew', `printf '#!/bin/sh\\n' > "${folder}/${SERVER}"; /bin/chmod 755 "${folder}/${SERVER}"`);
  const { status, stdout } = ensure();
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /LOCK_TEST_SERVER is not set\. Installing the formula redis with Homebrew \.\.\.\n$/,
  );
});

it('says what to do where it can install nothing', () => {
  const { status, stderr } = ensure();
  expect(status).toBe(1);
  expect(stderr).toContain('set LOCK_TEST_SERVER to its path');
});
