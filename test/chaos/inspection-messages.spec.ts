/** Answers of many processes, and messages that no process of this package sends. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeMessage, type ProcessFacts } from '../../lib/core/inspection/messages.js';
import { type Child, startChild } from '../support/child-process.js';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { AnswersHandlers } from '../support/workers/answers.worker.js';

const FILE = new URL('../support/workers/answers.worker.ts', import.meta.url);

let server: RedisServer;
let inspector: Locks;
let fakes: Child<AnswersHandlers>;

beforeEach(async () => {
  server = await startRedis();
  inspector = locksOn(server, { owner: 'inspector' });
  fakes = await startChild<AnswersHandlers>(FILE);
}, 60_000);
afterEach(async () => {
  await fakes.stop();
  await inspector.close();
  await server.stop();
});

/** The largest digest that a process of this package makes. */
async function largestDigest(): Promise<ProcessFacts> {
  const busy = locksOn(server, { owner: 'busy', inspection: 'always' });
  const { service } = busy;
  const leaving = new AbortController();
  const { signal } = leaving;
  const long = (name: string, i: number) => `${name}:${'0123456789'.repeat(6)}:${i}`;
  const held = await Promise.all(
    Array.from({ length: 40 }, (_, i) => service.acquire(long('held', i), { ttl: '10m' })),
  );
  const waiting = held.flatMap((lock) =>
    Array.from({ length: 25 }, (_, i) =>
      service.using(long('outer', i), { mode: 'shared' }, () =>
        service.using(lock.keys[0], { wait: '10m', signal }, () => undefined),
      ),
    ),
  );
  const ended = Promise.allSettled(waiting);
  const facts = await eventually(async () => {
    const { processes } = await service.overview();
    expect(processes[0]).toMatchObject({ held: 40 + 1_000, waiting: 1_000 });
    return new Promise<ProcessFacts>((resolve) => {
      const listener = server.client();
      listener.on('message', (_channel, text: string) => {
        resolve((JSON.parse(text) as { facts: ProcessFacts }).facts);
        listener.disconnect();
      });
      void listener
        .subscribe('lock:~nl:i:me')
        .then(() =>
          server.client().publish('lock:~nl:i', encodeMessage({ kind: 'question', id: 'q', from: 'me' })),
        );
    });
  });
  leaving.abort();
  await ended;
  await busy.close();
  return facts;
}

const answerOf = (facts: unknown): string =>
  JSON.stringify({ v: 1, kind: 'answer', id: '$id', from: '$from', facts });

describe('500 processes that answer', () => {
  it('given the largest answers, then the inspector keeps its connection, and has all of them', async () => {
    const facts = await largestDigest();
    const text = answerOf(facts);
    await fakes.call('answer', server.url, 500, [text]);
    await inspector.service.overview({ patience: '20s' });
    const admin = server.client();
    const names = async () =>
      [...String(await admin.client('LIST')).matchAll(/^(id=\d+) .* sub=3 /gm)].map(([, id]) => id);
    const before = await names();
    for (let i = 0; i < 3; i += 1) {
      const overview = await inspector.service.overview({ patience: '20s' });
      expect(overview.processes).toHaveLength(501);
      expect(overview.silent).toBe(0);
    }
    expect(await names()).toEqual(before);
    expect(inspector.warnings).toEqual([]);
  });
});

/** A client that gets questions, and answers when the test says. */
async function slowProcess() {
  const client = server.client();
  const questions: { readonly id: string; readonly from: string }[] = [];
  client.on('message', (_channel, text: string) => {
    questions.push(JSON.parse(text) as { id: string; from: string });
  });
  await client.subscribe('lock:~nl:i');
  const facts = { owner: 'slow', held: 0, waiting: 0, holds: [], waits: [], blocked: [], troubles: [] };
  return {
    questions,
    answer: ({ id, from }: { readonly id: string; readonly from: string }) =>
      server
        .client()
        .publish(`lock:~nl:i:${from}`, encodeMessage({ kind: 'answer', id, from: 'slow-session', facts })),
  };
}

