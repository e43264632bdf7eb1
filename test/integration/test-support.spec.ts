/** The helpers of test/support that start servers, proxies and processes. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startChild } from '../support/child-process.js';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { type RedisServer, startRedis, startRedisCluster, startReplica } from '../support/redis-server.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import type { EchoHandlers } from '../support/workers/echo.worker.js';

const endings: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function redis(config?: Record<string, string>): Promise<RedisServer> {
  const server = await startRedis({ config });
  endings.push(() => server.stop());
  return server;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('startRedis', () => {
  it('given two servers, then both start empty, and stop without a trace', async () => {
    const [a, b] = await Promise.all([redis(), redis()]);
    await a.client().set('k', 'a');
    expect(await b.client().get('k')).toBeNull();
    expect(a.port).not.toBe(b.port);
    const { pid } = a;
    const dir = a.dir!;
    expect(existsSync(dir)).toBe(true);
    await a.stop();
    await a.stop();
    expect(alive(pid)).toBe(false);
    expect(existsSync(dir)).toBe(false);
    expect(await b.client().ping()).toBe('PONG');
  });

  it('given a restart, then the server is empty on its former port, and its clients find it', async () => {
    const server = await redis();
    const { port, pid } = server;
    const client = server.client();
    await client.set('k', 'v');
    await server.kill();
    expect(alive(pid)).toBe(false);
    await server.restart();
    expect(server.port).toBe(port);
    expect(await client.get('k')).toBeNull();
  });

  it('given persistence, then a crash loses nothing', async () => {
    const server = await redis({ appendonly: 'yes', appendfsync: 'always' });
    await server.client().set('k', 'v');
    await server.kill();
    await server.restart();
    expect(await server.client().get('k')).toBe('v');
  });

  it('given a pause, then nothing answers until it is resumed, and the paused server can be stopped', async () => {
    const server = await redis();
    const client = server.client();
    await client.ping();
    server.pause();
    let answered = false;
    const reply = client.ping().then(() => (answered = true));
    const other = (await redis()).client();
    for (let i = 0; i < 20; i++) await other.ping();
    expect(answered).toBe(false);
    server.resume();
    await reply;
    server.pause();
    await server.stop();
  });

  it('given a password, then its clients use it', async () => {
    const server = await redis({ requirepass: 'p@ss:word' });
    expect(await server.client().ping()).toBe('PONG');
    expect(new URL(server.url).password).toBe('p%40ss%3Aword');
    await expect(server.client({ password: undefined }).ping()).rejects.toThrow(/NOAUTH/);
  });

  it("given an invalid option, then the error has the server's own message", async () => {
    await expect(startRedis({ config: { 'no-such-option': '1' } })).rejects.toThrow(/no-such-option/);
  });
});

describe('startReplica', () => {
  it('given a master, then it is a read-only copy', async () => {
    const master = await redis({ requirepass: 'secret' });
    await master.client().set('k', 'v');
    const replica = await startReplica(master);
    endings.push(() => replica.stop());
    await eventually(async () => expect(await replica.client().get('k')).toBe('v'));
    await expect(replica.client().set('k', 'w')).rejects.toThrow(/READONLY/);
  }, 60_000);
});

describe('startRedisCluster', () => {
  it('given three masters, then each serves its own slots', async () => {
    const cluster = await startRedisCluster(3);
    endings.push(() => cluster.stop());
    const client = cluster.client();
    for (let i = 0; i < 50; i++) await client.set(`k${i}`, i);
    const sizes = await Promise.all(cluster.nodes.map((node) => node.client().dbsize()));
    expect(sizes.every((size) => size > 0)).toBe(true);
    expect(sizes.reduce((a, b) => a + b)).toBe(50);
  }, 60_000);
});

describe('startProxy', () => {
  async function proxied(): Promise<{ server: RedisServer; proxy: TcpProxy; client: Redis }> {
    const server = await redis();
    const proxy = await startProxy(server);
    const client = new Redis(proxy.url, { enableReadyCheck: false });
    client.on('error', () => undefined);
    endings.push(
      () => proxy.stop(),
      () => {
        if (client.status !== 'end') client.disconnect();
      },
    );
    await client.ping();
    return { server, proxy, client };
  }

  it('given traffic, then it passes both ways, and connections are counted', async () => {
    const { proxy, client } = await proxied();
    expect(await client.echo('x'.repeat(1_000_000))).toHaveLength(1_000_000);
    expect(proxy.connections).toBe(1);
    client.disconnect();
    await eventuallyTrue(() => proxy.connections === 0);
  });

  it('given held replies, then the command has run, and its caller does not know yet', async () => {
    const { server, proxy, client } = await proxied();
    proxy.holdReplies();
    const seen = proxy.waitFor((chunk, direction) => direction === 'reply' && chunk.startsWith('+OK'));
    let known = false;
    const reply = client.set('k', 'v').then(() => (known = true));
    await seen;
    expect(await server.client().get('k')).toBe('v');
    expect(known).toBe(false);
    expect(proxy.held).toBe(1);
    proxy.release();
    await reply;
  });

  it('given held requests, then they are delivered in order, even after their client has left', async () => {
    const { server, proxy, client } = await proxied();
    proxy.holdRequests();
    const seen = proxy.waitFor((chunk) => chunk.includes('late'));
    client.rpush('list', 'early').catch(() => undefined);
    client.rpush('list', 'late').catch(() => undefined);
    await seen;
    expect(await server.client().exists('list')).toBe(0);
    client.disconnect();
    proxy.release();
    await eventually(async () =>
      expect(await server.client().lrange('list', 0, -1)).toEqual(['early', 'late']),
    );
  });

  it('given dropped replies, then they never arrive', async () => {
    const { server, proxy, client } = await proxied();
    proxy.dropReplies();
    const lost = client.incr('n').catch((error: Error) => error);
    await eventually(async () => expect(await server.client().get('n')).toBe('1'));
    proxy.release();
    proxy.cut();
    // Once it is connected again, ioredis sends a command without a reply again.
    expect(await lost).toBe(2);
  });

  it('given a delay, then each way has it, and the order stays', async () => {
    const { proxy, client } = await proxied();
    proxy.delay(40);
    const start = performance.now();
    const replies = [client.incr('n'), client.incr('n')];
    proxy.delay(0);
    expect(await Promise.all([...replies, client.incr('n')])).toEqual([1, 2, 3]);
    proxy.delay(40);
    await client.ping();
    expect(performance.now() - start).toBeGreaterThanOrEqual(79);
  });

  it('given a refusal, then connections are cut and refused until it accepts again', async () => {
    const { proxy, client } = await proxied();
    proxy.refuse();
    const closed = new Promise((resolve) => client.once('close', resolve));
    proxy.cut();
    await closed;
    const socket = connect(proxy.port, '127.0.0.1');
    await new Promise((resolve) => socket.on('error', () => undefined).once('close', resolve));
    proxy.accept();
    expect(await client.ping()).toBe('PONG');
  });

  it('given a chunk that does not come, then the wait for it fails', async () => {
    const { proxy } = await proxied();
    await expect(proxy.waitFor(() => false, { within: 10 })).rejects.toThrow(/No such chunk/);
  });
});

describe('startChild', () => {
  async function child() {
    const started = await startChild<EchoHandlers>(
      new URL('../support/workers/echo.worker.ts', import.meta.url),
    );
    endings.push(() => started.stop());
    return started;
  }

  it('given TypeScript that imports the library, then it runs, and passes results and errors', async () => {
    const worker = await child();
    expect(await worker.call('echo', { deep: [1n, new Date(0)] })).toEqual({ deep: [1n, new Date(0)] });
    await expect(worker.call('fail')).rejects.toMatchObject({ name: 'LockBusyError', code: 'LOCK_BUSY' });
    await expect(worker.call('exit', 3)).rejects.toThrow(/ended with 3/);
    expect(await worker.exited).toBe(3);
  }, 60_000);

  it('given a pause and a kill, then it stands still, and what it started ends with it', async () => {
    const worker = await child();
    const { port, dir } = await worker.call('redis');
    worker.pause();
    let answered = false;
    const reply = worker.call('echo', 1).then(() => (answered = true));
    const other = (await redis()).client();
    for (let i = 0; i < 20; i++) await other.ping();
    expect(answered).toBe(false);
    worker.resume();
    await reply;

    expect(existsSync(dir)).toBe(true);
    await worker.kill();
    expect(await worker.exited).toBe('SIGKILL');
    await eventuallyTrue(async () => !existsSync(dir) && !(await listens(port)));
  }, 60_000);
});

describe('eventually', () => {
  it('given tries that throw, then it returns the first result that does not throw', async () => {
    let tries = 0;
    const result = await eventually(() => {
      tries += 1;
      if (tries < 3) throw new Error('not yet');
      return tries;
    });
    expect(result).toBe(3);
  });

  it('given tries that fail or hang, then it fails with the last error', async () => {
    await expect(eventually(() => expect(1).toBe(2), { within: 30 })).rejects.toThrow(/toBe/);
    await expect(eventually(() => new Promise(() => undefined), { within: 30 })).rejects.toThrow(/settle/);
  });
});

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
