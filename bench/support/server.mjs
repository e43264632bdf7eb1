// A private redis-server for one run: LOCK_TEST_SERVER (a path), or `redis-server`, or `valkey-server` on PATH.
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

const READY_WITHIN = 10_000;

/** Starts it without persistence. `info(part)` reads a part of INFO as an object. */
export async function startServer() {
  const binary = findBinary();
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'lock-bench-'));
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    dir,
  ];
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const killed = () => child.kill('SIGKILL');
  process.once('exit', killed);
  const control = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => 20 });
  control.on('error', () => undefined); // Until it is up; a command that fails says so by itself.
  try {
    await Promise.race([
      control.connect().catch(() => control.ping()),
      new Promise((_, reject) => child.once('error', reject)),
      new Promise((_, reject) =>
        child.once('exit', (code) => reject(new Error(`${binary} ended with ${code}`))),
      ),
      sleep(READY_WITHIN, undefined, { ref: false }).then(() =>
        Promise.reject(new Error(`${binary} does not answer`)),
      ),
    ]);
  } catch (error) {
    control.disconnect();
    killed();
    throw error;
  }
  return {
    port,
    pid: child.pid,
    control,
    async info(part) {
      const lines = (await control.info(part)).split('\r\n').filter((line) => line.includes(':'));
      return Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
      );
    },
    async stop() {
      process.off('exit', killed);
      control.disconnect();
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function findBinary() {
  if (process.env.LOCK_TEST_SERVER) return process.env.LOCK_TEST_SERVER;
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  throw new Error('No redis-server or valkey-server on PATH; name one by LOCK_TEST_SERVER=/path/to/it.');
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
