/** The gateway by itself, with locks in memory. The key comes from the message, so the tests send messages. */
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { type Duration, LockService, lockKey } from 'nestjs-locked';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { WebSocket } from 'ws';
import { BoxOffice } from '../../sample-app/src/events/box-office.service.js';
import { EventsRepository } from '../../sample-app/src/events/events.repository.js';
import { LiveSaleGateway } from '../../sample-app/src/events/live-sale.gateway.js';
import { MemoryEventsRepository } from '../../sample-app/src/events/memory-events.repository.js';

const KEY = lockKey`event:${'gala'}`;

let app: INestApplication;
let office: BoxOffice;
let controls: LockControls;
let socket: WebSocket;

/** Opens the sale. Groups wait long enough for each other, except in the test of a group that does not get the lock. */
async function open(wait: Duration = '10s'): Promise<void> {
  const module = await Test.createTestingModule({
    imports: [LockTestingModule.forRoot({ defaults: { wait } })],
    providers: [BoxOffice, LiveSaleGateway, { provide: EventsRepository, useClass: MemoryEventsRepository }],
  }).compile();
  app = module.createNestApplication({ logger: false });
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, '127.0.0.1');
  [office, controls] = [module.get(BoxOffice), module.get(LockControls)];
  await module.get(LockService).using(KEY, () => office.open('gala', 5));
  await controls.reset();
  socket = new WebSocket(`${(await app.getUrl()).replace('http', 'ws')}/live`);
  await once(socket, 'open');
}

async function close(): Promise<void> {
  socket.terminate();
  await app.close();
}

beforeEach(() => open());
afterEach(close);

async function requestFor(size: number): Promise<unknown> {
  const answer = once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
  socket.send(JSON.stringify({ event: 'group', data: { id: 'gala', size } }));
  const [text] = (await answer) as [Buffer];
  return JSON.parse(text.toString());
}

describe('a group', () => {
  it('given enough seats, then it gets them under one lock, and its sales are nested holds', async () => {
    expect(await requestFor(3)).toMatchObject({
      event: 'tickets',
      data: [{ seat: 1 }, { seat: 2 }, { seat: 3 }],
    });
    expect(controls.callsOf(KEY).map(({ outcome }) => outcome)).toEqual(Array(4).fill('held'));
  });

  it('given too few seats, then it gets none', async () => {
    expect(await requestFor(6)).toMatchObject({ event: 'exception', data: { statusCode: 409 } });
    expect((await office.find('gala')).sold).toBe(0);
  });

  it('given another machine that sells for too long, then it gets none', async () => {
    await close();
    await open('100ms');
    await controls.hold(KEY);
    expect(await requestFor(3)).toMatchObject({ event: 'exception', data: { code: 'LOCK_BUSY' } });
    expect((await office.find('gala')).sold).toBe(0);
    await controls.release(KEY);
    expect(await requestFor(3)).toMatchObject({ event: 'tickets' });
  });
});
