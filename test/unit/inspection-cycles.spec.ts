/** Deadlocks across processes: what makes a cycle, and what only resembles one. On the memory store. */
import { describe, expect, it } from '@jest/globals';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { LockService } from '../../lib/lock.service.js';
import type { UsingOptions } from '../../lib/index.js';
import type { StoreInspection } from '../../lib/core/contracts/inspection.contract.js';
import { type BlockedFacts, encodeMessage } from '../../lib/core/inspection/messages.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { core } from '../support/core.js';
import { storeWith } from '../support/store-with.js';
import { sharedEdges } from '../../lib/core/inspection/wait-cycles.js';
import { answerOf, cyclesAmong, type BlockedCaller } from '../support/blocked-callers.js';
import { deferred } from '../support/deferred.js';
import { settle } from '../support/fake-clock.js';
import { type Process, scenario } from '../support/scenario.js';

/** In ms. No process of a scenario is silent, so nothing waits for it. */
const PATIENCE = 60_000;

/** The cycles of an overview. A cycle must be found by two of them. */
async function cyclesOf({ engine }: Process) {
  const { cycles } = await engine.inspector.overview(PATIENCE);
  return cycles.map(({ links }) => links.map(({ holds, wants }) => `${holds.join()}→${wants}`).sort());
}

interface Step {
  readonly key: string;
  readonly options?: UsingOptions;
  /** The process of this step, if it is not that of the step before. */
  readonly on?: Process;
}

/** A caller that takes keys, each within the one before, after each call of `next`. It leaves by `leave`. */
function nested(process: Process, ...steps: readonly Step[]) {
  const leaving = new AbortController();
  const goes = steps.map(() => deferred());
  const take = async (i: number, on: Process): Promise<void> => {
    await goes[i]?.promise;
    const step = steps[i];
    if (step === undefined) return;
    const process = step.on ?? on;
    const service = new LockService(process.engine, resolvePolicy(undefined));
    await service.using(step.key, { ...step.options, signal: leaving.signal }, () => take(i + 1, process));
  };
  const ended = take(0, process).then(
    () => 'done',
    () => 'left',
  );
  let at = 0;
  return {
    async next() {
      goes[at].resolve();
      at += 1;
      await settle();
    },
    async leave() {
      leaving.abort();
      for (const each of goes) each.resolve();
      return ended;
    },
    ended,
  };
}

describe('a deadlock of two processes', () => {
  async function crossed() {
    const { a, b, process } = scenario();
    const one = nested(a, { key: 'x' }, { key: 'y' });
    const two = nested(b, { key: 'y' }, { key: 'x' });
    for (const each of [one, two, one, two]) await each.next();
    return { a, b, process, one, two };
  }

  it('given two overviews, then the second one reports it', async () => {
    const { a, one, two } = await crossed();
    expect(await cyclesOf(a)).toEqual([]);
    expect(await cyclesOf(a)).toEqual([['x→y', 'y→x']]);
    expect(await one.leave()).toBe('left');
    expect(await two.ended).toBe('done');
  });

  it('given two overviews at one time, then none of them confirms the other one', async () => {
    const { a, one, two } = await crossed();
    expect(await Promise.all([cyclesOf(a), cyclesOf(a)])).toEqual([[], []]);
    expect(await cyclesOf(a)).toHaveLength(1);
    await one.leave();
    await two.ended;
  });

  it('given other callers at the second overview that hold and want the same, then it is not reported', async () => {
    const { a, b, one, two } = await crossed();
    expect(await cyclesOf(a)).toEqual([]);
    await one.leave();
    await two.ended;
    const next = nested(a, { key: 'x' }, { key: 'y' });
    const last = nested(b, { key: 'y' }, { key: 'x' });
    for (const each of [next, last, next, last]) await each.next();
    expect(await cyclesOf(a)).toEqual([]);
    expect(await cyclesOf(a)).toHaveLength(1);
    await next.leave();
    await last.ended;
  });
});

describe('more callers that hold keys and wait than a process tells', () => {
  /** The callers of a process that hold a key of their own each, and wait for one key. */
  async function crowd(process: Process, wants: string, size = 60) {
    const callers = Array.from({ length: size }, (_, i) =>
      nested(process, { key: `${wants}:${i}` }, { key: wants }),
    );
    for (const each of callers) await each.next();
    for (const each of callers) await each.next();
    return callers;
  }

  it('given a deadlock among them, then it is found, and the number of the others is told', async () => {
    const { a, b } = scenario();
    const hot = nested(b, { key: 'hot' }, { key: 'unused' });
    await hot.next();
    const callers = await crowd(a, 'hot');
    const one = nested(a, { key: 'x' }, { key: 'y' });
    const two = nested(b, { key: 'y' }, { key: 'x' });
    for (const each of [one, two, one, two]) await each.next();
    await cyclesOf(b);
    expect(await cyclesOf(b)).toEqual([['x→y', 'y→x']]);
    expect((await b.engine.inspector.overview(PATIENCE)).moreBlocked).toBe(61 - 50);
    for (const each of [one, two, hot, ...callers]) await each.leave();
  });

  it('given a holder in their process that does not wait, then they are in no cycle, and none is left out', async () => {
    const { a } = scenario();
    const hot = nested(a, { key: 'hot' }, { key: 'y' });
    await hot.next();
    const callers = await crowd(a, 'hot');
    expect(await a.engine.inspector.overview(PATIENCE)).not.toHaveProperty('moreBlocked');
    for (const each of [hot, ...callers]) await each.leave();
  });

  it('given a holder in their process that waits, then they may be in a cycle', async () => {
    const { a, b } = scenario();
    const other = nested(b, { key: 'y' }, { key: 'hot:7' });
    const hot = nested(a, { key: 'hot' }, { key: 'y' });
    for (const each of [other, hot]) await each.next();
    const callers = await crowd(a, 'hot', 8);
    for (const each of [other, hot]) await each.next();
    await cyclesOf(b);
    expect(await cyclesOf(b)).toEqual([['hot:7→hot', 'hot→y', 'y→hot:7']]);
    for (const each of [other, hot, ...callers]) await each.leave();
  });
});

