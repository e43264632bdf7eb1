/** A Redis and processes for the sessions of a program. Several programs may use an arena, one after the other. */
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
  /** A connection of the fuzzer, which no proxy stands before. */
  readonly admin: Redis;
  /** The folder of the files that processes write. */
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

  /** The path of a new file. */
  file(): string {
    this.#files += 1;
    return join(this.dir, `${this.#files}.jsonl`);
  }

  /** A free process. Others are started, so that `spares` more are ready. */
  async child(spares = 0): Promise<FuzzChild> {
    const child = this.#spares.shift() ?? this.#start();
    while (this.#spares.length < spares) this.#spares.push(this.#start());
    return child;
  }

  /** The process is free again. */
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
    // The caller of `child` gets the error.
    child.catch(() => undefined);
    return child;
  }
}
