/** Callers of one process that wait for each other in a cycle: found at once, and nothing else taken for one. */
import { describe, expect, it } from '@jest/globals';
import { HeldKeys, WaitGraph } from '../../lib/core/deadlock/wait-for-graph.js';
import { resolvePolicy } from '../../lib/core/options/resolve-options.js';
import { isLockError, type LockDeadlockError } from '../../lib/errors/index.js';
import { LockService } from '../../lib/lock.service.js';
import { Random } from '../fuzz/random.js';
import { type Core, core } from '../support/core.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { settle } from '../support/fake-clock.js';
import { type Outcome, type Strand, WaitModel } from '../support/wait-model.js';

function setup(): Core & { locks: LockService } {
  const made = core();
  return { ...made, locks: new LockService(made.engine, resolvePolicy()) };
}

/** The clock stands still: what is not found at once is never found. */
async function deadlockOf(promise: Promise<unknown>): Promise<LockDeadlockError> {
  const error: unknown = await promise.then(
    (value) => new Error(`Nothing was refused: ${String(value)}`),
    (reason: unknown) => reason,
  );
  if (!isLockError(error, 'LOCK_DEADLOCK')) throw error;
  return error as unknown as LockDeadlockError;
}

describe('a deadlock in one process', () => {
  it('of two: the caller that closes the cycle is told both chains, and the other one goes on', async () => {
    const { locks, engine } = setup();
    async function transfer(): Promise<string> {
      return locks.using('x', async () => {
        await settle();
        return locks.using('y', () => 'transferred');
      });
    }
    const first = transfer();
    const error = await deadlockOf(
      locks.using('y', async () => {
        await settle();
        await settle();
        await locks.using('x', () => undefined);
      }),
    );
    expect(error.key).toBe('x');
    expect(error.cycle.map(({ holds, wants }) => ({ holds, wants }))).toEqual([
      { holds: ['y'], wants: 'x' },
      { holds: ['x'], wants: 'y' },
    ]);
    expect(error.message).toContain(
      'this call holds "y" and wants "x"; another call holds "x" and wants "y". Take these keys in the same order',
    );
    expect(error.message).not.toContain('\n');
    expect(error.stack).toContain('deadlock.spec.ts');
    expect(await first).toBe('transferred');
    expect(engine.waits.size).toBe(0);
  });

  it('tells where the others request, as far as that was recorded', async () => {
    const { locks, clock } = setup();
    const waiting = deferred();
    // Sites are recorded once a millisecond.
    async function requestForY(): Promise<void> {
      await clock.advance(5);
      const requested = locks.using('y', () => undefined);
      waiting.resolve();
      await requested;
    }
    const first = locks.using('x', requestForY);
    const error = await deadlockOf(
      locks.using('y', async () => {
        await waiting.promise;
        await locks.acquire('x');
      }),
    );
    await first;
    expect(error.cycle[1].site).toContain('requestForY');
    expect(error.stack).toMatch(/The call that waits for "y":\n {4}at .*requestForY/s);
  });

  it.each([3, 4, 17])('of %i', async (count) => {
    const { locks, engine } = setup();
    const inside = Array.from({ length: count }, () => deferred());
    const philosophers = inside.map((mine, at) =>
      locks.using(`fork ${at}`, async () => {
        mine.resolve();
        await Promise.all(inside.map(({ promise }) => promise));
        return locks.using(`fork ${(at + 1) % count}`, () => at);
      }),
    );
    const results = await Promise.allSettled(philosophers);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(1);
    const { cycle } = refused[0].reason as LockDeadlockError;
    expect(cycle).toHaveLength(count);
    for (const [at, { wants }] of cycle.entries()) expect(cycle[(at + 1) % count].holds).toContain(wants);
    expect(engine.waits.size).toBe(0);
  });

  it('with a call for several keys, by what it has so far', async () => {
    const { locks, engine } = setup();
    const first = locks.using('b', async () => {
      await settle();
      await settle();
      return (await deadlockOf(locks.acquire('a'))).cycle;
    });
    await settle();
    const both = locks.using(['a', 'b', 'c'], (lock) => lock.keys);
    expect((await first).map(({ holds, wants }) => [holds, wants])).toEqual([
      [['b'], 'a'],
      [['a'], 'b'],
    ]);
    expect(await both).toEqual(['a', 'b', 'c']);
    expect(engine.waits.size).toBe(0);
  });

  it('closed by a call for several keys, which gives back those that it has', async () => {
    const { locks, engine } = setup();
    const held = await locks.acquire('a');
    const both = locks.using(['a', 'b'], () => undefined);
    await settle();
    const first = locks.using('b', () => locks.using('a', () => 'went on'));
    await settle();
    await held.release();
    const { cycle } = await deadlockOf(both);
    expect(cycle.map(({ holds, wants }) => [holds, wants])).toEqual([
      [['a'], 'b'],
      [['b'], 'a'],
    ]);
    expect(await first).toBe('went on');
    expect(engine.waits.size).toBe(0);
  });

  it('through a branch of a call, which ends only when its branches do', async () => {
    const { locks } = setup();
    const first = locks.using('x', () =>
      Promise.all([locks.using('p', () => settle()), locks.using('q', () => locks.using('y', () => 1))]),
    );
    const error = await deadlockOf(
      locks.using('y', async () => {
        await settle();
        await settle();
        await locks.using('x', () => undefined);
      }),
    );
    expect(error.cycle.map(({ holds }) => holds)).toEqual([['y'], ['x', 'q']]);
    await first;
  });

  it('through the locks of two services', async () => {
    const [one, two] = [setup(), setup()];
    const first = one.locks.using('k', async () => {
      await settle();
      return two.locks.using('k', () => 'went on');
    });
    const second = two.locks.using('k', async () => {
      await settle();
      await settle();
      return one.locks.using('k', () => undefined);
    });
    expect((await deadlockOf(second)).cycle).toHaveLength(2);
    expect(await first).toBe('went on');
    expect([one.engine.waits.size, two.engine.waits.size]).toEqual([0, 0]);
  });

  it('through a call that joined what it holds', async () => {
    const { locks } = setup();
    const first = locks.using('x', () =>
      locks.using('x', { reentry: 'join' }, async () => {
        await settle();
        return locks.using(['x', 'y'], { reentry: 'join' }, () => 'went on');
      }),
    );
    const second = locks.using('y', async () => {
      await settle();
      await settle();
      return locks.using('x', () => undefined);
    });
    expect((await deadlockOf(second)).cycle.map(({ holds }) => holds)).toEqual([['y'], ['x']]);
    expect(await first).toBe('went on');
  });

  it('on a key whose former holder still runs, without it', async () => {
    const { locks } = setup();
    const barrier = deferred();
    const z = await locks.acquire('z');
    await locks.using('x', () => {
      void barrier.promise.then(() => locks.using('z', () => undefined));
    });
    const close = deferred();
    const second = locks.using('y', () => close.promise.then(() => locks.using('x', () => undefined)));
    const first = locks.using('x', () => locks.using('y', () => 'went on'));
    await settle();
    barrier.resolve();
    await settle();
    close.resolve();
    await deadlockOf(second);
    expect(await first).toBe('went on');
    await z.release();
  });

  it('on a key whose former holder lost it while it waited, and waits no more', async () => {
    const { locks, clock } = setup();
    const z = await locks.acquire('z');
    const former = locks.using('x', { maxHold: 100, onLost: 'warn' }, () => locks.using('z', () => 'had z'));
    const close = deferred();
    const second = locks.using('y', () => close.promise.then(() => locks.using('x', () => undefined)));
    const first = locks.using('x', () => locks.using('y', () => 'went on'));
    await clock.advance(100);
    await z.release();
    expect(await former).toBe('had z');
    close.resolve();
    await deadlockOf(second);
    expect(await first).toBe('went on');
  });
});