describe('what only resembles a deadlock', () => {
  it('given keys of one name in two stores, then there is no cycle', async () => {
    const { a: p } = scenario();
    const { a: q, b: r, process } = scenario();
    const t = process();
    const slow = nested(t, { key: 'a' }, { key: 'unused' });
    await slow.next();
    const waits = nested(r, { key: 'b' }, { key: 'a' });
    const foreign = nested(p, { key: 'a' }, { key: 'b', on: q });
    for (const each of [waits, waits, foreign, foreign]) await each.next();
    for (let i = 0; i < 3; i += 1) expect(await cyclesOf(t)).toEqual([]);
    const info = await t.engine.inspector.inspect('b', PATIENCE);
    expect(info?.queue[0].callers?.[0].holds).toEqual([]);
    await slow.next();
    for (const each of [slow, waits, foreign]) expect(await each.ended).toBe('done');
  });

  it('given permits of a semaphore in between, then there is no cycle', async () => {
    const { a, b } = scenario();
    const limit: UsingOptions = { limit: 2 };
    const one = nested(a, { key: 's', options: limit }, { key: 'y' });
    const other = nested(a, { key: 's', options: limit }, { key: 'z' });
    const two = nested(b, { key: 'y' }, { key: 's', options: limit });
    for (const each of [one, other, two, one, two]) await each.next();
    for (let i = 0; i < 3; i += 1) expect(await cyclesOf(a)).toEqual([]);
    await two.leave();
    await one.leave();
    await other.leave();
  });
});

describe('readers', () => {
  it('given a reader that waits for a writer in the queue of another process, then the cycle is reported', async () => {
    const { a, b, process } = scenario();
    const first = nested(a, { key: 'x', options: { mode: 'shared' } }, { key: 'y' });
    const writer = nested(process(), { key: 'x' });
    const second = nested(b, { key: 'y' }, { key: 'x', options: { mode: 'shared' } });
    for (const each of [first, writer, second, first, second]) await each.next();
    await cyclesOf(a);
    expect(await cyclesOf(a)).toEqual([['x→y', 'y→x']]);
    await second.leave();
    await first.ended;
    await writer.ended;
  });

  const caller = (session: string, facts: BlockedFacts): BlockedCaller => ({
    session,
    owner: session,
    ...facts,
  });
  const one = caller('a', { holds: ['x'], shared: ['x'], wants: 'y', number: 1 });
  const two = caller('b', { holds: ['y'], wants: 'x', reads: true, number: 1 });

  it('given a reader that no writer keeps waiting, then it does not wait for other readers', () => {
    expect(cyclesAmong([one, two])).toHaveLength(1);
    expect(cyclesAmong([one, two], ['x'])).toEqual([]);
    const writer = caller('c', { holds: ['y'], wants: 'x', number: 2 });
    expect(cyclesAmong([one, two, writer], ['x'])).toHaveLength(1);
    expect(cyclesAmong([{ ...one, shared: undefined }, two], ['x'])).toHaveLength(1);
  });

  it('given readers that wait for readers, then the keys are named for which the queue decides', () => {
    expect([...sharedEdges([answerOf(one), answerOf(two)])]).toEqual(['x']);
    expect([...sharedEdges([answerOf(one), answerOf({ ...two, reads: undefined })])]).toEqual([]);
    expect([...sharedEdges([answerOf({ ...one, shared: undefined }), answerOf(two)])]).toEqual([]);
  });

  it.each([
    ['has no writer', (key: StoreInspection['readKey']) => key, 0],
    ['cannot be read', () => () => Promise.reject(new Error('refused')), 1],
  ])('given a queue that %s, then a cycle of readers is judged by it', async (_title, change, count) => {
    const store = storeWith(memoryStore(), ({ inspection }, listener) => {
      const broadcast = (text: string) => {
        const { id } = JSON.parse(text) as { id: string };
        for (const each of [one, two]) listener.onMessage!(encodeMessage({ ...answerOf(each), id }));
        return Promise.resolve(3);
      };
      const readKey = change(inspection!.readKey.bind(inspection));
      const own = { broadcast: { value: broadcast }, readKey: { value: readKey } };
      return { inspection: Object.create(inspection!, own) as StoreInspection };
    });
    const { engine } = core({ store });
    await engine.inspector.overview(PATIENCE);
    const { cycles, processes } = await engine.inspector.overview(PATIENCE);
    expect(processes).toHaveLength(3);
    expect(cycles).toHaveLength(count);
  });
});
