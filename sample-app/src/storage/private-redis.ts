/**
 * Starts a private Redis server on a free port, without persistence. The server ends with the process that started it.
 */
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { type TiedProcess, startTied } from './tied-process.js';

export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The name of the server's program. */
  readonly program: string;
  /** Ends the server before the end of this process. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const READY_WITHIN = 10_000;
const ATTEMPTS = 5;

/** @returns the path of a redis-server or valkey-server. */
export function findServer(path = ''): string | undefined {
  // Without sh, nothing could end the server with this process.
  if (process.platform === 'win32') return undefined;
  return ['redis-server', 'valkey-server']
    .flatMap((name) => path.split(delimiter).map((dir) => join(dir, name)))
    .find(isExecutable);
}

export async function startPrivateRedis(program: string): Promise<PrivateRedis> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const server = startTied(program, [
      ...['--bind', HOST, '--port', String(port), '--dir', tmpdir()],
      ...['--save', '', '--appendonly', 'no'],
    ]);
    try {
      // The server's own message is read. A PING does not suffice, because another server on that port would answer it.
      await server.says(/Ready to accept connections/, READY_WITHIN);
    } catch (error) {
      await server.stop();
      // Another process may have taken the port since it was found free.
      if (attempt < ATTEMPTS && portWasTaken(server)) continue;
      throw error;
    }
    return {
      url: `redis://${HOST}:${port}`,
      port,
      pid: server.pid,
      program: basename(program),
      stop: () => server.stop(),
    };
  }
}

function portWasTaken({ output }: TiedProcess): boolean {
  return /in use|Failed listening/i.test(output);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      probe.close(() => resolve((address as { port: number }).port));
    });
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
