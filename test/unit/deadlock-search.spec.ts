/** The search for cycles: its cost, and its verdicts on random programs, compared with a reference search. */
import { describe, expect, it } from '@jest/globals';
import { HeldKeys, WaitGraph } from '../../lib/core/deadlock/wait-for-graph.js';
import type { LockDeadlockError } from '../../lib/errors/index.js';
import { Random } from '../../verification/fuzz/random.js';
import { type Entry, type Task, deadlockOf, nestedCalls } from '../support/nested-calls.js';
import { type Outcome, type Strand, WaitModel } from '../support/wait-model.js';

describe('given a large graph of waits', () => {
  class Held extends HeldKeys {
    readonly holding = true;
    constructor(
      graph: WaitGraph,
      readonly keys: string[],
    ) {
      super(graph, undefined);
    }
  }

  it('then the search follows the holder of a hot key alone, however many calls wait for that key', () => {
    const graph = new WaitGraph();
    const hot = new Held(graph, ['hot']);
    const waits = Array.from({ length: 50_000 }, (_, i) =>
      graph.begin('hot', new Held(graph, [`own ${i}`]), undefined),
    );
    const began = performance.now();
    for (let i = 0; i < 1_000; i += 1) {
      const wait = graph.begin('other', hot, undefined);
      if (wait === undefined || wait instanceof Error) throw new Error('This wait closes no cycle.');
      wait.end();
    }
    // A search through all waits would make 50 million checks, and take far longer.
    expect(performance.now() - began).toBeLessThan(1_000);
    for (const wait of waits) if (wait !== undefined && !(wait instanceof Error)) wait.end();
    expect(graph.size).toBe(0);
  });

  it('then a cycle of 20,000 calls is found without a stack overflow', () => {
    const graph = new WaitGraph();
    const claims = Array.from({ length: 20_000 }, (_, i) => new Held(graph, [`k${i}`]));
    // In this order each search ends at once, because the next call does not wait yet.
    for (let i = 0; i < claims.length - 1; i += 1) graph.begin(`k${i + 1}`, claims[i], undefined);
    const found = graph.begin('k0', claims[claims.length - 1], undefined);
    expect((found as LockDeadlockError).cycle).toHaveLength(20_000);
  }, 60_000);
});

/** A random program, step by step, on the model and on the real engine. No time passes, so that no deadline helps. */
async function compare(seed: string): Promise<{ deadlocks: number; most: number }> {
  const random = new Random(seed);
  const { task, end, engine } = nestedCalls();
  const model = new WaitModel();
  const keys = Array.from({ length: random.int(3, 7) }, (_, i) => `k${i}`);
  /** By the id of the strand that each stands for. */
  const tasks: Task[] = [];
  let open: { readonly id: number; readonly entry: Entry }[] = [];
  /** What has become of calls since the step before. */
  const outcomes = (): Outcome[] => {
    const settled = open.filter(({ entry }) => entry.settled);
    open = open.filter(({ entry }) => !entry.settled);
    return settled.map(({ id, entry }): Outcome => {
      if (entry.value !== undefined) return `${id} has`;
      deadlockOf(entry);
      return `${id} deadlock`;
    });
  };
  const check = (expected: Outcome[]): Outcome[] => {
    expect({ seed, outcomes: outcomes().sort() }).toEqual({ seed, outcomes: [...expected].sort() });
    return expected;
  };
  const enter = async (strand: Strand, wanted: string[]): Promise<Outcome[]> => {
    const expected = model.enter(strand, wanted);
    open.push({ id: strand.id, entry: await tasks[strand.id].enter(wanted) });
    return check(expected);
  };
  const fork = async (strand: Strand): Promise<Outcome[]> => {
    const { id } = model.add(strand);
    tasks[id] = await tasks[strand.id].branch();
    return check([]);
  };
  const leave = async (strand: Strand): Promise<Outcome[]> => {
    if (strand.levels.length === 0) strand.over = true;
    const expected = model.exit(strand);
    await tasks[strand.id].leave();
    return check(expected);
  };
  const roots = random.int(2, 5);
  for (let i = 0; i < roots; i += 1) tasks[model.add().id] = task();
  const idle = (): Strand[] => model.strands.filter(({ over, wants }) => !over && wants === undefined);
  const leaves = (): Strand[] => idle().filter((strand) => !model.hasBranches(strand));
  let deadlocks = 0;
  let most = 0;
  for (let i = 0; i < 60; i += 1) {
    const strand = random.pick(idle());
    if (strand === undefined) break;
    const free = keys.filter((key) => !model.holds(strand).includes(key));
    const step = random.weighted<() => Promise<Outcome[]>>([
      [
        free.length === 0 ? 0 : 6,
        () => enter(strand, random.some(free, random.chance(0.3) ? Math.min(2, free.length) : 1)),
      ],
      [strand.levels.length === 0 || model.strands.length > 12 ? 0 : 1, () => fork(strand)],
      [strand.levels.length === 0 || model.hasBranches(strand) ? 0 : 6, () => leave(strand)],
      [0.001, () => Promise.resolve([])],
    ]);
    deadlocks += (await step()).filter((outcome) => outcome.endsWith('deadlock')).length;
    most = Math.max(most, model.strands.filter(({ wants }) => wants !== undefined).length);
  }
  // If a strand waits and no other strand can free it, a deadlock was not found.
  while (model.strands.some(({ over }) => !over)) {
    const [strand] = leaves();
    expect({ seed, stuck: strand === undefined }).toEqual({ seed, stuck: false });
    await leave(strand);
  }
  await end(...tasks.slice(0, roots));
  expect({ seed, waits: engine.waits.size, keys: engine.keyCount }).toEqual({ seed, waits: 0, keys: 0 });
  return { deadlocks, most };
}

describe('given random programs of nested calls', () => {
  it('then exactly those calls are refused that a reference search refuses, and nothing is left behind', async () => {
    let deadlocks = 0;
    let most = 0;
    for (let seed = 1; seed <= 80; seed += 1) {
      const seen = await compare(`deadlock ${seed}`);
      deadlocks += seen.deadlocks;
      most = Math.max(most, seen.most);
    }
    expect(deadlocks).toBeGreaterThan(100);
    expect(most).toBeGreaterThan(4);
  }, 120_000);
});
