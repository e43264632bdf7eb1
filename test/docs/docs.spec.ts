/** The documentation is true: its code compiles and runs, its tables equal the code's, and its links lead to something. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseDuration } from '../../lib/core/time/duration.js';
import {
  DEFAULT_TTL,
  DEFAULT_WAIT,
  LEAST_TTL,
  resolvePolicy,
} from '../../lib/core/options/resolve-options.js';
import { LONE_TABLE } from '../../lib/core/engine/lone-caller.js';
import { SERVING_TABLE } from '../../lib/core/batches/serving-table.js';
import {
  REQUEST_TABLE,
  type RequestEvent,
  type RequestState,
} from '../../lib/core/requests/request-table.js';
import type { LockError, LockErrorCode } from '../../lib/errors/index.js';
import { replyTo } from '../../lib/error-mapping/error-reply.js';
import {
  DEFAULT_BUSY_STATUS,
  DEFAULT_COMMAND_TIMEOUT,
  DEFAULT_LONG_HOLD,
  DEFAULT_PREFIX,
  DEFAULT_REDIS_URL,
} from '../../lib/lock.constants.js';
import { eventually } from '../support/eventually.js';
import { locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import {
  anchorsOf,
  type Block,
  blocksOf,
  fixtureNames,
  fixturesOf,
  linksOf,
  type Page,
  readPages,
  tablesOf,
} from './markdown.js';
import { DocsProgram } from './program.js';

const README_CODE = 'test/docs/readme';
const isOfReadme = ({ page }: Block): boolean => page === 'README.md';
const pages = readPages();
const blocks = pages.flatMap(blocksOf);
const tables = pages.flatMap(tablesOf);
/** The README shows parts of files that the compiler and jest see as a whole. */
const shown = blocks.filter(isOfReadme);
/** A page may show parts of files that need packages of another folder. */
const excerpts = blocks.filter(({ excerptOf }) => excerptOf !== undefined);
/** The other blocks are whole, with their fixtures. */
const owned = blocks.filter((block) => !shown.includes(block) && !excerpts.includes(block));
const program = new DocsProgram(owned);
const titled = (block: Block): [string, Block] => [`${block.page}:${block.lineNumber}`, block];

