/** What the inspection tells of the waiting callers and the holders of keys, on the memory store. */
import { afterAll, describe, expect, it } from '@jest/globals';
import { lockInfoOf, waitPlaceOf } from '../../lib/core/inspection/merge-facts.js';
import {
  type Answer,
  decodeMessage,
  encodeMessage,
  type ProcessFacts,
  type WaitFacts,
} from '../../lib/core/inspection/messages.js';
import { overviewOf } from '../../lib/core/inspection/overview.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { core } from '../support/core.js';
import { type Process, reading, scenario, writing } from '../support/scenario.js';
import { storeWith } from '../support/store-with.js';

/** In ms. No process of a scenario is silent, so nothing waits for it. */
const PATIENCE = 60_000;

describe('callers behind a holder of their own process', () => {
  it('given five of them, then a question about the key has them all, in one place', async () => {
    const { a, b, pass, release } = scenario();
    const holder = await a.acquire();
    const waiting = await a.acquireAtOnce([{}, {}, {}, {}, {}].map(() => ({ wait: Infinity })));
    await pass(700);
    for (const { engine } of [a, b]) {
      const info = await engine.inspector.inspect('k', PATIENCE);
      expect(info).toMatchObject({
        waiting: 5,
        queue: [{ owner: info?.holders[0].owner, answered: true, waited: 700 }],
      });
      expect(info?.queue[0].callers).toHaveLength(5);
    }
    await release(holder);
    for (const each of waiting) await release(each);
  });

  it('given another process that waits too, then it stands first, as it has a request in the store', async () => {
    const { a, b, release } = scenario();
    const holder = await a.acquire();
    const near = await a.acquire({ wait: Infinity });
    const far = await b.acquire({ wait: Infinity });
    const info = await b.engine.inspector.inspect('k', PATIENCE);
    expect(info?.waiting).toBe(2);
    expect(info?.queue.map(({ callers }) => callers?.length)).toEqual([1, 1]);
    await release(holder);
    await release(far);
    await release(near);
  });

  it('given a queue of the store that was read in part, then a process in the rest of it counts once', () => {
    const tokens = ['nl1:s1:1x:s1', 'nl1:s2:1x:s2'];
    const state = { holders: [], queue: [{ token: tokens[0], waited: 1 }], queued: 2 };
    const answers = new Map(['s1', 's2'].map((from) => [from, answerOf(from, { waits: [waitFor('k', 1)] })]));
    expect(lockInfoOf('k', state, answers, new Date())?.waiting).toBe(2);
  });
});

describe('an answer that no process of this package sends', () => {
  it.each<[string, (many: number) => Partial<ProcessFacts>]>([
    ['callers of a key', (many) => ({ waits: [waitFor('k', many)] })],
    ['keys', (many) => ({ waits: Array.from({ length: many }, (_, i) => waitFor(`k${i}`, 1)) })],
    [
      'blocked callers',
      (many) => ({ blocked: Array.from({ length: many }, () => ({ holds: [], wants: 'k' })) }),
    ],
    [
      'troubles',
      (many) => ({ troubles: Array.from({ length: many }, () => ({ what: 'lost' as const, age: 1 })) }),
    ],
  ])('given very many %s, then it is no message', (_title, facts) => {
    expect(decodeMessage(encodeMessage(answerOf('s', facts(1_000))))).toBeDefined();
    expect(decodeMessage(encodeMessage(answerOf('s', facts(1_001))))).toBeUndefined();
  });

  it.each(['id', 'from'])(
    'given a question with a very long %s, then it is no message, and nothing repeats it',
    (name) => {
      const question = { kind: 'question' as const, id: 'i', from: 's' };
      expect(decodeMessage(encodeMessage({ ...question, [name]: 'x'.repeat(200) }))).toBeDefined();
      expect(decodeMessage(encodeMessage({ ...question, [name]: 'x'.repeat(201) }))).toBeUndefined();
    },
  );

  it('given the session of the process that gets it, then its own facts stay', async () => {
    let own = '';
    const store = storeWith(memoryStore(), ({ inspection }, listener) => {
      const broadcast = (text: string) => {
        const { id, from } = JSON.parse(text) as { id: string; from: string };
        own = from;
        for (const each of [from, 'other']) {
          listener.onMessage!(encodeMessage({ ...answerOf(each, { owner: `forged ${each}` }), id }));
        }
        return Promise.resolve(2);
      };
      return { inspection: Object.assign(inspection!, { broadcast }) };
    });
    const { processes } = await core({ store }).engine.inspector.overview(PATIENCE);
    expect(own).not.toBe('');
    expect(processes.map(({ owner }) => owner)).toEqual(['test', 'forged other']);
  });

  it('given 150,000 callers, then the longest wait is found', () => {
    expect(waitPlaceOf('s', waitFor('k', 150_000))).toMatchObject({ waited: 1 });
    const answers = new Map([['s', answerOf('s', { waits: [waitFor('k', 150_000)] })]]);
    const digests = { answers, silent: 0, readersOnly: new Set<string>() };
    const steps = overviewOf(digests, new Set(), new Date());
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    expect(step.value.overview.locks).toMatchObject([{ key: 'k', waiting: 150_000 }]);
  });
});

