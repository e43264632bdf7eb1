/** A sentinel for tests: private, on a free port, and ended with the process that started it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.js';
import { type RedisServer, findServer } from './redis-server.js';
import { endWithUs, letGo } from './watchdog.js';

export interface RedisSentinel {
  readonly port: number;
  /** Waits until the sentinel knows the replica, and makes the replica the master, as an operator does. */
  failOver(): Promise<void>;
  stop(): Promise<void>;
}

/** The name of its master. */
export const MASTER = 'mymaster';

/** Starts a sentinel with a quorum of one, and waits until it answers. */
export async function startSentinel(
  master: RedisServer,
  { password }: { password?: string } = {},
): Promise<RedisSentinel> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'lock-test-sentinel-'));
  const file = join(dir, 'sentinel.conf');
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${dir}`,
    `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 1`,
    `sentinel down-after-milliseconds ${MASTER} 5000`,
    ...(password === undefined ? [] : [`requirepass ${password}`]),
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
  const child = spawn(findServer(), [file, '--sentinel'], { detached: true, stdio: 'ignore' });
  const callOff = child.pid === undefined ? () => undefined : endWithUs(child.pid, dir);
  const client = new Redis({ port, password, lazyConnect: true, retryStrategy: () => 20 });
  client.on('error', () => undefined);
  const stop = async (): Promise<void> => {
    client.disconnect();
    await ended(child);
    callOff();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await eventually(() => client.call('PING'), { within: 15_000, every: 20 });
    letGo(child);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    stop,
    async failOver() {
      // The sentinel refuses a replica that it has just found.
      await eventually(() => client.call('SENTINEL', 'FAILOVER', MASTER), { within: 20_000, every: 100 });
    },
  };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  child.ref();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
