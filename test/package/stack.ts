/** The package beside the real tools with which applications are built and watched: a bundler, OpenTelemetry, Sentry. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import type { RedisServer } from '../support/redis-server.js';
import { freePort } from '../transports/support/free-port.js';
import { printed, same } from './steps.js';

/** Nest imports packages that an application may not have, so its imports need this plugin. This package must not. */
const NESTS_OWN: Plugin = {
  name: 'what Nest does not find is left out',
  setup({ onResolve, resolve }) {
    const requested = {};
    onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === requested || from.importer.includes('/node_modules/nestjs-locked/'))
        return undefined;
      const { importer, resolveDir, kind } = from;
      const found = await resolve(path, { importer, resolveDir, kind, pluginData: requested });
      return found.errors.length > 0 ? { path, external: true } : found;
    });
  },
};

/** CommonJS inside a bundle of ES modules calls `require` for Node's built-in modules. */
const REQUIRE =
  "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);";

/** @returns the bundle's path in the application. */
export async function bundle(app: string, main: string, format: 'cjs' | 'esm'): Promise<string> {
  const outfile = `bundled/main.${format === 'esm' ? 'mjs' : 'cjs'}`;
  await build({
    absWorkingDir: app,
    entryPoints: [main],
    outfile,
    bundle: true,
    platform: 'node',
    format,
    plugins: [NESTS_OWN],
    logLevel: 'silent',
    ...(format === 'esm' && { banner: { js: REQUIRE } }),
  });
  return outfile;
}

/** A bundled application maps errors for its clients of RPC and WebSocket by the exception classes in the bundle. */
export async function bundledMessages(app: string): Promise<void> {
  const main = await bundle(app, 'dist/live.js', 'cjs');
  const answered = await printed(process.execPath, [main], {
    cwd: app,
    env: { TCP_PORT: String(await freePort()) },
  });
  const data = {
    status: 'error',
    code: 'LOCK_BUSY',
    message: 'The resource is in use. Try again in a moment.',
    retryAfter: 30,
  };
  same(answered, { rpc: data, ws: { event: 'exception', data } });
  await rm(join(app, 'bundled'), { recursive: true });
}

/** OpenTelemetry sees the commands in both formats, on a connection of the module and on one of the application. */
export async function tracesRedis(app: string, redis: RedisServer): Promise<void> {
  const env = { REDIS_URL: redis.url };
  for (const program of ['traced.cjs', 'traced.mjs']) {
    for (const connection of ['url', 'client']) {
      const args = ['--require', './spans.cjs', program, connection];
      const spans = (await printed(process.execPath, args, { cwd: app, env })) as string[];
      const acquired = spans.some((name) => /^eval(sha)?$/i.test(name));
      same({ program, connection, acquired }, { program, connection, acquired: true });
    }
  }
}

/** Lock errors of status 5xx reach Sentry with class and code. A busy lock does not. Other errors stay as usual. */
export async function reportsErrors(app: string): Promise<void> {
  same(await printed(process.execPath, ['dist/tracked.js'], { cwd: app }), {
    busy: [423],
    down: [503, 'LockStoreError LOCK_STORE'],
    wrong: [500, 'LockKeyError LOCK_KEY'],
    missing: [404],
    broken: [500, 'TypeError'],
    'graphql busy': [true],
    'graphql down': [true, 'LockStoreError LOCK_STORE'],
  });
}
