/**
 * The package as users get it: packed, looked over by publint and attw, then installed from the tarball into a fresh
 * Nest 12 application (ES modules, ioredis 6) and a fresh Nest 11 one (CommonJS, ioredis 5), where it is type-checked,
 * built, run against a real server, and used in each one's jest. Run by `npm run check:package`.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, isDeepStrictEqual } from 'node:util';
import { eventually } from '../support/eventually.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { endWithUs } from '../support/watchdog.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const APPS = fileURLToPath(new URL('./apps/', import.meta.url));

const results: Array<{ readonly name: string; readonly error?: string }> = [];

/** Runs a step and reports it; the steps that build on one that failed are left out by its `undefined`. */
async function step<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  try {
    const result = await work();
    results.push({ name });
    console.log(`ok      ${name} (${seconds()})`);
    return result;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    results.push({ name, error: message });
    console.log(`FAILED  ${name} (${seconds()})\n${message.replace(/^/gm, '        ')}`);
    return undefined;
  }
}

interface RunOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
}

/** Runs a program to its end and gives what it wrote; fails with that unless it exits with 0. */
function run(command: string, args: readonly string[], { cwd, env }: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...cleanEnv(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else
        reject(
          new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}:\n${output.slice(-8000)}`),
        );
    });
  });
}

/** Without what `npm run` sets for this package: npm would install into it. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_(package|lifecycle|command)|INIT_CWD|NODE_OPTIONS)/.test(name),
    ),
  );
}

const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name);

/** Builds and packs; returns the tarball. */
async function pack(into: string): Promise<string> {
  await run(process.execPath, ['scripts/build.mjs'], { cwd: ROOT });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', into], { cwd: ROOT });
  const tarball = (await readdir(into)).find((file) => file.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack wrote no tarball.');
  return join(into, tarball);
}

const REQUIRED = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'package.json',
  ...['esm', 'cjs'].flatMap((format) =>
    ['index', 'testing/index'].flatMap((entry) => [
      `dist/${format}/${entry}.js`,
      `dist/${format}/${entry}.d.ts`,
    ]),
  ),
  'dist/cjs/package.json',
];

/** Everything that belongs into the package is there, and nothing else. */
async function contents(tarball: string): Promise<void> {
  const listing = await run('tar', ['-tzf', tarball], { cwd: ROOT });
  const files = listing
    .trim()
    .split('\n')
    .map((file) => file.replace(/^package\//, ''));
  const missing = REQUIRED.filter((file) => !files.includes(file));
  const foreign = files.filter(
    (file) => !/^(dist\/|LICENSE$|README\.md$|CHANGELOG\.md$|package\.json$)/.test(file),
  );
  if (missing.length > 0) throw new Error(`Not in the package: ${missing.join(', ')}`);
  if (foreign.length > 0) throw new Error(`In the package, and should not be: ${foreign.join(', ')}`);
}

/** Makes a fresh application from its template and installs the tarball with its dependencies. */
async function install(name: string, tarball: string, into: string): Promise<string> {
  const app = join(into, name);
  await cp(join(APPS, name), app, { recursive: true });
  await cp(join(APPS, 'shared', 'shop.ts'), join(app, 'src', 'shop.ts'));
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', tarball], { cwd: app });
  return app;
}

/** Starts the built application against the server, and uses it as its clients would. */
async function serve(app: string, name: string, redis: RedisServer): Promise<void> {
  const child = spawn(process.execPath, ['dist/main.js'], {
    cwd: app,
    env: { ...cleanEnv(), REDIS_URL: redis.url, APP: name },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const callOff = endWithUs(child.pid!);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  try {
    const base = await eventually(
      () => {
        if (child.exitCode !== null) return undefined;
        const [, found] = /listening on (\S+)/.exec(output) ?? [];
        if (found === undefined) throw new Error(`It does not listen:\n${output}`);
        return found;
      },
      { within: 30_000, every: 20 },
    );
    if (base === undefined) throw new Error(`It ended:\n${output}`);
    await use(base, name, redis);
    child.kill('SIGTERM');
    await eventually(() => {
      if (child.exitCode === null && child.signalCode === null)
        throw new Error(`It does not end:\n${output}`);
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}\nThe application wrote:\n${output}`, { cause: error });
  } finally {
    child.kill('SIGKILL');
    await exited;
    callOff();
  }
}