describe('messages that no process of this package sends', () => {
  const facts: ProcessFacts = {
    owner: 'fake',
    held: 1,
    waiting: 1,
    holds: [],
    waits: [],
    blocked: [],
    troubles: [],
  };
  const hold = {
    key: 'k',
    holder: 'h',
    kind: 'exclusive',
    remaining: 1,
    held: 1,
    waited: 1,
    fence: 1,
    ttl: 1,
    renew: true,
  };
  const wait = { key: 'k', kind: 'exclusive', callers: [{ waited: 1, holds: [] }], more: 0 };

  it.each([
    ['no JSON', ['x', '{', '', 'null', '[[]]', '"$id"', '{"v":1}', '{"v":1,"kind":"__proto__"}']],
    ['no facts', [answerOf(null), answerOf(1), answerOf([]), answerOf({})]],
    [
      'other facts',
      [
        { ...facts, owner: null },
        { ...facts, held: 'x' },
        { ...facts, holds: [null] },
        { ...facts, holds: [{ ...hold, key: null }] },
        { ...facts, holds: [{ ...hold, kind: 'x' }] },
        { ...facts, holds: [{ ...hold, held: null }] },
        { ...facts, holds: [{ ...hold, site: {} }] },
        { ...facts, waits: [null] },
        { ...facts, waits: [{ ...wait, callers: null }] },
        { ...facts, waits: [{ ...wait, callers: [null] }] },
        { ...facts, waits: [{ ...wait, callers: [{ waited: 1 }] }] },
        { ...facts, waits: [{ ...wait, more: 'x' }] },
        { ...facts, blocked: [null] },
        { ...facts, blocked: [{ holds: 'x', wants: 'y' }] },
        { ...facts, troubles: [null] },
        { ...facts, troubles: [{ what: 'x', age: 1 }] },
        { ...facts, troubles: [{ what: 'lost', age: 'x' }] },
      ].map(answerOf),
    ],
    [
      'numbers without an end',
      [answerOf({ ...facts, holds: [hold] }).replace('"held":1,"w', '"held":1e999,"w')],
    ],
    ['a session that is no text', [answerOf(facts).replace('"$from"', '{}')]],
    ['an unknown question', [answerOf(facts).replace('$id', 'unknown')]],
    ['ten million characters', [answerOf({ ...facts, owner: 'x'.repeat(10_000_000) })]],
    [
      'questions',
      ['{"v":1,"kind":"question","id":{},"from":1}', '{"v":1,"kind":"question","id":"1","from":"$to"}'],
    ],
    [
      'revocations',
      ['{"v":1,"kind":"revocation","key":"k","holder":1,"by":{}}', '{"v":1,"kind":"revocation"}'],
    ],
  ])('given %s, then it counts as silence, and the other facts are there', async (_name, texts) => {
    await fakes.call('answer', server.url, 1, texts);
    const lock = await inspector.service.acquire('k');
    const { silent, processes, locks } = await inspector.service.overview({ patience: '300ms' });
    expect(processes.map(({ owner }) => owner)).toEqual(['inspector']);
    expect(locks).toMatchObject([{ key: 'k', holders: [{ owner: 'inspector' }] }]);
    expect(silent).toBe(1);
    await server.client().zadd('lock:~nl:q:k', 1, 'nl1:fake-0:1deadbeef00:fake');
    const info = await inspector.service.inspect('k', { patience: '100ms' });
    expect(info).toMatchObject({
      holders: [{ owner: 'inspector', answered: true }],
      queue: [{ owner: 'fake', answered: false }],
    });
    await inspector.service.using('other', () => undefined);
    expect(lock.held).toBe(true);
    await lock.release();
    expect(inspector.warnings).toEqual([]);
  });

  it('given a later version with more facts, then it is understood', async () => {
    const later = { ...facts, more: 1, holds: [{ ...hold, more: [] }] };
    await fakes.call('answer', server.url, 1, [answerOf(later)]);
    const { silent, locks } = await inspector.service.overview({ patience: '20s' });
    expect(silent).toBe(0);
    expect(locks).toMatchObject([{ key: 'k', holders: [{ owner: 'fake' }] }]);
  });
});

describe('a process that answers late', () => {
  it('given a late answer, then the next question waits for the process', async () => {
    const slow = await slowProcess();
    const { silent } = await inspector.service.overview({ patience: '50ms' });
    expect(silent).toBe(1);
    await slow.answer(slow.questions[0]);
    await eventually(async () => {
      const count = slow.questions.length;
      const overview = inspector.service.overview({ patience: '3s' });
      await eventually(() => expect(slow.questions).toHaveLength(count + 1));
      await slow.answer(slow.questions[count]);
      expect((await overview).processes.map(({ owner }) => owner).sort()).toEqual(['inspector', 'slow']);
      expect((await overview).silent).toBe(0);
    });
    expect(slow.questions.length).toBeLessThan(5);
  });
});
