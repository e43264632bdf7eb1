/** Long work of an inspector: it is divided, it keeps its order, and the event loop serves others between two pieces. */
import { describe, expect, it, jest } from '@jest/globals';
import type { StoreInspection } from '../../lib/core/contracts/inspection.contract.js';
import { LockEngine } from '../../lib/core/engine/lock-engine.js';
import { type Answer, encodeMessage } from '../../lib/core/inspection/messages.js';
import { Pieces, type Steps } from '../../lib/core/time/pieces.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { storeWith } from '../support/store-with.js';

const LARGE = 30_000;

/** Counts the rounds of the event loop until `done`. */
function countRounds(): { readonly rounds: number; end(): void } {
  let rounds = 0;
  let next = setImmediate(function again() {
    rounds += 1;
    next = setImmediate(again);
  });
  return {
    get rounds() {
      return rounds;
    },
    end: () => clearImmediate(next),
  };
}

describe('messages of an inspector', () => {
  it('given 500 large messages at once, then they are read in order, and the event loop runs between', async () => {
    const pieces = new Pieces();
    const loop = countRounds();
    const read: { readonly i: number; readonly round: number }[] = [];
    for (let i = 0; i < 500; i += 1) {
      pieces.add(LARGE, () => void read.push({ i, round: loop.rounds }));
    }
    expect(read.length).toBeLessThan(10);
    await pieces.settled();
    loop.end();
    expect(read.map(({ i }) => i)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    const rounds = new Set(read.map(({ round }) => round));
    expect(rounds.size).toBeGreaterThan(100);
  });

  it('given a small message, then it is read at once', () => {
    const read = jest.fn();
    new Pieces().add(200, read);
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('given a sender that is faster than the reader, then the rest is dropped, and later messages are read', async () => {
    const pieces = new Pieces();
    let read = 0;
    const million = 1024 * 1024;
    for (let i = 0; i < 100; i += 1) pieces.add(million, () => (read += 1));
    await pieces.settled();
    // The first one is read at once, and 64 of them may wait.
    expect(read).toBe(65);
    pieces.add(million, () => (read += 1));
    await pieces.settled();
    expect(read).toBe(66);
  });
});

it('given 500 answers that arrive at once, then the event loop runs before the overview has all of them', async () => {
  const loop = countRounds();
  const answers = Array.from({ length: 500 }, (_, i) => answerOf(`s${i}`));
  const store = storeWith(memoryStore(), ({ inspection }, listener) => {
    const broadcast = (text: string) => {
      const { id } = JSON.parse(text) as { id: string };
      for (const answer of answers) listener.onMessage!(encodeMessage({ ...answer, id }));
      return Promise.resolve(501);
    };
    return { inspection: Object.create(inspection!, { broadcast: { value: broadcast } }) as StoreInspection };
  });
  const engine = new LockEngine({
    store,
    owner: 'inspector',
    maxWaiters: 1,
    longHold: 60_000,
    emit: () => undefined,
  });
  const overview = await engine.inspector.overview(60_000);
  expect(overview.processes).toHaveLength(501);
  expect(overview.locks).toHaveLength(500 * 20);
  // Both the reading and the merge are divided: the answers have some three million characters.
  expect(loop.rounds).toBeGreaterThan(50);
  loop.end();
  await engine.close();
});

/** An answer with 20 holds, of which no other process has one. */
function answerOf(from: string): Answer {
  const holds = Array.from({ length: 20 }, (_, i) => ({
    key: `${from}:${'0123456789'.repeat(10)}:${i}`,
    holder: `${from}:${i}`,
    kind: 'exclusive' as const,
    remaining: 1_000,
    held: i,
    waited: 0,
    fence: i,
    ttl: 1_000,
    renew: true,
  }));
  const facts = { owner: from, held: 20, waiting: 0, holds, waits: [], blocked: [], troubles: [] };
  return { kind: 'answer', id: '', from, facts };
}

describe('steps of an inspector', () => {
  function* steps(count: number, size: number): Steps<string> {
    for (let i = 0; i < count; i += 1) yield size;
    return 'result';
  }

  it('given many steps, then the event loop runs between, and the result is there', async () => {
    const loop = countRounds();
    expect(await new Pieces().run(steps(500, LARGE))).toBe('result');
    loop.end();
    expect(loop.rounds).toBeGreaterThan(100);
  });

  it('given few steps, then they are one piece', async () => {
    const loop = countRounds();
    expect(await new Pieces().run(steps(10, 10))).toBe('result');
    expect(loop.rounds).toBe(0);
    loop.end();
  });

  it('given steps that fail, then the error reaches the caller', async () => {
    // eslint-disable-next-line require-yield -- it fails before its first step
    function* failing(): Steps<void> {
      throw new Error('failed');
    }
    await expect(new Pieces().run(failing())).rejects.toThrow('failed');
  });

  it('given fake timers, then the pieces go on', async () => {
    jest.useFakeTimers();
    try {
      expect(await new Pieces().run(steps(500, LARGE))).toBe('result');
    } finally {
      jest.useRealTimers();
    }
  });
});
