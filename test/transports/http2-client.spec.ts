/** As http-client.spec.ts, over HTTP/2: many requests share one connection, and one of them can be cancelled. */
import { once } from 'node:events';
import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Param, Res } from '@nestjs/common';
import { type Lock, Locked } from 'nestjs-locked';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { eventually, eventuallyTrue } from '../support/eventually.js';
import { HTTP2_PLATFORMS } from '../support/http2-adapters.js';
import { type HttpApp, startHttp } from '../support/http-app.js';
import { ClientHandlers, LONG, type Reply, UNTIL_GONE } from './support/client-handlers.js';

@Controller()
class Handlers extends ClientHandlers {
  @Get('waiting/:id')
  @Locked('k:{params.id}', { wait: '1m', abortOn: 'disconnect' })
  async waiting(@Param('id') _id: string): Promise<string> {
    this.enter();
    return 'done';
  }
  @Get('answered-long/:id')
  @Locked('k:{params.id}', UNTIL_GONE)
  async answeredLong(@Param('id') _id: string, @Res() reply: Reply): Promise<void> {
    this.enter();
    reply.send(LONG);
    await this.step.promise;
  }
  @Get('until-sent/:id')
  @Locked('k:{params.id}', { wait: 0, holdUntil: 'response' })
  async untilSent(@Param('id') _id: string, @Res() reply: Reply): Promise<void> {
    this.enter();
    reply.send(LONG);
    await this.step.promise;
  }
}

describe.each(HTTP2_PLATFORMS)('the client of an HTTP/2 handler on %s', (_platform, adapter) => {
  let http: HttpApp;
  let handlers: Handlers;
  let session: ClientHttp2Session;
  /** The server's stream of the latest request. */
  let served: ServerHttp2Stream;
  let id = 0;

  beforeAll(async () => {
    http = await startHttp(adapter, { imports: [LockTestingModule.forRoot()], controllers: [Handlers] });
    handlers = http.module.get(Handlers);
    const server = http.app.getHttpServer() as Http2Server;
    server.on('stream', (stream) => (served = stream));
  });
  afterAll(() => http.app.close());
  beforeEach(async () => {
    id += 1;
    handlers.reset();
    session = http2.connect(http.url);
    session.on('error', () => undefined);
    await once(session, 'connect');
  });
  afterEach(() => {
    handlers.step.resolve();
    handlers.body.destroy();
    session.destroy();
  });

  function request(route: string, key: number | string = id): ClientHttp2Stream {
    const stream = session.request({ ':path': `/${route}/${key}` });
    stream.on('error', () => undefined);
    return stream;
  }
  const lockOf = (key: number | string = id): Promise<Lock> =>
    eventually(() => {
      const lock = handlers.locks.find(({ keys }) => keys[0] === `k:${key}`);
      if (lock === undefined) throw new Error('The handler has not begun.');
      return lock;
    });
  const isFree = (): Promise<boolean> => handlers.isFree(String(id));
  async function textOf(stream: ClientHttp2Stream): Promise<string> {
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text;
  }

  const LEAVING: ReadonlyArray<[string, (stream: ClientHttp2Stream) => void]> = [
    ['cancels the request', (stream) => stream.close(http2.constants.NGHTTP2_CANCEL)],
    ['closes the connection', () => session.destroy()],
  ];

  describe.each(LEAVING)('when the client %s', (_way, leave) => {
    it('given abortOn and a handler that runs, then its signal aborts, and the lock is held until it has settled', async () => {
      const stream = request('running');
      const lock = await lockOf();
      expect(lock.signal.aborted).toBe(false);
      leave(stream);
      await eventuallyTrue(() => lock.signal.aborted);
      expect(lock.signal.reason).toMatchObject({ code: 'LOCK_ABORTED', key: `k:${id}` });
      expect([lock.held, await isFree()]).toEqual([true, false]);
      handlers.step.resolve();
      await eventuallyTrue(isFree);
    });

    it('given abortOn and a response that is on its way, then its signal aborts', async () => {
      const stream = request('streamed');
      const lock = await lockOf();
      handlers.body.write('a');
      await once(stream, 'response');
      leave(stream);
      await eventuallyTrue(() => lock.signal.aborted);
      await eventuallyTrue(isFree);
    });

    it('given abortOn and a response that was sent but is not read, then its signal aborts', async () => {
      const stream = request('answered-long');
      await once(stream, 'response');
      const lock = await lockOf();
      expect(lock.signal.aborted).toBe(false);
      leave(stream);
      await eventuallyTrue(() => lock.signal.aborted);
    });

    it('given abortOn and a call that waits for its lock, then the handler never runs', async () => {
      const controls = http.module.get(LockControls);
      await controls.hold(`k:${id}`, 30_000);
      const stream = request('waiting');
      const outcomes = (): string[] => controls.callsOf(`k:${id}`).map(({ outcome }) => outcome);
      await eventually(() => expect(outcomes()).toEqual(['waiting']));
      leave(stream);
      await eventually(() => expect(outcomes()).toEqual(['failed']));
      await controls.release(`k:${id}`);
      await eventuallyTrue(isFree);
      expect(handlers.locks).toEqual([]);
    });

    it("given holdUntil: 'response' and a handler that works on after its answer, then the lock is released", async () => {
      const stream = request('until-sent');
      await once(stream, 'response');
      await lockOf();
      leave(stream);
      await eventuallyTrue(() => served.closed);
      handlers.step.resolve();
      await eventuallyTrue(isFree);
    });
  });

  it('given two requests of one connection, when one is cancelled, then the other goes on', async () => {
    const cancelled = request('running', `${id}-a`);
    const kept = request('running', `${id}-b`);
    const [first, second] = await Promise.all([lockOf(`${id}-a`), lockOf(`${id}-b`)]);
    cancelled.close(http2.constants.NGHTTP2_CANCEL);
    await eventuallyTrue(() => first.signal.aborted);
    handlers.step.resolve();
    expect(await textOf(kept)).toBe('done');
    expect(second.signal.aborted).toBe(false);
  });

  it('given a client that stays, then it gets its answer, and no signal aborts', async () => {
    const stream = request('running');
    const lock = await lockOf();
    handlers.step.resolve();
    expect(await textOf(stream)).toBe('done');
    await eventuallyTrue(isFree);
    expect(lock.signal.aborted).toBe(false);
  });

  it('given a client that leaves with its whole answer, then the handler that works on is not aborted', async () => {
    const stream = request('answered');
    const lock = await lockOf();
    expect(await textOf(stream)).toBe('early');
    const connection = served.session;
    session.destroy();
    await eventuallyTrue(() => served.closed && connection?.destroyed !== false);
    expect([lock.signal.aborted, await isFree()]).toEqual([false, false]);
  });
});
