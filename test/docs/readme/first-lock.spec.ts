/** The README's first example, run as it stands there: only the address of Redis and the port are those of the test. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type INestApplication, Logger } from '@nestjs/common';
import { LockService } from 'nestjs-locked';
import ts from 'typescript';
import { DEFAULT_REDIS_URL } from '../../../lib/lock.constants.js';
import { type RedisServer, startRedis } from '../../support/redis-server.js';

let server: RedisServer;
let directory: string;
let app: INestApplication;

beforeAll(async () => {
  Logger.overrideLogger(false);
  server = await startRedis();
  // A folder in which packages are found, and which git, the linter and jest ignore.
  const cache = resolve('node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  directory = mkdtempSync(join(cache, 'nestjs-locked-readme-'));
  const file = join(directory, 'first-lock.mjs');
  writeFileSync(file, programOf('first-lock.ts'));
  ({ app } = (await import(pathToFileURL(file).href)) as { app: INestApplication });
}, 60_000);

afterAll(async () => {
  await app?.close();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

function programOf(name: string): string {
  const text = readFileSync(resolve('test/docs/readme', name), 'utf8');
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  });
  return outputText
    .replace(DEFAULT_REDIS_URL, server.url)
    .replace('await app.listen(3000);', "await app.listen(0, '127.0.0.1'); return app;")
    .replace('void bootstrap();', 'export const app = await bootstrap();');
}

it('given two requests for one order, then the second one waits for the first', async () => {
  const url = await app.getUrl();
  const pay = async (id: string): Promise<string> =>
    (await fetch(`${url}/orders/${id}/pay`, { method: 'POST', headers: { connection: 'close' } })).text();
  const lock = await app.get(LockService).acquire('order:1');
  let paid = false;
  const paying = pay('001').then((body) => ((paid = true), body));
  expect(await pay('2')).toBe('{"paid":2}');
  expect(paid).toBe(false);
  await lock.release();
  expect(await paying).toBe('{"paid":1}');
});
