/** The only caller of a key has no coordinator. Nobody can tell, whenever a coordinator takes over. */
import { describe, expect, it } from '@jest/globals';
import { SERVING_TABLE } from '../../lib/core/batches/serving-table.js';
import type { ServingState } from '../../lib/core/batches/batch-set.js';
import type { ExchangeRequest } from '../../lib/core/contracts/store.contract.js';
import { SHARED } from '../../lib/core/contracts/token.js';
import {
  LONE_TABLE,
  type LoneEffect,
  type LoneEvent,
  type LoneState,
} from '../../lib/core/engine/lone-caller.js';
import { REQUEST_TABLE, type RequestState } from '../../lib/core/requests/request-table.js';
import { deferred } from '../support/deferred.js';
import { settle } from '../support/fake-clock.js';
import { type Caller, type Scenario, reading, scenario } from '../support/scenario.js';
import { type TappedStore, tap } from '../support/tapped-store.js';

/** The rows are events, and the columns are states. Undefined: the event cannot come. */
const EXPECTED: Record<LoneEvent, Record<LoneState, LoneEffect | undefined>> = {
  granted: { requesting: 'serve', exclusive: undefined },
  'not granted': { requesting: 'promote', exclusive: undefined },
  wanted: { requesting: 'promote', exclusive: 'promote' },
  'caller leaves': { requesting: 'promote', exclusive: 'promote' },
  'lease over, callers wait': { requesting: undefined, exclusive: 'promote' },
  'lease over, nobody waits': { requesting: undefined, exclusive: 'release' },
};

/** The cells of the other tables that a state stands for. */
const STANDS_FOR: Record<LoneState, { request: RequestState; serving: ServingState }> = {
  requesting: { request: 'requesting', serving: 'nothing' },
  exclusive: { request: 'idle', serving: 'exclusive' },
};

