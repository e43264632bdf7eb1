/**
 * Real Redis servers for tests. Each is private, has a free port and its own directory, and ends with the process that
 * started it. The binary is LOCK_TEST_SERVER (a path), or `redis-server`, or `valkey-server` on PATH.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { eventually } from './eventually.js';
import { endWithUs, letGo } from './watchdog.js';

/** Settings of redis.conf. An array gives one setting several times (`user`). */
export type RedisConfig = Record<string, string | readonly string[]>;

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** The id of the present process of the server. */
  readonly pid: number;
  /** The directory of the server, while it has files. */
  readonly dir: string | undefined;
  /** Ends the server and its clients, and removes its files. Idempotent. */
  stop(): Promise<void>;
  /** Sends SIGKILL. The files stay until {@link stop}, as after a crash. */
  kill(): Promise<void>;
  /** Starts the server again on its port. It is empty, unless it was killed and its configuration persists. */
  restart(): Promise<void>;
  /** Sends SIGSTOP: connections stay open, and no command gets a reply. */
  pause(): void;
  resume(): void;
  /** A new client for the test, with the password. {@link stop} closes it. */
  client(options?: RedisOptions): Redis;
}

export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  /** The first argument of `new Cluster()`. */
  readonly startupNodes: ReadonlyArray<{ host: string; port: number }>;
  /** A new client for the test. {@link stop} closes it. */
  client(options?: ClusterOptions): Cluster;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const READY_WITHIN = 15_000;

/** Ports below the range of outgoing connections, so that a port is still free at a restart. */
const PORTS = { from: 10_000, to: 22_000 };

/** Starts an empty server without persistence, and waits until it answers. */
export async function startRedis(options: { config?: RedisConfig } = {}): Promise<RedisServer> {
  const server = new Server(options.config ?? {});
  await server.start();
  return server;
}

/** Starts a read-only replica of `of`, and waits until it is in sync. */
export async function startReplica(
  of: RedisServer,
  options: { config?: RedisConfig } = {},
): Promise<RedisServer> {
  const password = (of as Server).password;
  const replica = await startRedis({
    config: {
      replicaof: `${HOST} ${of.port}`,
      ...(password === undefined ? {} : { masterauth: password }),
      ...options.config,
    },
  });
  try {
    const client = replica.client();
    await eventually(
      async () => {
        const info = await client.info('replication');
        if (!info.includes('master_link_status:up')) throw new Error(`The replica is not in sync:\n${info}`);
      },
      { within: READY_WITHIN, every: 20 },
    );
    client.disconnect();
    return replica;
  } catch (error) {
    await replica.stop();
    throw error;
  }
}