describe('the code of the documentation', () => {
  it('given all pages, then every block of TypeScript is found', () => {
    const fences = pages.flatMap(({ text }) => [...text.matchAll(/^\s*```(?:ts|typescript)\b/gm)]);
    expect(blocks.length).toBe(fences.length);
    expect(owned.filter(({ runs }) => runs).length).toBeGreaterThan(10);
  });

  it('given all fixtures, then every fixture is used by a page', () => {
    expect(fixtureNames().sort()).toEqual([...new Set(pages.flatMap(fixturesOf))].sort());
  });

  it.each(owned.map(titled))('given %s, then it compiles', (_title, block) => {
    expect(program.complaints(block)).toBe('');
  });

  it.each(shown.map(titled))('given %s, then it is a part of a file of test/docs/readme', (_title, block) => {
    const texts = readdirSync(README_CODE).map((file) => readFileSync(join(README_CODE, file), 'utf8'));
    expect(texts.filter((text) => text.includes(block.source))).toHaveLength(1);
  });

  it.each(excerpts.map(titled))('given %s, then it is a part of a file that a spec runs', (_title, block) => {
    const file = block.excerptOf ?? '';
    expect(`\n${readFileSync(file, 'utf8')}\n`).toContain(`\n${block.source}\n`);
    const folder = 'test/transactions';
    const specs = readdirSync(folder).filter((name) => name.endsWith('.spec.ts'));
    const imported = `'./${relative(folder, file).replace(/\.ts$/, '.js')}'`;
    expect(specs.some((spec) => readFileSync(join(folder, spec), 'utf8').includes(imported))).toBe(true);
  });
});

describe('the programs of the documentation', () => {
  let server: RedisServer;
  let directory: string;

  beforeAll(async () => {
    server = await startRedis();
    // A folder in which packages are found, and which git, the linter and jest ignore.
    const cache = resolve('node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    directory = mkdtempSync(join(cache, 'nestjs-locked-docs-'));
    Logger.overrideLogger(false);
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    await server.stop();
  });
  afterEach(() => void jest.restoreAllMocks());

  it.each(owned.filter(({ runs }) => runs).map(titled))(
    'given %s, then it runs and prints what the page says',
    async (_title, block) => {
      const printed: string[] = [];
      jest
        .spyOn(console, 'log')
        .mockImplementation((...values: unknown[]) => void printed.push(values.join(' ')));
      const file = join(directory, `${block.page.replaceAll(/\W/g, '-')}-${block.lineNumber}.mjs`);
      writeFileSync(file, program.javascript(block).replaceAll(DEFAULT_REDIS_URL, server.url));
      await import(pathToFileURL(file).href);
      if (block.prints !== undefined) expect(printed.join('\n')).toBe(block.prints);
    },
    60_000, // Some start a database.
  );

  it('given the rights of docs/redis.md, then they suffice', async () => {
    const [, command] = /```text\n(ACL SETUSER .*)\n```/.exec(textOf('docs/redis.md')) ?? [];
    const admin = server.client();
    await admin.call(...(command.split(' ') as [string]));
    const warned = jest.spyOn(console, 'warn');
    const redis = { username: 'locks', password: 'a-long-secret', connectionName: 'orders' };
    const [a, b] = [locksOn(server, { redis }), locksOn(server, { redis })];
    try {
      const held = await a.service.acquire('k');
      const waiting = b.service.acquire('k');
      await eventually(async () => expect(await admin.exists('lock:~nl:q:k')).toBe(1));
      expect(await held.release()).toBe(true);
      const next = await waiting;
      await next.extend('40s');
      expect(await next.release()).toBe(true);
      expect(await admin.call('ACL', 'LOG')).toEqual([]);
      expect(warned).not.toHaveBeenCalled();
    } finally {
      await a.close();
      await b.close();
    }
  });
});

describe('the tables of options', () => {
  const OPTIONS: Record<string, () => string[]> = {
    LockModuleOptions: () => names('LockModuleRootOptions'),
    AcquireOptions: () => names('AcquireOptions'),
    UsingOptions: () => names('UsingOptions').filter((name) => !names('AcquireOptions').includes(name)),
    LockedOptions: () => names('LockedOptions').filter((name) => !names('UsingOptions').includes(name)),
    LockDefaults: () => names('LockDefaults'),
  };

  it.each(['LockModuleOptions', 'AcquireOptions', 'UsingOptions', 'LockedOptions'])(
    'given %s, then its table names all options',
    (type) => {
      const rows = rowsOf(`options of ${type}`).map(([name]) => code(name).split('.')[0]);
      expect(rows.sort()).toEqual(OPTIONS[type]().sort());
    },
  );

  it.each(['LockModuleOptions', 'AcquireOptions', 'UsingOptions', 'LockedOptions'])(
    'given %s, then its table has the defaults of the TSDoc',
    (type) => {
      for (const [name, byDefault] of rowsOf(`options of ${type}`)) {
        const [first, ...inner] = code(name).split('.').reverse();
        const path = [type === 'LockModuleOptions' ? 'LockModuleRootOptions' : type, ...inner].join('.');
        const option = program.optionsOf(path).find((each) => each.name === first);
        expect(`${first}: ${code(byDefault)}`).toBe(`${first}: ${option?.byDefault ?? ''}`);
      }
    },
  );

  it('given the defaults of the TSDoc, then they are those that the code uses', () => {
    const policy = resolvePolicy();
    const given = (type: string, name: string): string =>
      program
        .optionsOf(type)
        .find((each) => each.name === name)
        ?.byDefault?.replaceAll("'", '') ?? '';
    expect(parseDuration(given('AcquireOptions', 'ttl'))).toBe(DEFAULT_TTL);
    expect(parseDuration(given('AcquireOptions', 'wait'))).toBe(DEFAULT_WAIT);
    expect(given('AcquireOptions', 'renew')).toBe(String(policy.renew));
    expect(given('AcquireOptions', 'minHold')).toBe(String(policy.minHold));
    expect([given('AcquireOptions', 'maxHold'), policy.maxHold]).toEqual(['none', Infinity]);
    expect(given('UsingOptions', 'onLost')).toBe(policy.onLost);
    expect(given('LockModuleOptions', 'redis')).toBe(DEFAULT_REDIS_URL);
    expect(given('LockModuleOptions', 'prefix')).toBe(DEFAULT_PREFIX);
    expect(parseDuration(given('LockModuleOptions', 'commandTimeout'))).toBe(DEFAULT_COMMAND_TIMEOUT);
    expect(parseDuration(given('LockModuleOptions', 'longHold'))).toBe(DEFAULT_LONG_HOLD);
    expect(given('LockModuleOptions.http', 'busyStatus')).toBe(String(DEFAULT_BUSY_STATUS));
    const ttl = rowsOf('options of AcquireOptions').find(([name]) => code(name) === 'ttl');
    expect(ttl?.join()).toContain(`at least ${LEAST_TTL} ms`);
  });

  it('given "defaults" of the module, then the text names every option that it takes', () => {
    const [, , text] =
      rowsOf('options of LockModuleOptions').find(([name]) => code(name) === 'defaults') ?? [];
    for (const name of OPTIONS.LockDefaults()) expect(text).toContain(`\`${name}\``);
  });
});

describe('the table of errors', () => {
  const rows = () => rowsOf('errors').map((row) => row.map(code));

  it('given every error class, then the table has it with its code', () => {
    expect(Object.fromEntries(rows().map(([name, value]) => [name, value]))).toEqual(program.errors());
    expect(Object.values(program.errors()).sort()).toEqual(program.membersOf('LockErrorCode').sort());
  });

  it('given every error, then the table says what an HTTP client sees', () => {
    for (const [name, value, , http] of rows()) {
      const { status, retryAfter } = replyTo(
        { code: value as LockErrorCode } as LockError,
        DEFAULT_BUSY_STATUS,
      );
      const seen = retryAfter === undefined ? `${status}` : `${status}, Retry-After`;
      expect(`${name}: ${http.replaceAll('`', '')}`).toBe(`${name}: ${seen}`);
    }
  });
});

describe('the tables of states', () => {
  const STATES: readonly RequestState[] = ['idle', 'requesting', 'queued', 'checking', 'backoff'];

  it('given a request, then every event leads to the states that the code has', () => {
    const rows = rowsOf('states of a request');
    expect(rows.map(([event]) => event)).toEqual(Object.keys(REQUEST_TABLE));
    for (const [event, ...cells] of rows) {
      STATES.forEach((state, i) => {
        const moves = REQUEST_TABLE[event as RequestEvent][state];
        const told = [...cells[i].matchAll(/→ (\w+)/g)].map(([, to]) => to);
        const left = [...new Set(moves?.map(({ to }) => to))].filter((to) => to !== state);
        expect({ event, state, moves: cells[i] !== '–' }).toEqual({
          event,
          state,
          moves: moves !== undefined,
        });
        expect({ event, state, to: told.filter((to) => to !== state).sort() }).toEqual({
          event,
          state,
          to: left.sort(),
        });
      });
    }
  });

  it('given the diagram of a request, then it has the transitions of the code and no others', () => {
    const drawn = [...textOf('docs/architecture.md').matchAll(/^ {2}(\w+) --> (\w+) :/gm)].map(
      ([, from, to]) => `${from} → ${to}`,
    );
    const coded = Object.values(REQUEST_TABLE).flatMap((row) =>
      Object.entries(row).flatMap(([from, cell]) => cell.map(({ to, effects }) => ({ from, to, effects }))),
    );
    // A move to the same state is drawn if it sends a request.
    const shown = coded.filter(
      ({ from, to, effects }) => from !== to || effects.some((each) => /^(send|replace)/.test(each)),
    );
    expect([...new Set(drawn)].sort()).toEqual(
      [...new Set(shown.map(({ from, to }) => `${from} → ${to}`))].sort(),
    );
  });

  it('given what a key serves, then every event has the effects that the code has', () => {
    const effects = Object.entries(SERVING_TABLE).map(([event, row]) => [
      event,
      ...Object.values(row).map((each: readonly string[]) => each.join(', ') || '–'),
    ]);
    expect(rowsOf('what a key serves')).toEqual(effects);
  });

  it('given a lone caller, then every event has the effect that the code has', () => {
    const effects = Object.entries(LONE_TABLE).map(([event, { requesting = '–', exclusive = '–' }]) => [
      event,
      requesting,
      exclusive,
    ]);
    expect(rowsOf('a lone caller')).toEqual(effects);
  });
});

describe('links and names', () => {
  it('given any link, then it leads to an existing place', () => {
    const broken = pages.flatMap((page) =>
      linksOf(page).filter((link) => {
        const [file, anchor] = link.split('#');
        const path = file === '' ? page.path : normalize(join(dirname(page.path), file));
        if (!existsSync(path)) return true;
        const target = pages.find((each) => each.path === path);
        return anchor !== undefined && (target === undefined || !anchorsOf(target).has(anchor));
      }),
    );
    expect(broken).toEqual([]);
  });

  it('given any page of docs, then the README leads to it, and to each packed page directly', () => {
    const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] };
    const isPacked = ({ path }: Page): boolean =>
      !files.some((each) => each.startsWith('!') && matchesGlob(path, each.slice(1)));
    const linkedBy = (page: Page): string[] =>
      linksOf(page).map((link) => normalize(join(dirname(page.path), link.split('#')[0])));
    const [readme, ...docs] = pages;
    const direct = linkedBy(readme);
    const others = docs.filter((page) => direct.includes(page.path) && !isPacked(page));
    const found = new Set([...direct, ...others.flatMap(linkedBy)]);
    expect(docs.filter(({ path }) => !found.has(path)).map(({ path }) => path)).toEqual([]);
    expect(docs.filter((page) => isPacked(page) && !direct.includes(page.path))).toEqual([]);
  });

  it('given any npm script that is named, then it exists', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = pages.flatMap(({ text }) => [...text.matchAll(/npm (?:run ([\w:]+)|(start|test)\b)/g)]);
    for (const [, script, lifecycle] of named) expect(Object.keys(scripts)).toContain(script ?? lifecycle);
  });
});

function rowsOf(name: string): readonly (readonly string[])[] {
  const found = tables.filter((table) => table.name === name);
  expect(found.length).toBe(1);
  return found[0].rows;
}

function names(type: string): string[] {
  return program.optionsOf(type).map(({ name }) => name);
}

/** Whether a path has the form of a pattern of package.json, in which `*` stands for any part of a name. */
function matchesGlob(path: string, pattern: string): boolean {
  const form = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
  return new RegExp(`^${form}$`).test(path);
}

/** A cell without the marks of code. */
function code(cell: string): string {
  return cell.replace(/^`(.*)`$/, '$1');
}

function textOf(path: string): string {
  return pages.find((page) => page.path === path)?.text ?? '';
}