describe('the table of a lone caller', () => {
  const cells = Object.entries(EXPECTED).flatMap(([event, row]) =>
    Object.entries(row).map(([state, effect]) => ({
      event: event as LoneEvent,
      state: state as LoneState,
      effect,
    })),
  );

  it('given the table, then it has the events of this one, and no others', () => {
    expect(Object.keys(LONE_TABLE).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  it.each(cells)('given "$state" and "$event", then what follows is: $effect', ({ event, state, effect }) => {
    expect(LONE_TABLE[event][state]).toBe(effect);
  });

  it('given a grant, then it does what the table of requests does', () => {
    const { request } = STANDS_FOR.requesting;
    expect(REQUEST_TABLE.granted[request]).toEqual([
      { to: STANDS_FOR.exclusive.request, effects: [LONE_TABLE.granted.requesting] },
    ]);
  });

  it('given a lease that is over, then it does what the table of serving does', () => {
    // The state of that table is the one without the lease.
    const { serving } = STANDS_FOR.requesting;
    expect(SERVING_TABLE['lease over, nobody waits'][serving]).toEqual([
      LONE_TABLE['lease over, nobody waits'].exclusive,
    ]);
    // There is no request to cancel.
    expect(SERVING_TABLE['nobody waits'][serving]).toEqual(['cancel request', 'forget key']);
  });
});

/** When a coordinator takes over, though nobody wants the key. */
const MOMENTS = [
  'the command is under way',
  'the lease is renewed',
  'the hold has begun',
  'the release is under way',
] as const;
type Moment = (typeof MOMENTS)[number];

interface Stage extends Scenario<TappedStore> {
  /** Keeps the commands back from now on. */
  holdCommands(): void;
  deliver(): Promise<void>;
  /** Here a coordinator may take over. */
  moment(now: Moment): Promise<void>;
  /** Notes what is to be the same. */
  note(what: unknown): void;
}

type Play = (stage: Stage) => Promise<void>;

/** Plays the scenes. @returns what the store saw, and what the callers saw. */
async function seen(play: Play, takeOver: Moment | undefined): Promise<unknown> {
  const made = scenario({ store: (memory) => tap(memory) });
  const notes: unknown[] = [];
  let barrier = deferred();
  await play({
    ...made,
    holdCommands: () => {
      barrier = deferred();
      made.store.before = barrier.promise;
    },
    async deliver() {
      made.store.before = undefined;
      barrier.resolve();
      await settle();
    },
    async moment(now) {
      // An inspection needs the queue of each key.
      if (now === takeOver) await made.a.engine.inspector.overview(1);
      await settle();
    },
    note: (what) => void notes.push(what),
  });
  await made.pass(60_000);
  return { notes, exchanges: normalised(made.store.exchanges), keys: made.keyCount() };
}

/** Tokens differ from run to run: the first one is 1, the second one is 2. */
function normalised(exchanges: readonly ExchangeRequest[]): unknown {
  const tokens = new Map<string, number>();
  return JSON.parse(
    JSON.stringify(exchanges, (name, value: unknown) => {
      if (name !== 'token' || typeof value !== 'string') return value;
      if (!tokens.has(value)) tokens.set(value, tokens.size + 1);
      return tokens.get(value);
    }),
  );
}

const outcome = ({ state, error }: Caller): unknown => [state, (error as Error | undefined)?.message];

const PLAYS: Record<string, Play> = {
  'nobody else': async ({ a, moment, release, holdCommands, deliver, note }) => {
    holdCommands();
    const caller = a.begin();
    await moment('the command is under way');
    await deliver();
    await moment('the hold has begun');
    note(caller.state);
    holdCommands();
    const released = release(caller);
    await moment('the release is under way');
    await deliver();
    note(await released);
  },
  'another caller before the reply': async ({ a, moment, release, holdCommands, deliver, note }) => {
    holdCommands();
    const first = a.begin();
    await moment('the command is under way');
    const second = a.begin({ wait: 5_000 });
    await deliver();
    await moment('the hold has begun');
    note([first.state, second.state]);
    await release(first);
    note(second.state);
    await release(second);
  },
  'another caller while the lock is held': async ({ a, moment, release, note, pass }) => {
    const first = await a.acquire();
    await moment('the hold has begun');
    const second = await a.acquire({ wait: 50 });
    const third = await a.acquire({ wait: 5_000 });
    await pass(100);
    note([outcome(second), third.state]);
    await release(first);
    note(third.state);
    await release(third);
  },
  'a reader while the lock is held': async ({ a, moment, release, note }) => {
    const writer = await a.acquire();
    await moment('the hold has begun');
    const reader = await a.acquire(reading({ wait: 5_000 }));
    note(reader.state);
    await release(writer);
    note(reader.state);
    await release(reader);
  },
  'a semaphore while the lock is held': async ({ a, moment, release, note }) => {
    const holder = await a.acquire();
    await moment('the hold has begun');
    note(outcome(await a.acquire({ access: { kind: 'semaphore', limit: 3 } })));
    await release(holder);
  },
  'a caller that does not wait': async ({ a, moment, release, holdCommands, deliver, note }) => {
    holdCommands();
    const holder = a.begin();
    await moment('the command is under way');
    await deliver();
    await moment('the hold has begun');
    note(outcome(await a.acquire({ wait: 0 })));
    await release(holder);
  },
  'a caller that leaves before the reply': async ({ a, moment, leave, holdCommands, deliver, note }) => {
    const leaving = new AbortController();
    holdCommands();
    const caller = a.begin({ signal: leaving.signal });
    await moment('the command is under way');
    await leave(leaving);
    note(outcome(caller));
    await deliver();
  },
  'a deadline before the reply': async ({ a, moment, pass, holdCommands, deliver, release, note }) => {
    holdCommands();
    const caller = a.begin({ wait: 50 });
    await moment('the command is under way');
    await pass(100);
    note(caller.state);
    await deliver();
    note(caller.state);
    await release(caller);
  },
  'a deadline, and no reply at all': async ({ a, moment, pass, holdCommands, deliver, note }) => {
    holdCommands();
    const caller = a.begin({ wait: 50 });
    await moment('the command is under way');
    await pass(30_000);
    note(outcome(caller));
    await deliver();
  },
  'a key that another process holds': async ({ a, b, moment, release, holdCommands, deliver, note }) => {
    const other = await b.acquire();
    holdCommands();
    const caller = a.begin({ wait: 5_000 });
    await moment('the command is under way');
    await deliver();
    note(caller.state);
    await release(other);
    note(caller.state);
    await release(caller);
  },
  'a key that another process holds for too long': async ({ a, b, moment, pass, release, note }) => {
    const other = await b.acquire();
    const caller = a.begin({ wait: 500 });
    await moment('the command is under way');
    await pass(600);
    note(outcome(caller));
    await release(other);
  },
  'a key of another kind': async ({ a, b, moment, release, holdCommands, deliver, note }) => {
    const other = await b.acquire({ access: { kind: 'semaphore', limit: 2 } });
    holdCommands();
    const caller = a.begin();
    await moment('the command is under way');
    await deliver();
    note(outcome(caller));
    await release(other);
  },
  'a store that fails': async ({ a, store, moment, pass, holdCommands, deliver, note }) => {
    store.failing = true;
    holdCommands();
    const caller = a.begin({ wait: 5_000 });
    await moment('the command is under way');
    await deliver();
    note(outcome(caller));
    store.failing = false;
    await pass(5_000);
  },
  'a lease that is lost': async ({ a, store, moment, pass, release, note }) => {
    const caller = await a.acquire({ ttl: 300 });
    await moment('the hold has begun');
    store.denying = true;
    await pass(200);
    note([caller.state, caller.lock.lost?.message]);
    note(await release(caller));
  },
  'a lease that expires': async ({ a, store, moment, pass, release, note }) => {
    const caller = await a.acquire({ ttl: 300 });
    await moment('the hold has begun');
    store.failing = true;
    await pass(400);
    note([caller.state, caller.lock.lost?.message]);
    store.failing = false;
    note(await release(caller));
  },
  'a grant that comes too late': async ({ a, moment, pass, holdCommands, deliver, note, release }) => {
    holdCommands();
    const caller = a.begin({ ttl: 100 });
    await moment('the command is under way');
    await pass(90);
    await deliver();
    note(caller.state);
    await pass(10);
    await release(caller);
  },
  'a lease that is renewed before its hold': async (stage) => {
    const { a, store, moment, pass, holdCommands, deliver, note, release } = stage;
    const renewal = deferred();
    store.beforeRenewal = renewal.promise;
    holdCommands();
    const first = a.begin({ ttl: 100 });
    await pass(60);
    await deliver();
    await moment('the lease is renewed');
    const second = await a.acquire({ wait: 5_000 });
    note([first.state, second.state]);
    renewal.resolve();
    await settle();
    note([first.state, second.state]);
    await release(first);
    note(second.state);
    await release(second);
  },
  'a minimum hold': async ({ a, moment, release, pass, note }) => {
    const caller = await a.acquire({ minHold: 1_000 });
    await moment('the hold has begun');
    note(await release(caller));
    const next = await a.acquire({ wait: 5_000 });
    note(next.state);
    await pass(1_000);
    note(next.state);
    await release(next);
  },
  'a shutdown before the reply': async ({ a, moment, holdCommands, deliver, note }) => {
    holdCommands();
    const caller = a.begin();
    await moment('the command is under way');
    a.engine.refuse();
    await settle();
    note(outcome(caller));
    await deliver();
  },
  'a shutdown while the lock is held': async ({ a, moment, pass, note }) => {
    const caller = await a.acquire();
    await moment('the hold has begun');
    const drained = a.engine.drain(100);
    await pass(200);
    await drained;
    note([caller.state, caller.lock.lost?.message]);
  },
  'two calls for two keys': async ({ a, moment, release, note }) => {
    const [one, two] = [await a.acquire({}, ['k', 'l']), await a.acquire({ wait: 5_000 }, ['j', 'l'])];
    await moment('the hold has begun');
    note([one.state, two.state]);
    await release(one);
    note(two.state);
    await release(two);
  },
  'a reader that is alone': async ({ a, moment, release, note }) => {
    const reader = await a.acquire({ access: SHARED });
    await moment('the hold has begun');
    note(reader.state);
    await release(reader);
  },
};

describe.each(Object.keys(PLAYS))('given %s', (name) => {
  it.each(MOMENTS)('when a coordinator takes over as %s, then nobody can tell', async (moment) => {
    const alone = await seen(PLAYS[name], undefined);
    expect(await seen(PLAYS[name], moment)).toEqual(alone);
  });

  it('then the key is forgotten in the end', async () => {
    expect(await seen(PLAYS[name], undefined)).toMatchObject({ keys: 0 });
  });
});

describe('given a key that nobody else wants', () => {
  it('then a thousand holds leave no key and no timer', async () => {
    const { a, clock, release, keyCount } = scenario();
    for (let i = 0; i < 1_000; i += 1) await release(await a.acquire({}, [`k${i}`]));
    expect(keyCount()).toBe(0);
    expect(clock.timers).toBe(0);
  });
});
