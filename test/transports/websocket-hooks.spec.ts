/** The hooks of a gateway, over ws and socket.io. Nest awaits no hook, so a rejection would end the process. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type INestApplication, Inject, Logger } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { WebSocketGateway } from '@nestjs/websockets';
import { Locked, LockService } from 'nestjs-locked';
import { LockControls, LockTestingModule, memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.js';

const OWN_ERROR = new Error('of the application');

@WebSocketGateway()
class Lobby {
  readonly ran: string[] = [];
  fails: Error | undefined;

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Locked('lobby', { wait: 0 })
  async handleConnection(_client: unknown): Promise<void> {
    this.ran.push(`in ${this.locks.current().keys.join()}`);
    if (this.fails !== undefined) throw this.fails;
  }

  @Locked('lobby', { wait: 0 })
  async handleDisconnect(_client: unknown): Promise<void> {
    this.ran.push('out');
  }
}

/** Goes on after the hook of its parent. It must not go on if that hook has not run. */
class Sub extends Lobby {
  joined = 0;
  override async handleConnection(client: unknown): Promise<void> {
    await super.handleConnection(client);
    this.joined += 1;
  }
}

/** A client that records what it receives, and whether it was disconnected. */
interface Client {
  readonly got: unknown[];
  readonly opened: Promise<unknown>;
  readonly closed: Promise<unknown>;
  close(): void;
}

function wsClient(url: string): Client {
  const socket = new WebSocket(url.replace('http', 'ws'));
  const got: unknown[] = [];
  socket.on('message', (text: Buffer) => got.push(JSON.parse(text.toString())));
  const opened = once(socket, 'open');
  const closed = once(socket, 'close').then(([code]: unknown[]) => code);
  return { got, opened, closed, close: () => socket.terminate() };
}

function ioClient(url: string): Client {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
  const got: unknown[] = [];
  socket.onAny((event: string, data: unknown) => got.push({ event, data }));
  const opened = new Promise<void>((resolve) => socket.on('connect', resolve));
  const closed = new Promise((resolve) => socket.on('disconnect', resolve));
  return { got, opened, closed, close: () => void socket.disconnect() };
}

const CLIENTS: ReadonlyArray<
  [string, new (app: INestApplication) => WsAdapter | IoAdapter, (url: string) => Client, unknown, unknown]
> = [
  ['ws', WsAdapter, wsClient, 1013, 1011],
  ['socket.io', IoAdapter, ioClient, 'io server disconnect', 'io server disconnect'],
];

describe.each(CLIENTS)('the hooks of a gateway over %s', (_kind, Adapter, connect, refused, broken) => {
  let app: INestApplication;
  let lobby: Lobby;
  let controls: LockControls;
  let url: string;
  let client: Client | undefined;
  const unhandled = jest.fn();

  beforeAll(async () => {
    const module = await Test.createTestingModule({
      imports: [LockTestingModule.forRoot()],
      providers: [Lobby],
    }).compile();
    app = module.createNestApplication({ forceCloseConnections: true });
    app.useWebSocketAdapter(new Adapter(app));
    Logger.overrideLogger(false);
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
    [lobby, controls] = [module.get(Lobby), module.get(LockControls)];
    process.on('unhandledRejection', unhandled);
  });
  afterAll(async () => {
    process.off('unhandledRejection', unhandled);
    await app.close();
  });
  beforeEach(() => {
    unhandled.mockClear();
    lobby.ran.length = 0;
    lobby.fails = undefined;
  });
  afterEach(() => client?.close());

  it('given a free key, then the hooks run under the lock, and the client stays', async () => {
    client = connect(url);
    await client.opened;
    await eventually(() => expect(lobby.ran).toEqual(['in lobby']));
    client.close();
    await eventually(() => expect(lobby.ran).toEqual(['in lobby', 'out']));
  });

  it('given a busy key, then the process goes on, and the client is told and disconnected', async () => {
    const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    await controls.hold('lobby');
    client = connect(url);
    expect(await client.closed).toBe(refused);
    expect(client.got).toEqual([
      { event: 'exception', data: expect.objectContaining({ code: 'LOCK_BUSY', status: 'error' }) },
    ]);
    // When the client leaves, handleDisconnect finds the key busy too.
    await eventually(() => expect(warned).toHaveBeenCalledTimes(2));
    expect(warned.mock.calls.map(([text]) => /^Lobby\.handle(Dis)?[cC]onnect/.test(String(text)))).toEqual([
      true,
      true,
    ]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([lobby.ran, unhandled.mock.calls]).toEqual([[], []]);
    warned.mockRestore();
    await controls.release('lobby');
  });

  it('given a mistake of the application, then the process goes on, and the client is told and disconnected', async () => {
    const service = jest.spyOn(app.get(LockService), 'using').mockImplementation(async () => {});
    client = connect(url);
    expect(await client.closed).toBe(broken);
    expect(client.got).toEqual([
      { event: 'exception', data: expect.objectContaining({ code: 'LOCK_WIRING' }) },
    ]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([lobby.ran, unhandled.mock.calls]).toEqual([[], []]);
    service.mockRestore();
  });
});

describe('a hook that other code calls', () => {
  const locks = memoryLocks();
  const sub = provideLocks(new Sub(locks), locks);
  const lobby = provideLocks(new Lobby(locks), locks);

  it('given a busy key and a call by super, then the error reaches the caller', async () => {
    const held = await locks.acquire('lobby');
    await expect(sub.handleConnection({})).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await held.release();
    expect(sub.joined).toBe(0);
  });

  it("given an error of the application's own, then the error stays with Nest", async () => {
    lobby.fails = OWN_ERROR;
    await expect(lobby.handleConnection({})).rejects.toBe(OWN_ERROR);
  });
});
