/** Scripts as prepared text: what leaves, when the client's own `call` must be used, and what an outage does to them. */
import { tracingChannel } from 'node:diagnostics_channel';
import { trace } from '@opentelemetry/api';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { CommandWriter } from '../../lib/stores/redis/client/command-writer.js';
import { defineScript } from '../../lib/stores/redis/scripts/script.js';
import { eventually } from '../support/eventually.js';
import { locksWith } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';
import { startTelemetrySdk } from '../support/telemetry-sdk.js';

const ECHO = defineScript('return {KEYS[1], KEYS[2] or false, ARGV[1], 7, {ARGV[1]}}');

const cleanups: Array<() => unknown> = [];
let server: RedisServer;

beforeEach(async () => {
  server = await startRedis();
  cleanups.push(() => server.stop());
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A second disconnect() of ioredis leaves a timer of two seconds. */
function end(client: Pick<Redis, 'status' | 'disconnect'>): void {
  if (client.status !== 'end') client.disconnect();
}

interface Outcome {
  reply?: unknown;
  error?: Error;
}

/** Sends the script by the writer. @returns undefined if the writer has sent nothing. */
function write(writer: CommandWriter, parameters: readonly string[]): Promise<Outcome> | undefined {
  let sent = true;
  const outcome = new Promise<Outcome>((resolve) => {
    sent = writer.send(ECHO.sha, parameters, {
      onReply: (reply) => resolve({ reply }),
      onError: (error) => resolve({ error: error as Error }),
    });
  });
  return sent ? outcome : undefined;
}

describe.each([
  ['ioredis 6', Redis],
  ['ioredis 5', Redis5 as unknown as typeof Redis],
])('%s', (_name, Client) => {
  async function connected(options: object = {}, url = server.url): Promise<Redis> {
    const client = new Client(url, { maxRetriesPerRequest: null, lazyConnect: true, ...options });
    client.on('error', () => undefined);
    cleanups.push(() => end(client));
    await client.connect();
    await client.script('LOAD', ECHO.source);
    return client;
  }

  const writes = (client: Redis): boolean => write(new CommandWriter(client), ['0', 'x']) !== undefined;

  it.each([
    ['no options', {}],
    ['a key prefix', { keyPrefix: 'tenant:' }],
    ['a key prefix outside of ASCII', { keyPrefix: 'größe:' }],
    ['numbers as strings', { stringNumbers: true }],
    ['another database', { db: 3 }],
  ])('given %s, then the reply is that of call', async (_case, options) => {
    const client = await connected(options);
    for (const parameters of [
      ['2', 'a', 'b', 'c'],
      ['1', 'clé', 'übung € 👍'],
      ['1', '', ''],
    ]) {
      const written = await write(new CommandWriter(client), parameters);
      expect(written).toEqual({ reply: await client.call('EVALSHA', ECHO.sha, ...parameters) });
    }
  });

  it('given an error of the server, then it is that of call', async () => {
    const client = await connected();
    await client.script('FLUSH');
    const { error } = (await write(new CommandWriter(client), ['1', 'a', 'b'])) ?? {};
    const called = await client.call('EVALSHA', ECHO.sha, '1', 'a', 'b').catch((reason: unknown) => reason);
    expect(error?.message).toBe((called as Error).message);
    expect(error).toMatchObject({
      name: 'ReplyError',
      command: { name: 'evalsha', args: [ECHO.sha, '1', 'a', 'b'] },
    });
  });

  it.each([
    ['auto-pipelining', { enableAutoPipelining: true }],
    ['a time-out of the client', { commandTimeout: 1_000 }],
    ['friendly stacks', { showFriendlyErrorStack: true }],
    ['a key prefix of bytes', { keyPrefix: Buffer.from('tenant:') }],
  ])('given %s, then call is used', async (_case, options) => {
    expect(writes(await connected(options))).toBe(false);
  });

  it('given a subclass that sends in its own way, then call is used', async () => {
    const seen: string[] = [];
    class Watched extends Client {
      override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
        seen.push(args[0].name);
        return super.sendCommand(...args);
      }
    }
    class Called extends Client {}
    Object.defineProperty(Called.prototype, 'call', {
      value: (...args: [string]) => (seen.push(args[0]), Client.prototype.call.apply(undefined, args)),
    });
    for (const Own of [Watched, Called]) {
      const client = new Own(server.url);
      cleanups.push(() => end(client));
      expect(writes(client)).toBe(false);
    }
    expect(seen).not.toContain('evalsha');
  });

  it('given a subclass that adds a method, then commands are written', async () => {
    class Richer extends Client {
      more(): number {
        return 1;
      }
    }
    const client = new Richer(server.url);
    cleanups.push(() => end(client));
    expect(writes(client)).toBe(true);
  });

  it('given a tracer that comes late and leaves, then call is used meanwhile', async () => {
    const client = await connected();
    const writer = new CommandWriter(client);
    const original = Client.prototype.sendCommand;
    expect(write(writer, ['0', 'x'])).toBeDefined();
    Client.prototype.sendCommand = function (this: Redis, ...args: Parameters<typeof original>) {
      return original.apply(this, args);
    };
    try {
      expect(write(writer, ['0', 'x'])).toBeUndefined();
    } finally {
      Client.prototype.sendCommand = original;
    }
    expect(write(writer, ['0', 'x'])).toBeDefined();
  });

  it('given a call that is replaced late, then the new one is used', async () => {
    const client = await connected();
    const writer = new CommandWriter(client);
    expect(write(writer, ['0', 'x'])).toBeDefined();
    const call = client.call.bind(client);
    client.call = call;
    expect(write(writer, ['0', 'x'])).toBeUndefined();
  });

  it('given a command that was not answered when the connection ended, then it is sent again', async () => {
    const proxy: TcpProxy = await startProxy(server);
    cleanups.push(() => proxy.stop());
    const client = await connected({ retryStrategy: () => 10 }, proxy.url);
    proxy.dropReplies();
    const arrived = proxy.waitFor((chunk, direction) => direction === 'request' && chunk.includes(ECHO.sha));
    const outcome = write(new CommandWriter(client), ['1', 'a', 'b']);
    await arrived;
    proxy.release();
    proxy.cut();
    await expect(outcome).resolves.toEqual({ reply: ['a', null, 'b', 7, ['b']] });
  });

  it('given a client that is not connected yet, then the command waits for the connection', async () => {
    const loader = await connected();
    const client = new Client(server.url, { lazyConnect: true });
    cleanups.push(() => end(client));
    const outcome = write(new CommandWriter(client), ['1', 'a', 'b']);
    await expect(outcome).resolves.toMatchObject({ reply: ['a', null, 'b', 7, ['b']] });
    expect(loader.status).toBe('ready');
  });

  it('given a client that ends while a command is under way, then the command fails', async () => {
    const proxy: TcpProxy = await startProxy(server);
    cleanups.push(() => proxy.stop());
    const client = await connected({}, proxy.url);
    proxy.holdReplies();
    const outcome = write(new CommandWriter(client), ['1', 'a', 'b']);
    client.disconnect();
    expect((await outcome)?.error?.message).toBe('Connection is closed.');
    await eventually(() => expect(client.status).toBe('end'));
    // The client rejects the next command at once.
    const next = await write(new CommandWriter(client), ['1', 'a', 'b']);
    expect(next?.error?.message).toBe('Connection is closed.');
  });

  it('given a client that is closed while a lock is held, then the release fails clearly', async () => {
    const client = await connected();
    const { service, close } = locksWith(client, { commandTimeout: 500 });
    cleanups.push(close);
    const lock = await service.acquire('a');
    client.disconnect();
    await eventually(() => expect(client.status).toBe('end'));
    await expect(service.acquire('b', { wait: 100 })).rejects.toThrow(/LOCK_STORE|closed|Redis/);
    await lock.release();
  });
});

describe('tracers', () => {
  it('given a subscriber of the channel of ioredis 6, then it sees each script with its arguments', async () => {
    const client = new Redis(server.url);
    const { service, close } = locksWith(client, {});
    cleanups.push(close);
    await (await service.acquire('a')).release();
    const seen: Array<{ command?: string; args?: string[] }> = [];
    const channel = tracingChannel('ioredis:command');
    const subscriber = {
      start: (message: object) => void seen.push(message),
      end: () => undefined,
      asyncStart: () => undefined,
      asyncEnd: () => undefined,
      error: () => undefined,
    };
    channel.subscribe(subscriber);
    await (await service.acquire('b')).release();
    channel.unsubscribe(subscriber);
    await (await service.acquire('c')).release();
    const scripts = seen.filter(({ command }) => command?.toLowerCase() === 'evalsha');
    expect(scripts).toHaveLength(2);
    for (const { args } of scripts) expect(args).toContain('lock:b');
  });

  it("given OpenTelemetry's instrumentation of ioredis, then each script has a span in its caller's trace", async () => {
    const sdk = startTelemetrySdk();
    cleanups.push(() => sdk.stop());
    const client = new Redis5(server.url);
    const { service, close } = locksWith(client, {});
    cleanups.push(close);
    await (await service.acquire('warm')).release();
    // As the hooks of the instrumentation patch the module that an application requires.
    const instrumentation = new IORedisInstrumentation();
    const [definition] = instrumentation.init();
    definition?.patch?.(Redis5, '5.11.1');
    cleanups.push(() => definition?.unpatch?.(Redis5, '5.11.1'));
    await trace.getTracer('test').startActiveSpan('GET', async (span) => {
      await (await service.acquire('a')).release();
      span.end();
    });
    expect(sdk.tree().filter((path) => /^GET > evalsha$/i.test(path))).toHaveLength(2);
  });
});