describe('no deadlock', () => {
  it('branches of one call that want the same key one after the other', async () => {
    const { locks } = setup();
    const exchanges = await locks.using('x', () =>
      Promise.all([1, 2, 3].map((exchange) => locks.using('y', async () => (await settle(), exchange)))),
    );
    expect(exchanges).toEqual([1, 2, 3]);
  });

  it('a call that does not wait: it is told that the key is busy', async () => {
    const { locks } = setup();
    const done = deferred();
    const first = locks.using('x', async () => {
      await settle();
      await locks.using('y', () => undefined);
    });
    await locks.using('y', async () => {
      await settle();
      await settle();
      expect(await locks.tryAcquire('x')).toBeNull();
      await expect(locks.acquire('x', { wait: 0 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
      done.resolve();
    });
    await first;
  });

  it('what was given back before the end of its work', async () => {
    const { locks } = setup();
    const first = locks.using('x', async (x) => {
      await settle();
      await x.release();
      await locks.using('y', () => undefined);
    });
    await locks.using('y', async () => {
      await settle();
      await settle();
      await locks.using('x', () => undefined);
    });
    await first;
  });

  it('work that runs on after the release, and waits', async () => {
    const { locks, engine } = setup();
    let left!: Promise<unknown>;
    const y = deferred();
    const second = locks.using('y', async () => {
      await y.promise;
      await locks.using('x', () => undefined);
    });
    await settle();
    await locks.using('x', () => {
      left = locks.using('y', () => 'had y');
    });
    y.resolve();
    await second;
    expect(await left).toBe('had y');
    expect(engine.waits.size).toBe(0);
  });

  it('a lock that was lost meanwhile', async () => {
    const { locks, clock } = setup();
    const first = locks.using('x', { maxHold: 100, onLost: 'warn' }, async () => {
      await locks.using('y', { wait: '1h' }, () => undefined);
    });
    const second = locks.using('y', async () => {
      await clock.advance(200);
      return locks.using('x', () => 'had x');
    });
    void first.catch(() => undefined);
    expect(await second).toBe('had x');
    await first;
  });

  it('what a call for several keys had, before it began anew', async () => {
    const { locks, clock } = setup();
    const b = await locks.acquire('b');
    const both = locks.using(['a', 'b'], { maxHold: 100, wait: '1h' }, (lock) => lock.keys);
    const next = locks.acquire('b');
    await clock.advance(100);
    // It has lost "a", to this one, and sees so when it gets "b": then it waits for "a" again, and holds nothing.
    const barrier = deferred();
    const inA = locks.using('a', () => barrier.promise.then(() => locks.using('b', () => 'had b')));
    await settle();
    await b.release();
    await settle();
    barrier.resolve();
    await settle();
    await (await next).release();
    expect(await inA).toBe('had b');
    expect(await both).toEqual(['a', 'b']);
  });

  it('what a call for several keys has lost, while it waits for the rest', async () => {
    const { locks, clock } = setup();
    const [inA, inB] = [deferred(), deferred()];
    const b = locks.using('b', () => inB.promise.then(() => locks.using('a', () => 'had a')));
    await settle();
    const both = locks.using(['a', 'b'], { maxHold: 100, wait: '1h' }, (lock) => lock.keys);
    await clock.advance(100);
    const a = locks.using('a', () => inA.promise);
    await settle();
    inB.resolve();
    await settle();
    inA.resolve();
    expect(await b).toBe('had a');
    await a;
    expect(await both).toEqual(['a', 'b']);
  });

  it('what ends a wait takes it out: its deadline, its signal, a shutdown', async () => {
    const { locks, engine, clock } = setup();
    const busy = await locks.acquire('y');
    const stop = new AbortController();
    const ends = [
      locks.using('a', () => locks.using('y', { wait: 100 }, () => undefined)),
      locks.using('b', () => locks.using('y', { signal: stop.signal }, () => undefined)),
      locks.using('c', () => locks.using(['y', 'z'], () => undefined)),
    ];
    const settled = Promise.allSettled(ends);
    await settle();
    expect(engine.waits.size).toBe(3);
    await clock.advance(100);
    expect(engine.waits.size).toBe(2);
    stop.abort();
    await settle();
    expect(engine.waits.size).toBe(1);
    engine.refuse();
    await settle();
    expect(engine.waits.size).toBe(0);
    const codes = (await settled).map((end) => (end as PromiseRejectedResult).reason as { code: string });
    expect(codes.map(({ code }) => code)).toEqual(['LOCK_BUSY', 'LOCK_ABORTED', 'LOCK_SHUTDOWN']);
    await busy.release();
  });
});

describe('readers and permits in a cycle', () => {
  const shared = { mode: 'shared' } as const;

  it('a writer waits for each of several readers: a cycle through any of them is found', async () => {
    const { locks, engine } = setup();
    const hold = deferred<void>();
    const idle = locks.using('k', shared, () => hold.promise);
    const reader = locks.using('k', shared, async () => {
      await settle();
      return locks.using('x', () => 'read');
    });
    const error = await deadlockOf(
      locks.using('x', async () => {
        await settle();
        await settle();
        await locks.using('k', () => undefined);
      }),
    );
    expect(error.cycle.map(({ holds, wants }) => ({ holds, wants }))).toEqual([
      { holds: ['x'], wants: 'k' },
      { holds: ['k'], wants: 'x' },
    ]);
    expect(await reader).toBe('read');
    hold.resolve();
    await idle;
    expect(engine.waits.size).toBe(0);
  });

  it('found, too, when it is one of the readers that closes it', async () => {
    const { locks } = setup();
    const hold = deferred<void>();
    const idle = locks.using('k', shared, () => hold.promise);
    const writer = locks.using('x', async () => {
      await settle();
      return locks.using('k', () => 'written');
    });
    const error = await deadlockOf(
      locks.using('k', shared, async () => {
        await settle();
        await settle();
        await locks.using('x', () => undefined);
      }),
    );
    expect(error.key).toBe('x');
    hold.resolve();
    expect(await writer).toBe('written');
    await idle;
  });

  it('a reader does not wait for other readers, and is let in beside one that waits for it', async () => {
    const { locks } = setup();
    const entered = deferred<void>();
    const first = locks.using('k', shared, async () => {
      entered.resolve();
      return locks.using('x', () => 'both');
    });
    const second = locks.using('x', async () => {
      await entered.promise;
      await settle();
      return locks.using('k', shared, () => 'beside');
    });
    expect(await Promise.all([first, second])).toEqual(['both', 'beside']);
  });

  it('a reader behind a writer of this process waits for those whom the writer waits for', async () => {
    const { locks } = setup();
    const first = locks.using('k', shared, async () => {
      await settle();
      await settle();
      return locks.using('x', () => 'both');
    });
    await settle();
    const writer = locks.using('k', () => 'written');
    const error = await deadlockOf(
      locks.using('x', async () => {
        await settle();
        await settle();
        await locks.using('k', shared, () => undefined);
      }),
    );
    expect(error.key).toBe('k');
    expect(await first).toBe('both');
    expect(await writer).toBe('written');
  });

  it('semaphores are left out: another permit may end the wait', async () => {
    const { locks, engine } = setup();
    const hold = deferred<void>();
    const other = locks.using('s', { limit: 2 }, () => hold.promise);
    const holder = locks.using('s', { limit: 2 }, async () => {
      await settle();
      return locks.using('x', () => 'holder');
    });
    const wanting = locks.using('x', async () => {
      await settle();
      await settle();
      return locks.using('s', { limit: 2 }, () => 'wanting');
    });
    for (let i = 0; i < 4; i += 1) await settle();
    hold.resolve();
    expect(await Promise.all([holder, wanting])).toEqual(['holder', 'wanting']);
    await other;
    expect(engine.waits.size).toBe(0);
  });

  it('a cycle of exclusive locks is found under a permit as well', async () => {
    const { locks } = setup();
    const first = locks.using('x', () =>
      locks.using('s', { limit: 2 }, async () => {
        await settle();
        return locks.using('y', () => 'first');
      }),
    );
    const error = await deadlockOf(
      locks.using('y', async () => {
        await settle();
        await settle();
        await locks.using('x', () => undefined);
      }),
    );
    expect(error.cycle.map(({ wants }) => wants)).toEqual(['x', 'y']);
    expect(await first).toBe('first');
  });
});

describe('what it costs', () => {
  class Held extends HeldKeys {
    readonly holding = true;
    constructor(
      graph: WaitGraph,
      readonly keys: string[],
    ) {
      super(graph, undefined);
    }
  }

  it('a call that holds nothing leaves no trace, and is not checked', async () => {
    const { locks, engine } = setup();
    const held = await locks.acquire('y');
    const waiting = [locks.using('y', () => 1), locks.acquire('y').then((lock) => lock.release())];
    await settle();
    expect(engine.waits.size).toBe(0);
    await held.release();
    await Promise.all(waiting);
  });

  it('however many wait for a hot key, the search follows its holder alone', () => {
    const graph = new WaitGraph();
    const hot = new Held(graph, ['hot']);
    const waits = Array.from({ length: 50_000 }, (_, i) =>
      graph.begin('hot', new Held(graph, [`own ${i}`]), undefined),
    );
    const began = performance.now();
    for (let i = 0; i < 1_000; i += 1) {
      const wait = graph.begin('other', hot, undefined);
      if (wait === undefined || wait instanceof Error) throw new Error('It is no deadlock.');
      wait.end();
    }
    // 50 million checks would take far longer.
    expect(performance.now() - began).toBeLessThan(1_000);
    for (const wait of waits) if (wait !== undefined && !(wait instanceof Error)) wait.end();
    expect(graph.size).toBe(0);
  });

  it('a cycle of 20,000 is found without overflowing the stack', () => {
    const graph = new WaitGraph();
    const claims = Array.from({ length: 20_000 }, (_, i) => new Held(graph, [`k${i}`]));
    // In this order each search stops at once: the next one does not wait yet.
    for (let i = 0; i < claims.length - 1; i += 1) graph.begin(`k${i + 1}`, claims[i], undefined);
    const found = graph.begin('k0', claims[claims.length - 1], undefined);
    expect((found as LockDeadlockError).cycle).toHaveLength(20_000);
  }, 30_000);
});

type Command = { enter: string[] } | { fork: Player } | 'exit';

/** Plays a strand of the model on the real thing. */
class Player {
  #command: Deferred<Command> = deferred();

  constructor(
    private readonly locks: LockService,
    private readonly strand: Strand,
    private readonly outcomes: Outcome[],
  ) {}

  tell(command: Command): void {
    const { resolve } = this.#command;
    this.#command = deferred();
    resolve(command);
  }

  async play(): Promise<void> {
    const branches: Array<Promise<void>> = [];
    for (;;) {
      const command = await this.#command.promise;
      if (command === 'exit') break;
      if ('fork' in command) branches.push(command.fork.play());
      else await this.#enter(command.enter);
    }
    await Promise.all(branches);
  }

  async #enter(keys: string[]): Promise<void> {
    try {
      await this.locks.using(keys, async () => {
        this.outcomes.push(`${this.strand.id} has`);
        await this.play();
      });
    } catch (error) {
      if (!isLockError(error, 'LOCK_DEADLOCK')) throw error;
      this.outcomes.push(`${this.strand.id} deadlock`);
    }
  }
}

/** Random programs, step by step, on the model and on the real thing. No time passes, so that no deadline helps. */
async function compare(seed: string): Promise<{ deadlocks: number; most: number }> {
  const random = new Random(seed);
  const { locks, engine } = setup();
  const model = new WaitModel();
  const keys = Array.from({ length: random.int(3, 7) }, (_, i) => `k${i}`);
  const outcomes: Outcome[] = [];
  const players: Player[] = [];
  const ends: Array<Promise<void>> = [];
  const add = (forkedBy?: Strand): Player => {
    const player = new Player(locks, model.add(forkedBy), outcomes);
    players.push(player);
    return player;
  };
  const step = async (strand: Strand, command: Command, expected: Outcome[]): Promise<Outcome[]> => {
    players[strand.id].tell(command);
    await settle();
    expect({ seed, outcomes: outcomes.splice(0).sort() }).toEqual({ seed, outcomes: [...expected].sort() });
    return expected;
  };
  for (let i = random.int(2, 5); i > 0; i -= 1) ends.push(add().play());
  const idle = (): Strand[] => model.strands.filter(({ over, wants }) => !over && wants === undefined);
  const leaves = (): Strand[] => idle().filter((strand) => !model.hasBranches(strand));
  const leave = (strand: Strand): Promise<Outcome[]> => {
    if (strand.levels.length === 0) strand.over = true;
    return step(strand, 'exit', model.exit(strand));
  };
  let deadlocks = 0;
  let most = 0;
  for (let i = 0; i < 60; i += 1) {
    const strand = random.pick(idle());
    if (strand === undefined) break;
    const free = keys.filter((key) => !model.holds(strand).includes(key));
    const done = random.weighted<() => Promise<Outcome[]>>([
      [
        free.length === 0 ? 0 : 6,
        () => {
          const enter = random.some(free, random.chance(0.3) ? Math.min(2, free.length) : 1);
          return step(strand, { enter }, model.enter(strand, enter));
        },
      ],
      [
        strand.levels.length === 0 || model.strands.length > 12 ? 0 : 1,
        () => step(strand, { fork: add(strand) }, []),
      ],
      [strand.levels.length === 0 || model.hasBranches(strand) ? 0 : 6, () => leave(strand)],
      [0.001, () => Promise.resolve([])],
    ]);
    deadlocks += (await done()).filter((outcome) => outcome.endsWith('deadlock')).length;
    most = Math.max(most, model.strands.filter(({ wants }) => wants !== undefined).length);
  }
  // Whoever is left waiting with nobody to free him is a deadlock that was not found.
  while (model.strands.some(({ over }) => !over)) {
    const [strand] = leaves();
    expect({ seed, stuck: strand === undefined }).toEqual({ seed, stuck: false });
    await leave(strand);
  }
  await Promise.all(ends);
  expect({ seed, waits: engine.waits.size, gates: engine.keyCount }).toEqual({ seed, waits: 0, gates: 0 });
  return { deadlocks, most };
}

describe('random programs of nested calls', () => {
  it('refuse the calls that a reference graph search refuses, and those alone; nothing is left behind', async () => {
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