async function use(base: string, name: string, redis: RedisServer): Promise<void> {
  const get = async (path: string) => (await fetch(base + path)).json();
  const post = (path: string) => fetch(base + path, { method: 'POST' });

  const first = post('/orders/7/pay');
  await eventually(async () => same(await get('/orders/7'), { paying: true }));
  const client = redis.client();
  same(await client.exists(`${name}:order:7`), 1);

  const busy = await post('/orders/7/pay');
  const text = await busy.text();
  same(busy.status, 423);
  same(/^[1-9]\d*$/.test(busy.headers.get('retry-after') ?? ''), true);
  same(text.includes('order:7'), false);

  // Another spelling of the same order is the same key; another order is free.
  same((await post('/orders/007/pay')).status, 423);
  const other = post('/orders/8/pay');
  await eventually(async () => same(await get('/orders/8'), { paying: true }));
  await post('/orders/8/release');
  same((await other).status, 201);

  await post('/orders/7/release');
  const paid = await first;
  same(paid.status, 201);
  same(await paid.json(), { paid: 7 });
  await eventually(async () => same(await client.exists(`${name}:order:7`), 0));

  const sold = await Promise.all([1, 2, 3, 4, 5].map(async () => (await post('/stock/a/take')).json()));
  const sales = sold as Array<{ left: number; fence: number; held: boolean }>;
  same(new Set(sales.map(({ left }) => left)), new Set([9, 8, 7, 6, 5]));
  same(
    sales.every(({ held }) => held),
    true,
  );
  // Who came later has the higher fence.
  const byFence = [...sales].sort((a, b) => a.fence - b.fence);
  same(
    byFence.map(({ left }) => left),
    [9, 8, 7, 6, 5],
  );

  same(await get('/check'), { busy: true, code: 'LOCK_BUSY', several: 2, own: true });
  same(await get('/dispose'), { held: false, after: true });
}

function same(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) {
    throw new Error(`Expected ${inspect(expected)}, found ${inspect(found)}.`);
  }
}

async function checkApp(name: string, tarball: string, into: string, redis: RedisServer): Promise<void> {
  const app = await step(`${name}: install`, () => install(name, tarball, into));
  if (app === undefined) return;
  const installed = async (dependency: string) =>
    (
      JSON.parse(await readFile(join(app, 'node_modules', dependency, 'package.json'), 'utf8')) as {
        version: string;
      }
    ).version;
  console.log(
    `        with Nest ${await installed('@nestjs/core')}, ioredis ${await installed('ioredis')}, ` +
      `TypeScript ${await installed('typescript')}, jest ${await installed('jest')}`,
  );
  const built = await step(`${name}: types and build`, () => run('npm', ['run', 'build'], { cwd: app }));
  if (built !== undefined) await step(`${name}: run`, () => serve(app, name, redis));
  await step(`${name}: jest`, () => run('npm', ['test'], { cwd: app, env: { CI: 'true' } }));
}

const temp = await mkdtemp(join(tmpdir(), 'nestjs-locked-package-'));
const callOffTemp = endWithUs(process.pid, temp);
try {
  const tarball = await step('build and pack', () => pack(temp));
  if (tarball !== undefined) {
    await step('contents', () => contents(tarball));
    await step('publint', () => run(bin('publint'), ['run', tarball, '--strict'], { cwd: ROOT }));
    await step('attw', () => run(bin('attw'), [tarball], { cwd: ROOT }));
    const redis = await startRedis();
    try {
      await Promise.all(['nest12-esm', 'nest11-cjs'].map((name) => checkApp(name, tarball, temp, redis)));
    } finally {
      await redis.stop();
    }
  }
} finally {
  callOffTemp();
  await rm(temp, { recursive: true, force: true });
}
const failed = results.filter(({ error }) => error !== undefined).length;
console.log(`The package: ${results.length - failed} steps passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
