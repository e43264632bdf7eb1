/** What programs run in: a Redis, and processes to be sessions. Several programs may use it, one after the other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { type Child, startChild } from '../../test/support/child-process.js';
import { type RedisServer, startRedis } from '../../test/support/redis-server.js';
import type { FuzzHandlers } from './fuzz.worker.js';

export type FuzzChild = Child<FuzzHandlers>;

const WORKER = new URL('./fuzz.worker.ts', import.meta.url);

export class Arena {
  readonly server: RedisServer;
  /** A connection of the fuzzer's own, past all proxies. */
  readonly admin: Redis;
  /** For the files that processes write. */
  readonly dir = mkdtempSync(join(tmpdir(), 'lock-fuzz-'));
  readonly #spares: Array<Promise<FuzzChild>> = [];
  readonly #children = new Set<FuzzChild>();
  #files = 0;

  private constructor(server: RedisServer) {
    this.server = server;
    this.admin = server.client({ maxRetriesPerRequest: null, retryStrategy: () => 20 });
  }

  static async open(): Promise<Arena> {
    return new Arena(await startRedis());
  }

  /** The name of a new file. */
  file(): string {
    this.#files += 1;
    return join(this.dir, `${this.#files}.jsonl`);
  }

  /** A process that is nobody's; others are started to have `spares` more at hand. */
  async child(spares = 0): Promise<FuzzChild> {
    const child = this.#spares.shift() ?? this.#start();
    while (this.#spares.length < spares) this.#spares.push(this.#start());
    return child;
  }

  /** It is free again. */
  giveBack(child: FuzzChild): void {
    this.#spares.push(Promise.resolve(child));
  }

  async close(): Promise<void> {
    await Promise.all(this.#spares.map((spare) => spare.catch(() => undefined)));
    await Promise.all([...this.#children].map((child) => child.kill()));
    await this.server.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #start(): Promise<FuzzChild> {
    const child = startChild<FuzzHandlers>(WORKER, { within: 120_000 }).then((started) => {
      this.#children.add(started);
      void started.exited.then(() => this.#children.delete(started));
      return started;
    });
    child.catch(() => undefined); // who takes it is told
    return child;
  }
}
