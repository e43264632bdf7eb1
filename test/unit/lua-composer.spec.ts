/** The composer of the Lua scripts: what it puts together, what it prints, and what it refuses. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { OFFER_MS } from '../../lib/core/contracts/store.contract.js';
import { accessOf, sessionIdOf } from '../../lib/core/contracts/token.js';
import * as generated from '../../lib/stores/redis/scripts/generated.js';
import { COUNTER_ERROR, MARKERS } from '../../lib/stores/redis/scripts/scripts.js';

const PROGRAM = fileURLToPath(new URL('../../scripts/lua.mjs', import.meta.url));
const SCRIPTS = fileURLToPath(new URL('../../lib/stores/redis/scripts/', import.meta.url));

interface Composer {
  compose(name: string, folder?: string): string;
  generate(folder?: string): string;
  strip(text: string): string;
  scriptNames(folder?: string): string[];
  lint(text: string): string[];
}

let composer: Composer;
let folder: string;

beforeAll(async () => {
  composer = (await import(PROGRAM)) as Composer;
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lua-composer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function files(texts: Record<string, string>): void {
  for (const [name, text] of Object.entries(texts)) {
    const file = join(folder, `${name}.lua`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' });
}

describe('the composer', () => {
  it('puts includes in their place, in includes too, as often as they are named', () => {
    files({
      one: 'local a = 1\nif a then\n  --- @include two\nend\n--- @include two\n',
      'includes/two': '-- Two.\nlocal b = 2\n--- @include steps/three\n',
      'includes/steps/three': 'b = 3\n',
    });
    const block = '-- Two.\nlocal b = 2\nb = 3';
    const indented = block.replace(/^/gm, '  ');
    expect(composer.compose('one', folder)).toBe(`local a = 1\nif a then\n${indented}\nend\n${block}\n`);
    const sent = 'local a = 1\nif a then\nlocal b = 2\nb = 3\nend\nlocal b = 2\nb = 3\n';
    expect(composer.strip(composer.compose('one', folder))).toBe(sent);
  });

  it('writes what is sent as constants, whatever characters are in it', async () => {
    files({
      odd: "local a = '`${b}\\\\n'\n--- @include more\n-- A comment.\n\n  return a -- kept\n",
      'includes/more': "a = a .. '\\t'\n",
    });
    const text = composer.generate(folder).replace(/^\/\/.*\n/, '');
    const module = `data:text/javascript,${encodeURIComponent(text)}`;
    const script = `import(${JSON.stringify(module)}).then((m) => process.stdout.write(m.ODD))`;
    const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(stdout).toBe(composer.strip(composer.compose('odd', folder)));
    expect(stdout).toBe("local a = '`${b}\\\\n'\na = a .. '\\t'\nreturn a -- kept\n");
  });

  it.each([
    ['an include that is missing', { one: '--- @include two\n' }, /one includes "two", which does not exist/],
    [
      'a cycle',
      {
        one: '--- @include two\n',
        'includes/two': '--- @include three\n',
        'includes/three': '--- @include two\n',
      },
      /cycle: one → includes\/two → includes\/three → includes\/two/,
    ],
    ['an include without a name', { one: '--- @include\n' }, /malformed include: --- @include/],
    ['a comment that is no include', { one: '-- @include two\n' }, /malformed include: -- @include two/],
  ])('refuses %s', (_, texts, said) => {
    files(texts);
    expect(() => composer.compose('one', folder)).toThrow(said);
    expect(() => composer.generate(folder)).toThrow(said);
  });
});

describe('npm run lua', () => {
  it('prints a script as it is sent, or with its comments', () => {
    expect(run('acquire').stdout).toBe(generated.ACQUIRE);
    const { stdout } = run('acquire', '--source');
    expect(stdout).toMatch(/^-- acquire: /);
    expect(composer.strip(stdout)).toBe(generated.ACQUIRE);
  });

  it.each([
    [
      [],
      /No script is named\. The scripts are: acquire, batch, exchange, handoff, notify, publish, read-key, release, renew\./,
    ],
    [['lock'], /There is no script "lock"\. The scripts are: acquire, /],
    [['acquire', 'release'], /Name one script/],
    [['acquire', '--sauce'], /Unknown option "--sauce"\. The options are: --check, --write, --source/],
  ])('with %j ends with an error that says what is right', (args, said) => {
    const { status, stdout, stderr } = run(...args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(said);
    expect(stderr).not.toMatch(/ at /);
  });
});

describe('the generated scripts', () => {
  it('are current: run `npm run lua -- --write`', () => {
    expect(readFileSync(join(SCRIPTS, 'generated.ts'), 'utf8')).toBe(composer.generate());
  });

  it('are those of the files', () => {
    const { DIGESTS: digests, ...texts } = generated;
    const names = composer.scriptNames().map((name) => name.toUpperCase().replaceAll('-', '_'));
    expect(Object.keys(texts).sort()).toEqual([...names].sort());
    expect(Object.keys(digests).sort()).toEqual([...names].sort());
    composer.scriptNames().forEach((name, i) => {
      const constant = names[i] as keyof typeof texts;
      expect(texts[constant]).toBe(composer.strip(composer.compose(name)));
      expect(digests[constant]).toBe(createHash('sha1').update(texts[constant]).digest('hex'));
    });
  });

  it('have no fault that luac or luacheck finds, where they are installed', () => {
    for (const name of composer.scriptNames())
      expect(composer.lint(composer.strip(composer.compose(name)))).toEqual([]);
  });

  it('know the constants of the library', () => {
    expect(generated.EXCHANGE).toContain(`local OFFER_MS, QUEUE_MS, QUEUE_AGE = ${OFFER_MS}, `);
    const { shared, semaphore } = MARKERS;
    expect(generated.EXCHANGE).toContain(`local SHARED, SEMAPHORE = '${shared}', '${semaphore}'`);
    expect([shared, semaphore].map((marker) => [sessionIdOf(marker), accessOf(marker)])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(generated.ACQUIRE).toContain(`{ err = '${COUNTER_ERROR} '`);
  });
});
