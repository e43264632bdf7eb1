/**
 * The entry points and the command line of the package, in an application that has none of the optional
 * packages, and then with them.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, printed, run, same } from './steps.js';

/** The package that an entry point needs, if it needs more than the package itself. */
const NEEDS: Record<string, string | undefined> = {
  './': undefined,
  './store': undefined,
  './testing': undefined,
  './dashboard': undefined,
  './health': '@nestjs/terminus',
  './telemetry': '@opentelemetry/api',
  './swagger': '@nestjs/swagger',
};

export const ENTRIES = Object.keys(NEEDS).map((entry) => entry.slice(2));

/** Prints for each entry point the package that is missing, or null if the entry point was loaded with all its names. */
const PROGRAM = (load: string) => `
(async () => {
  const found = {};
  for (const name of ${JSON.stringify(ENTRIES)}) {
    try {
      const loaded = await (${load})(name === '' ? 'nestjs-locked' : 'nestjs-locked/' + name);
      // Stacks and Nest show the names.
      const other = Object.keys(loaded).filter((key) => typeof loaded[key] === 'function' && loaded[key].name !== key);
      found['./' + name] = other.length === 0 ? null : 'short names: ' + other.join(', ');
    } catch (error) {
      const [, missing] = /Cannot find (?:package|module) '([^']+)'/.exec(error.message) ?? [];
      found['./' + name] = missing ?? error.stack;
    }
  }
  console.log(JSON.stringify(found));
})();`;

/** Prints whether ioredis is loaded after the import, with locks in memory, and with locks on Redis. */
const LOADED = (load: string) => `
(async () => {
  const isLoaded = () => Object.keys(require.cache).some((file) => file.includes('/node_modules/ioredis/'));
  await (${load})('reflect-metadata');
  const { NestFactory } = await (${load})('@nestjs/core');
  const { LockModule, LockService, memoryStore } = await (${load})('nestjs-locked');
  await (${load})('nestjs-locked/testing');
  const found = { imported: isLoaded() };
  const open = async (options) => {
    class App {}
    const root = { module: App, imports: [LockModule.forRoot(options)] };
    return NestFactory.createApplicationContext(root, { logger: false });
  };
  const inMemory = await open({ store: memoryStore() });
  await inMemory.get(LockService).using('key', () => undefined);
  await inMemory.close();
  found.inMemory = isLoaded();
  // Nothing answers at this port, and an application starts all the same.
  await (await open({ redis: 'redis://127.0.0.1:1' })).close();
  found.onRedis = isLoaded();
  console.log(JSON.stringify(found));
})();`;

/** An application that keeps its locks in memory, such as a unit test, pays for no client of Redis. */
async function loadsRedisWhenUsed(app: string): Promise<void> {
  for (const found of await inBothFormats(app, 'loaded', LOADED))
    same(found, { imported: false, inMemory: false, onRedis: true });
}

async function missing(app: string): Promise<Array<Record<string, string | null>>> {
  return (await inBothFormats(app, 'entries', PROGRAM)) as Array<Record<string, string | null>>;
}

/** Runs a program as CommonJS and as an ES module. @returns what each of the two printed */
async function inBothFormats(
  app: string,
  name: string,
  program: (load: string) => string,
): Promise<unknown[]> {
  const [cjs, esm] = [join(app, `${name}.cjs`), join(app, `${name}.mjs`)];
  await writeFile(cjs, program('require'));
  await writeFile(
    esm,
    `import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);${program('(name) => import(name)')}`,
  );
  return Promise.all([cjs, esm].map((file) => printed(process.execPath, [file], { cwd: app })));
}

/** @param nest the major version of Nest. @returns the folder of the application. */
export async function entries(tarball: string, into: string, nest: number): Promise<string> {
  const app = join(into, `entries-nest${nest}`);
  await mkdir(app);
  await writeFile(join(app, 'package.json'), '{ "private": true }');
  const install = (...packages: string[]) =>
    run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', ...packages], { cwd: app });
  const core = ['common', 'core'].map((name) => `@nestjs/${name}@^${nest}.0.0`);
  await install(tarball, ...core, 'ioredis', 'reflect-metadata', 'rxjs');
  for (const found of await missing(app)) {
    const wrong = Object.entries(found).filter(([entry, name]) => name !== null && name !== NEEDS[entry]);
    same(wrong, []);
  }
  await loadsRedisWhenUsed(app);
  const command = join(app, 'node_modules/.bin/nestjs-locked');
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  same((await run(command, ['--version'], { cwd: app })).trim(), version);
  await install(
    ...['terminus', 'swagger'].map((name) => `@nestjs/${name}@^${nest}.0.0`),
    '@opentelemetry/api@^1.9.0',
  );
  for (const found of await missing(app))
    same(
      Object.values(found).filter((name) => name !== null),
      [],
    );
  return app;
}