describe('the choice of keys that a process tells', () => {
  /** More callers at each of twenty keys, and a single one that has waited for longer. */
  async function busy() {
    const { a, b, pass } = scenario();
    const keys = Array.from({ length: 25 }, (_, i) => `k${i}`);
    for (const key of keys) await a.acquire({}, [key]);
    const leaving = new AbortController();
    const options = { wait: Infinity, signal: leaving.signal };
    await b.acquire(options, ['k0']);
    await pass(2_500);
    for (const key of keys.slice(1)) await b.acquireAtOnce([options, options], [key]);
    return { a, b, pass, leaving };
  }

  it('given many keys with more callers, then the key that was waited for longest is first', async () => {
    const { a, leaving } = await busy();
    const { locks, more } = await a.engine.inspector.overview(PATIENCE);
    expect(locks[0]).toMatchObject({ key: 'k0', waiting: 1, queue: [{ waited: 2_500 }] });
    expect(locks.filter(({ waiting }) => waiting === 2)).toHaveLength(19);
    expect(more).toBe(5);
    leaving.abort();
  });

  it('given no more keys than are told, then none is left out', async () => {
    const { a } = scenario();
    await a.acquire();
    expect(await a.engine.inspector.overview(PATIENCE)).not.toHaveProperty('more');
  });
});

describe('the kind of a key', () => {
  it('given a writer that waits in the process that requests the overview, then it is the kind of the holder', async () => {
    const { a, b, release } = scenario();
    const reader = await b.acquire(reading());
    const writer = await a.acquire(writing({ wait: Infinity }));
    for (const { engine } of [a, b]) {
      const { locks } = await engine.inspector.overview(PATIENCE);
      expect(locks).toMatchObject([{ key: 'k', kind: 'shared', queue: [{ kind: 'exclusive' }] }]);
    }
    await release(reader);
    await release(writer);
  });
});

describe('the holder of a key that callers wait for', () => {
  const older = Array.from({ length: 20 }, (_, i) => `leader:${i}`);
  const leaving = new AbortController();
  const options = { wait: Infinity, signal: leaving.signal };
  afterAll(() => leaving.abort());

  async function holderOf(key: string, { engine }: Process) {
    const { locks } = await engine.inspector.overview(PATIENCE);
    const found = locks.find((each) => each.key === key);
    return { ...found, count: locks.length };
  }

  it('given 20 older holds and a caller of its process, then its digest has the holder', async () => {
    const { a, pass } = scenario();
    for (const key of older) await a.acquire({}, [key]);
    await a.acquire({ origin: { label: 'Orders.pay', template: undefined } }, ['order']);
    await pass(100);
    await a.acquire(options, ['order']);
    const found = await holderOf('order', a);
    expect(found).toMatchObject({ waiting: 1, count: 21, holders: [{ held: 100, label: 'Orders.pay' }] });
  });

  it('given 20 older holds and a caller of another process, then its process is sent a question about it', async () => {
    const { a, b, pass } = scenario();
    for (const key of older) await a.acquire({}, [key]);
    await a.acquire({ origin: { label: 'Orders.pay', template: undefined } }, ['order']);
    await pass(100);
    await b.acquire(options, ['order']);
    const found = await holderOf('order', b);
    expect(found).toMatchObject({ waiting: 1, count: 21 });
    expect(found.holders).toMatchObject([{ held: 100, label: 'Orders.pay', answered: true }]);
    expect(found.unknown).toBeUndefined();
  });

  it('given a holder that answers no question, then the store tells of it, and nothing waits for it', async () => {
    const { b, memory } = scenario();
    const dead = memory.open('dead-session', {
      onGrant: () => undefined,
      onReconnected: () => undefined,
      onRecovered: () => undefined,
    });
    await dead.exchange({
      key: 'order',
      acquire: { token: 'nl1:dead-session:1x:dead', ttl: 30_000, mode: 'once', fences: 1 },
    });
    await dead.close();
    await b.acquire(options, ['order']);
    const found = await holderOf('order', b);
    expect(found.holders).toMatchObject([{ owner: 'dead', answered: false, remaining: 30_000 }]);
  });

  it('given a store that does not answer, then the holder is not known', async () => {
    const { a, b } = scenario({
      store: (memory) =>
        storeWith(memory, ({ inspection }) => {
          const readKey = () => Promise.reject(new Error('refused'));
          return { inspection: Object.assign(inspection!, { readKey }) };
        }),
    });
    for (const key of older) await a.acquire({}, [key]);
    await a.acquire({}, ['order']);
    await b.acquire(options, ['order']);
    expect(await holderOf('order', b)).toMatchObject({ waiting: 1, holders: [], unknown: true });
  });
});

function waitFor(key: string, callers: number): WaitFacts {
  return {
    key,
    kind: 'exclusive',
    callers: Array.from({ length: callers }, () => ({ waited: 1, holds: [] })),
    more: 0,
  };
}

function answerOf(from: string, facts: Partial<ProcessFacts>): Answer {
  const none = { owner: from, held: 0, waiting: 0, holds: [], waits: [], blocked: [], troubles: [] };
  return { kind: 'answer', id: '', from, facts: { ...none, ...facts } };
}
