/**
 * The package as users get it. It is packed, and publint and attw check the tarball. Then the tarball is installed into a
 * fresh application of Nest 12 (ES modules, ioredis 6) and one of Nest 11 (CommonJS, ioredis 5). Each application is
 * type-checked, built, run against a real server, bundled, traced, and tested by its own jest. Two more applications
 * import each entry point, without and with the optional packages.
 * `npm run check:package` runs these checks.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blocksOf } from '../docs/markdown.js';
import { eventually } from '../support/eventually.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { endWithUs } from '../support/watchdog.js';
import { contents } from './contents.js';
import { dressedApp } from './dressed-app.js';
import { entries } from './entries.js';
import { bundle, bundledMessages, reportsErrors, tracesRedis } from './stack.js';
import { bin, cleanEnv, ROOT, run, same, step, summary } from './steps.js';

const APPS = fileURLToPath(new URL('./apps/', import.meta.url));
/** The application that has messages as well. The other application has no package for messages. */
const MESSAGES = 'nest11-cjs';

/** Builds and packs the package. @returns the path of the tarball. */
async function pack(into: string): Promise<string> {
  await run(process.execPath, ['scripts/build.mjs'], { cwd: ROOT });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', into], { cwd: ROOT });
  const tarball = (await readdir(into)).find((file) => file.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack wrote no tarball.');
  return join(into, tarball);
}

/** Makes a fresh application from its template and installs the tarball with its dependencies. */
async function install(name: string, tarball: string, into: string): Promise<string> {
  const app = join(into, name);
  await cp(join(APPS, name), app, { recursive: true });
  await cp(join(APPS, 'shared', 'shop.ts'), join(app, 'src', 'shop.ts'));
  for (const file of ['spans.cjs', 'traced.cjs', 'traced.mjs']) {
    await cp(join(APPS, 'shared', file), join(app, file));
  }
  if (name === MESSAGES) await writeFile(join(app, 'src', 'error-tracker.ts'), await errorTracker());
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', tarball], { cwd: app });
  return app;
}

/** The source of the filter that docs/errors.md shows. */
async function errorTracker(): Promise<string> {
  const path = 'docs/errors.md';
  const blocks = blocksOf({ path, text: await readFile(join(ROOT, path), 'utf8') });
  const block = blocks.find(({ source }) => source.includes('@sentry/nestjs'));
  if (block === undefined) throw new Error(`${path} shows no filter for Sentry.`);
  return block.source.trimStart();
}

/** Starts the built application against the server, and uses it as clients do. */
async function serve(app: string, name: string, redis: RedisServer, main = 'dist/main.js'): Promise<void> {
  const child = spawn(process.execPath, [main], {
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

  // Another spelling of the same order is the same key. Another order is free.
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
  // A later sale has the higher fence.
  const byFence = [...sales].sort((a, b) => a.fence - b.fence);
  same(
    byFence.map(({ left }) => left),
    [9, 8, 7, 6, 5],
  );

  same(await get('/check'), { busy: true, code: 'LOCK_BUSY', several: 2, own: true });
  same(await get('/dispose'), { held: false, after: true });
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
  if (built !== undefined) {
    await step(`${name}: run`, () => serve(app, name, redis));
    await step(`${name}: bundled`, async () => {
      if (name === MESSAGES) await bundledMessages(app);
      else await serve(app, name, redis, await bundle(app, 'dist/main.js', 'esm'));
    });
    if (name === MESSAGES) await step(`${name}: errors reach Sentry`, () => reportsErrors(app));
  }
  await step(`${name}: OpenTelemetry sees ioredis`, () => tracesRedis(app, redis));
  await step(`${name}: jest`, () => run('npm', ['test'], { cwd: app, env: { CI: 'true' } }));
}

const temp = await mkdtemp(join(tmpdir(), 'nestjs-locked-package-'));
const callOffTemp = endWithUs(process.pid, temp);
try {
  const tarball = await step('build and pack', () => pack(temp));
  if (tarball !== undefined) {
    await step('contents', () => contents(tarball, temp));
    await step('publint', () => run(bin('publint'), ['run', tarball, '--strict'], { cwd: ROOT }));
    await step('attw', () => run(bin('attw'), [tarball], { cwd: ROOT }));
    await Promise.all(
      [12, 11].map(async (nest) => {
        const app = await step(`Nest ${nest}: entry points`, () => entries(tarball, temp, nest));
        if (app !== undefined) await step(`Nest ${nest}: dashboard and health`, () => dressedApp(app, nest));
      }),
    );
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
process.exitCode = summary();
