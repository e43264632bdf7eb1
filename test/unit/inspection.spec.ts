/** The inspection of locks in the engine: when a process listens, cycles, and messages that are no messages. */
import { describe, expect, it } from '@jest/globals';
import { decodeMessage } from '../../lib/core/inspection/messages.js';
import { holderId } from '../../lib/core/util/holder-id.js';
import { globPattern } from '../../lib/core/util/glob.js';
import type { LockStore } from '../../lib/core/contracts/store.contract.js';
import type { InspectionMode } from '../../lib/core/inspector/listening.js';
import { cyclesAmong } from '../support/blocked-callers.js';
import { settle } from '../support/fake-clock.js';
import { lossReasons, scenario } from '../support/scenario.js';
import { storeWith } from '../support/store-with.js';

/** Counts the calls of `listen`. */
function counting(listens: number[]) {
  return (memory: LockStore): LockStore =>
    storeWith(memory, (session) => {
      const { inspection } = session;
      if (inspection === undefined) return {};
      const listen = () => {
        listens.push(1);
        return inspection.listen();
      };
      const own = Object.create(inspection, { listen: { value: listen } }) as typeof inspection;
      return { inspection: own };
    });
}

function listening(inspection: InspectionMode) {
  const listens: number[] = [];
  return { listens, ...scenario({ inspection, store: counting(listens) }) };
}

describe('given "auto"', () => {
  it('then holds of less than a second, and no waits, open no subscription', async () => {
    const { a, pass, release, listens, clock } = listening('auto');
    for (let i = 0; i < 20; i += 1) {
      const caller = await a.acquire();
      await pass(300);
      await release(caller);
    }
    expect(listens).toEqual([]);
    await pass(2_000);
    expect(clock.timers).toBe(0);
  });

  it('then a hold of a second opens one, once', async () => {
    const { a, pass, release, listens } = listening('auto');
    const first = await a.acquire();
    await pass(999);
    expect(listens).toHaveLength(0);
    await pass(2);
    expect(listens).toHaveLength(1);
    await release(first);
    const second = await a.acquire();
    await pass(5_000);
    expect(listens).toHaveLength(1);
    await release(second);
  });
});

it('given "always" or "off", then a process listens at once, or never', () => {
  expect(listening('always').listens).toHaveLength(2);
  expect(listening('off').listens).toHaveLength(0);
});

it('given a call of listen(), then a process listens once with "auto", and never with "off"', async () => {
  const auto = listening('auto');
  const before = auto.listens.length;
  auto.a.engine.inspector.listen();
  auto.a.engine.inspector.listen();
  expect(auto.listens.length - before).toBe(1);
  await auto.release(await auto.a.acquire());
  expect(auto.listens.length - before).toBe(1);
  const off = listening('off');
  off.a.engine.inspector.listen();
  expect(off.listens).toHaveLength(0);
});

it('given a process that cannot listen at its start, then "always" tries again after a minute', async () => {
  let tries = 0;
  const { pass } = scenario({
    inspection: 'always',
    store: (memory) =>
      storeWith(memory, ({ inspection }) => {
        const listen = () => Promise.reject(new Error(`refused ${(tries += 1)}`));
        return { inspection: Object.create(inspection!, { listen: { value: listen } }) as typeof inspection };
      }),
  });
  const sessions = tries;
  await settle();
  await pass(59_000);
  expect(tries).toBe(sessions);
  await pass(1_000);
  expect(tries).toBe(2 * sessions);
});

it('given a forged revocation, then the lock is not lost', async () => {
  const { a, pass, release } = scenario();
  const caller = await a.acquire();
  const message = { v: 1, kind: 'revocation', key: 'k', holder: holderId(caller.lock.token), by: 'mallory' };
  a.engine.inspector.onMessage(JSON.stringify(message));
  await settle();
  await pass(1_000);
  expect([caller.state, ...lossReasons(caller)]).toEqual(['holding', undefined]);
  expect(a.events).toEqual([]);
  await release(caller);
});

it.each([
  '',
  '{',
  'null',
  '[]',
  '{"v":2,"kind":"question","id":"1","from":"x"}',
  '{"v":1,"kind":"answer","id":"1"}',
])('given the text %j, then it is no message', (text) => {
  expect(decodeMessage(text)).toBeUndefined();
});

describe('given callers that wait while they hold keys', () => {
  const caller = (session: string, holds: string[], wants: string) => ({
    session,
    owner: session,
    holds,
    wants,
  });

  it.each([
    [[caller('a', ['x'], 'y')], 0],
    [[caller('a', ['x'], 'y'), caller('b', ['z'], 'x')], 0],
    [[caller('a', ['x'], 'y'), caller('b', ['y'], 'x')], 1],
    [[caller('a', ['x'], 'y'), caller('b', ['y'], 'z'), caller('c', ['z'], 'x')], 1],
    [[caller('a', ['x'], 'y'), caller('b', ['y'], 'x'), caller('c', ['p'], 'q'), caller('d', ['q'], 'p')], 2],
    [[caller('d', ['w'], 'x'), caller('a', ['x'], 'y'), caller('b', ['y'], 'x')], 1],
  ])('then %j has %d cycles', (callers, count) => {
    expect(cyclesAmong(callers)).toHaveLength(count);
    expect(
      cyclesAmong([...callers].reverse())
        .map(({ id }) => id)
        .sort(),
    ).toEqual(
      cyclesAmong(callers)
        .map(({ id }) => id)
        .sort(),
    );
  });

  it('then a chain of 20,000 is searched without recursion', () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => caller('a', [`k${i}`], `k${i + 1}`));
    expect(cyclesAmong(chain)).toEqual([]);
  });
});

it.each([
  ['*', 'a\nb', true],
  ['order:*', 'order:1', true],
  ['order:*', 'x order:1', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['[ab]1', 'b1', true],
  ['[^ab]1', 'b1', false],
  ['[a-c]1', 'b1', true],
  ['a\\*', 'a*', true],
  ['a\\*', 'ab', false],
  ['a.c', 'abc', false],
  ['(a|b)', '(a|b)', true],
  ['[]x', 'x', false],
])('given the glob %j and the key %j, then it matches: %p', (glob, key, matches) => {
  expect(globPattern(glob).test(key)).toBe(matches);
});