/** Starts a Cluster of `masters` nodes without replicas, and waits until each node serves all slots. */
export async function startRedisCluster(
  masters = 3,
  options: { config?: RedisConfig } = {},
): Promise<RedisCluster> {
  const config = {
    'cluster-enabled': 'yes',
    'cluster-config-file': 'nodes.conf',
    'cluster-node-timeout': '5000',
    ...options.config,
  };
  const started = await Promise.allSettled(Array.from({ length: masters }, () => startRedis({ config })));
  const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const clients = new Set<Cluster>();
  const cluster: RedisCluster = {
    nodes,
    startupNodes: nodes.map(({ port }) => ({ host: HOST, port })),
    client(clientOptions = {}) {
      const client = new Cluster([...this.startupNodes], clientOptions);
      client.on('error', () => undefined);
      clients.add(client);
      client.on('end', () => clients.delete(client));
      return client;
    },
    async stop() {
      for (const client of clients) client.disconnect();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
  try {
    for (const each of started) if (each.status === 'rejected') throw each.reason;
    await formCluster(nodes);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

/** Divides the slots evenly, and makes the nodes meet. */
async function formCluster(nodes: readonly RedisServer[]): Promise<void> {
  const clients = nodes.map((node) => node.client());
  await Promise.all(
    clients.map(async (client, i) => {
      const from = Math.floor((16_384 * i) / nodes.length);
      const to = Math.floor((16_384 * (i + 1)) / nodes.length) - 1;
      // With different epochs the nodes need no round of conflicts.
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
      await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    }),
  );
  for (const node of nodes.slice(1)) await clients[0].call('CLUSTER', 'MEET', HOST, String(node.port));
  await Promise.all(
    clients.map((client) =>
      eventually(
        async () => {
          const info = String(await client.call('CLUSTER', 'INFO'));
          const ready = ['cluster_state:ok', 'cluster_slots_ok:16384', `cluster_known_nodes:${nodes.length}`];
          if (!ready.every((state) => info.includes(state)))
            throw new Error(`The Cluster is not complete:\n${info}`);
        },
        { within: 30_000, every: 20 },
      ),
    ),
  );
  for (const client of clients) client.disconnect();
}

class Server implements RedisServer {
  /** The clients that have not ended. ioredis sets a timer of 2 s if a client is disconnected twice. */
  readonly #clients = new Set<Redis>();
  #dir: string | undefined;
  #port = 0;
  #process: Process | undefined;

  constructor(private readonly config: RedisConfig) {}

  get port(): number {
    return this.#port;
  }

  get url(): string {
    const auth = this.password === undefined ? '' : `:${encodeURIComponent(this.password)}@`;
    return `redis://${auth}${HOST}:${this.#port}`;
  }

  get pid(): number {
    return this.#running().pid;
  }

  get dir(): string | undefined {
    return this.#dir;
  }

  get password(): string | undefined {
    return this.config.requirepass as string | undefined;
  }

  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = randomInt(PORTS.from, PORTS.to);
      try {
        await this.#launch();
        return;
      } catch (error) {
        await this.stop();
        if (!(error instanceof PortTakenError) || attempt === 20) throw error;
      }
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    this.#clients.clear();
    const running = this.#process;
    this.#process = undefined;
    await running?.end();
    if (this.#dir !== undefined) rmSync(this.#dir, { recursive: true, force: true });
    this.#dir = undefined;
  }

  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    await running?.kill();
  }

  async restart(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    await running?.end();
    await this.#launch();
  }

  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  client(options: RedisOptions = {}): Redis {
    const client = new Redis({ host: HOST, port: this.#port, password: this.password, ...options });
    // A test that stops its server expects the errors of a lost connection.
    client.on('error', () => undefined);
    client.on('end', () => this.#clients.delete(client));
    this.#clients.add(client);
    return client;
  }

  async #launch(): Promise<void> {
    this.#dir ??= mkdtempSync(join(tmpdir(), 'lock-test-redis-'));
    const file = join(this.#dir, 'redis.conf');
    const config: RedisConfig = {
      bind: HOST,
      port: String(this.#port),
      dir: this.#dir,
      save: '""',
      appendonly: 'no',
      'repl-diskless-sync-delay': '0',
      daemonize: 'no',
      ...this.config,
    };
    const settings = Object.entries(config).flatMap(([name, value]) =>
      [value].flat().map((each) => `${name} ${each === '' ? '""' : each}`),
    );
    writeFileSync(file, `${settings.join('\n')}\n`);
    this.#process = await Process.start(file, this.#dir);
  }

  #running(): Process {
    if (this.#process === undefined) throw new Error(`The server on port ${this.#port} is not running.`);
    return this.#process;
  }
}

/** Thrown if another program listens on the port. */
class PortTakenError extends Error {}

/** One run of the server program, with a watchdog that ends it when this process ends in any way. */
class Process {
  private constructor(
    private readonly child: ChildProcess,
    private readonly callOff: () => void,
    private readonly exited: Promise<void>,
  ) {}

  static async start(config: string, dir: string): Promise<Process> {
    const program = findServer();
    // The server has its own process group, because Ctrl-C in the terminal must reach the tests alone. They end their
    // servers.
    const child = spawn(program, [config], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const ready = new Promise<void>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        log = (log + chunk.toString()).slice(-20_000);
        // The output of the program counts, not a PING. On an occupied port another server would answer the PING.
        if (log.includes('Ready to accept connections')) resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('error', reject);
      child.once('close', (code, signal) => {
        const message = `${program} ended with ${code ?? signal} before it was ready:\n${log}`;
        reject(/in use|Failed listening/i.test(log) ? new PortTakenError(message) : new Error(message));
      });
    });
    const callOff = child.pid === undefined ? () => undefined : endWithUs(child.pid, dir);
    const running = new Process(child, callOff, exited);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${program} was not ready in time:\n${log}`)), READY_WITHIN);
    });
    try {
      await Promise.race([ready, late]);
    } catch (error) {
      if (child.pid !== undefined) await running.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    // A server that a test did not stop must not keep the test process alive. The watchdog ends it.
    letGo(child);
    return running;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Sends SIGTERM, to a paused server too, and SIGKILL after some time. */
  async end(): Promise<void> {
    this.#signal('SIGTERM');
    this.#signal('SIGCONT');
    const insist = setTimeout(() => this.#signal('SIGKILL'), 3_000);
    await this.#gone();
    clearTimeout(insist);
  }

  async kill(): Promise<void> {
    this.#signal('SIGKILL');
    await this.#gone();
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
  }

  async #gone(): Promise<void> {
    this.child.ref();
    await this.exited;
    this.callOff();
  }
}

let found: string | undefined;

/** The server program. */
export function findServer(): string {
  return (found ??=
    process.env.LOCK_TEST_SERVER || onPath('redis-server') || onPath('valkey-server') || missing());
}

function onPath(name: string): string | undefined {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

function missing(): never {
  throw new Error(
    'The tests need a redis-server or valkey-server: on PATH, or named by LOCK_TEST_SERVER. ' +
      '`node scripts/ensure-redis.mjs` installs one.',
  );
}
