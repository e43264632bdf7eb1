/** The judge: a good history passes, and each kind of breach is found. In a title, "it" is the rule of its group. */
import { describe, expect, it } from '@jest/globals';
import type { Requested, Ended, FaultSeen, Foreign, FuzzEvent, Stall } from './events.js';
import { historyOf } from './history.js';
import { judge } from './judge.js';

const COMMAND_TIMEOUT = 500;

interface Told extends Partial<Requested> {
  /** When the hold begins. Defaults to 1 ms after the request. */
  readonly began?: number;
  /** The end of the lease, as the hold reports at its beginning. Defaults to its ttl. */
  readonly until?: number;
  readonly samples?: ReadonlyArray<readonly [at: number, until: number]>;
  readonly fence?: number;
  readonly token?: string;
  /** When the lock is released. Null for a process that was killed before. */
  readonly ending?: number | null;
  readonly ended?: Partial<Ended>;
  readonly lost?: readonly [at: number, reason: string];
}

const READER = { lock: 'shared' } as const;

function permit(limit: number): Told {
  return { lock: 'semaphore', limit };
}

/** The end of a release, if the lock was lost before its caller saw it. */
const GONE = { released: false, lost: 'expired' };

let count = 0;

/** The events of a hold, as its session writes them. Times begin at 0. */
function hold(at: number, told: Told = {}): FuzzEvent[] {
  count += 1;
  const { began = at + 1, samples = [], lost, ended, until, token, fence, ending, ...requested } = told;
  const id = requested.id ?? `call-${count}`;
  const call = callOf(at, { id, ...requested });
  const end = ending === undefined ? began + 10 : ending;
  const deadline = until ?? began + call.ttl;
  const remaining = (when: number, last = deadline): number => Math.max(0, last - when);
  return [
    call,
    {
      e: 'began',
      at: began,
      id,
      remaining: remaining(began),
      fence: fence ?? Math.round(began * 1_000),
      tokens: call.keys.map((key) => token ?? `${key}-${count}`),
    },
    ...samples.map(([when, last]) => ({
      e: 'sample' as const,
      at: when,
      id,
      remaining: remaining(when, last),
    })),
    ...(lost === undefined ? [] : [{ e: 'lost' as const, at: lost[0], id, reason: lost[1] }]),
    ...(end === null
      ? []
      : [
          { e: 'ending' as const, at: end, id, remaining: lost === undefined ? remaining(end) : 0 },
          { e: 'ended' as const, at: end + 1, id, released: true, ...ended },
        ]),
  ];
}

function refused(at: number, after: number, code: string, told: Partial<Requested> = {}): FuzzEvent[] {
  count += 1;
  const id = told.id ?? `call-${count}`;
  return [callOf(at, { ...told, id }), { e: 'refused', at: at + after, id, code, message: '' }];
}

function callOf(at: number, told: Partial<Requested>): Requested {
  return {
    e: 'requested',
    at,
    id: 'call',
    session: 'p0',
    caller: 0,
    order: at,
    kind: 'acquire',
    keys: ['a'],
    lock: 'exclusive',
    ttl: 1_000,
    wait: 2_000,
    renew: true,
    minHold: 0,
    fails: false,
    ...told,
  };
}

function fault(kind: FaultSeen['kind'], from: number, at: number, rest: Partial<FaultSeen> = {}): FaultSeen {
  return { e: 'fault', kind, from, at, ...rest };
}

function stall(who: string, from: number, at: number): Stall {
  return { e: 'stall', who, from, at };
}

/** The rules that are broken, each as often as it is broken. */
function broken(...events: ReadonlyArray<FuzzEvent | FuzzEvent[]>): string[] {
  return judge(historyOf(events.flat(), { commandTimeout: COMMAND_TIMEOUT })).map(({ rule }) => rule);
}

describe('a good history', () => {
  it('given holds one after the other, and refusals with a cause, then no rule is broken', () => {
    expect(
      broken(
        hold(0, { session: 'p0' }),
        hold(5, { session: 'p1', began: 12 }),
        hold(6, { session: 'p0', began: 23, keys: ['a', 'b'] }),
        refused(7, 0.5, 'BUSY', { kind: 'try', wait: 0 }),
        refused(8, 20, 'LOCK_BUSY', { wait: 20 }),
        hold(40, { keys: ['b'], maxHold: 5, lost: [46, 'max-hold'], ended: { released: false } }),
      ),
    ).toEqual([]);
  });

  it('given readers side by side, with writers before and after them, then no rule is broken', () => {
    expect(
      broken(
        hold(0, { ending: 10 }),
        hold(2, { ...READER, session: 'p1', began: 12, token: 'one', fence: 12_100, ending: 30 }),
        hold(3, { ...READER, session: 'p1', began: 12.1, token: 'one', fence: 12_200, ending: 20 }),
        hold(4, { ...READER, session: 'p2', began: 14, fence: 12_000, ending: 32 }),
        hold(13, { session: 'p0', began: 34 }),
        hold(15, { ...READER, session: 'p2', began: 46 }),
      ),
    ).toEqual([]);
  });

  it('given all permits in use, and each used again after its release, then no rule is broken', () => {
    const two = permit(2);
    expect(
      broken(
        hold(0, { ...two, ending: 30 }),
        hold(1, { ...two, session: 'p1', ending: 20, token: 'one' }),
        hold(1.5, { ...two, session: 'p1', began: 21, ending: 25, token: 'one' }),
        hold(3, { ...two, session: 'p2', began: 26 }),
        refused(4, 10, 'LOCK_BUSY', { lock: 'semaphore', limit: 2, wait: 10 }),
        hold(5, { ...two, session: 'p0', began: 31 }),
      ),
    ).toEqual([]);
  });
});

describe('overlap', () => {
  it('given two holds at the same time, then it is broken', () => {
    expect(broken(hold(0, { ending: 20 }), hold(5, { session: 'p1', began: 19 }))).toEqual(['overlap']);
  });

  it('given two holds of one session that have one of several keys in common, then it is broken', () => {
    expect(broken(hold(0, { keys: ['a', 'b'], ending: 20 }), hold(5, { keys: ['b', 'c'] }))).toEqual([
      'overlap',
    ]);
  });

  it('given a hold of a killed process, then another may begin after its deadline, and not before', () => {
    const dead = hold(0, { session: 'p1', ending: null, until: 500 });
    const kill = fault('kill', 10, 12, { session: 'p1' });
    expect(broken(dead, kill, hold(5, { began: 490 }))).toEqual(['overlap']);
    expect(broken(dead, kill, hold(5, { began: 500 }))).toEqual([]);
  });

  it('given a hold of a killed process, then the deadline that it reported last counts', () => {
    const dead = hold(0, { session: 'p1', ending: null, until: 500, samples: [[300, 900]] });
    const kill = fault('kill', 310, 312, { session: 'p1' });
    expect(broken(dead, kill, hold(5, { began: 600 }))).toEqual(['overlap']);
  });

  it('given a hold that still reports "held" after its deadline, then it is broken', () => {
    const late = hold(0, {
      until: 100,
      samples: [[300, 301]],
      ending: 400,
      lost: [301, 'expired'],
      ttl: 200,
    });
    expect(broken(late, hold(5, { session: 'p1', began: 200 }))).toContain('overlap');
  });

  it('given a foreign client beside a hold, then it is broken, whichever came first', () => {
    const foreign: Foreign = { e: 'foreign', key: 'a', from: 10, began: 11, px: 100, until: 60, at: 61 };
    expect(broken(hold(0, { ending: 20 }), foreign)).toEqual(['overlap']);
    expect(broken(foreign, hold(20, { began: 50 }))).toEqual(['overlap']);
    expect(broken(foreign, hold(20, { began: 60 }))).toEqual([]);
  });

  it('given a hold that was over (released, told of its loss, or lost before its caller saw it), then it is kept', () => {
    const other = hold(5, { session: 'p1', began: 30 });
    const short = { ttl: 60, until: 30, ending: 90, ended: { released: false } };
    expect(broken(hold(0, { ending: 29 }), other)).toEqual([]);
    expect(broken(hold(0, { ...short, until: 60, lost: [29, 'expired'] }), other)).toEqual([]);
    expect(broken(hold(0, { ...short, until: 0, lost: [1, 'expired'], fence: 900 }), other)).toEqual([]);
  });

  it('given a reader beside a writer or a foreign client, then it is broken, whichever came first', () => {
    const reader = { ...READER, session: 'p1', ending: 20 };
    expect(broken(hold(0, { ending: 20 }), hold(5, { ...reader, began: 19 }))).toEqual(['overlap']);
    expect(broken(hold(0, reader), hold(5, { began: 19 }))).toEqual(['overlap']);
    expect(broken(hold(0, reader), hold(5, { ...reader, session: 'p2', began: 19 }))).toEqual([]);
    const foreign: Foreign = { e: 'foreign', key: 'a', from: 10, began: 11, px: 100, until: 60, at: 61 };
    expect(broken(hold(0, reader), foreign)).toEqual(['overlap']);
    expect(broken(hold(0, { ...permit(3), ending: 20 }), foreign)).toEqual(['overlap']);
  });

  it('given a writer beside a reader that is not the latest, then it is broken', () => {
    const reader = (ending: number, at: number): FuzzEvent[] =>
      hold(at, { ...READER, session: 'p1', ending });
    expect(broken(reader(50, 0), reader(10, 2), hold(3, { began: 40 }))).toEqual(['overlap']);
  });

  it('given a permit beside an exclusive or shared lock, then it is broken', () => {
    const held = hold(0, { ...permit(3), ending: 20 });
    expect(broken(held, hold(5, { session: 'p1' }))).toEqual(['overlap']);
    expect(broken(held, hold(5, { ...READER, session: 'p1' }))).toEqual(['overlap']);
  });

  const holding = (count: number, limit: number, ending: number, from = 0): FuzzEvent[][] =>
    Array.from({ length: count }, (_, i) =>
      hold(from + i / 10, { ...permit(limit), session: `p${i}`, ending }),
    );

  it('given one holder more than there are permits, then it is broken', () => {
    expect(broken(...holding(3, 3, 20))).toEqual([]);
    expect(broken(...holding(3, 3, 20), hold(5, { ...permit(3), session: 'p9' }))).toEqual(['overlap']);
    expect(broken(...holding(3, 3, 20), hold(5, { ...permit(3), session: 'p9', began: 20 }))).toEqual([]);
  });

  it('given one holder more than the limits allow, then it is broken, in any order of arrival', () => {
    expect(broken(...holding(1, 1, 20), ...holding(2, 3, 20, 1))).toEqual([]);
    expect(broken(...holding(2, 3, 20), ...holding(1, 1, 20, 0.5))).toEqual([]);
    expect(broken(...holding(2, 1, 20), ...holding(1, 3, 20, 1))).toContain('overlap');
    expect(broken(...holding(3, 2, 20), ...holding(1, 9, 20, 1))).toContain('overlap');
  });

  it('given a limit that earlier holders had used up, then it is broken, unless it may have come first', () => {
    const late = permit(2);
    expect(broken(...holding(2, 3, 20), hold(5, { ...late, session: 'p9' }))).toEqual(['overlap']);
    expect(broken(...holding(1, 3, 20), hold(5, { ...late, session: 'p9' }))).toEqual([]);
    expect(broken(...holding(2, 3, 20), hold(-1, { ...late, session: 'p9', began: 6 }))).toEqual([]);
    // The lease may have been requested by another caller of its session, which has left.
    const left = refused(-1, 7, 'LOCK_BUSY', { lock: 'semaphore', limit: 2, session: 'p9', wait: 7 });
    expect(broken(...holding(2, 3, 20), left, hold(5, { ...late, session: 'p9', began: 7 }))).toEqual([]);
  });

  it('given two holds at the same time by one permit, then it is broken', () => {
    const one = { ...permit(5), token: 'one', ending: 20 };
    expect(broken(hold(0, one), hold(0.5, { ...one, began: 19 }))).toEqual(['overlap']);
  });

  it('given permits that Redis forgot, then the overlap is tolerated', () => {
    const gone = {
      samples: [[500, 1_000]] as const,
      ending: 1_200,
      ended: { released: false, lost: 'not-owner' },
    };
    const held = hold(0, { ...permit(1), until: 1_000, ...gone });
    const other = hold(400, { ...permit(1), session: 'p1' });
    expect(broken(held, fault('flush', 300, 302), other)).toEqual([]);
    expect(broken(held, fault('foreign-delete', 300, 302, { key: 'a' }), other)).toEqual([]);
    expect(broken(held, fault('flush', 450, 452), other)).toContain('overlap');
  });

  describe('when Redis forgot the key', () => {
    const held = (until: number): FuzzEvent[] =>
      hold(0, {
        until: 1_000,
        samples: [[500, until]],
        ending: 1_200,
        ended: { released: false, lost: 'not-owner' },
      });
    const other = (began: number): FuzzEvent[] => hold(5, { session: 'p1', began });

    it('given an overlap after it, then it is tolerated until the earlier lease would have ended', () => {
      expect(broken(held(1_000), fault('flush', 300, 302), other(400))).toEqual([]);
      expect(broken(held(1_000), fault('restart', 300, 302), other(400))).toEqual([]);
      expect(broken(held(1_000), fault('foreign-delete', 300, 302, { key: 'a' }), other(400))).toEqual([]);
    });

    it('given another key, or an overlap before it, then it is not tolerated', () => {
      expect(broken(held(1_000), fault('foreign-delete', 300, 302, { key: 'b' }), other(400))).toContain(
        'overlap',
      );
      expect(broken(held(1_000), fault('flush', 300, 302), other(250))).toContain('overlap');
    });

    it('given two holds that were both requested after it, then it is not tolerated', () => {
      expect(broken(fault('flush', -10, -5), hold(0, { ending: 20 }), hold(5, { session: 'p1' }))).toEqual([
        'overlap',
      ]);
    });

    it('given a lease that is prolonged all the same, then it is not tolerated', () => {
      expect(broken(held(1_400), fault('flush', 300, 302))).toEqual(['overlap']);
    });
  });
});

describe('fence', () => {
  it('given the same fence twice, then it is broken', () => {
    expect(broken(hold(0, { fence: 7 }), hold(20, { fence: 7 }))).toContain('fence');
  });

  it('given a lower fence for a later request, then it is broken, for any key and whatever Redis forgot', () => {
    const events = [hold(0, { fence: 9 }), fault('flush', 15, 16), hold(20, { fence: 8, keys: ['b'] })];
    expect(broken(...events)).toEqual(['fence']);
  });

  it('given a lower fence for a later hold of the same key, then it is broken, if the lock was held then', () => {
    const first = hold(0, { fence: 9 });
    expect(broken(first, hold(1, { began: 20, fence: 8, session: 'p1' }))).toEqual(['fence']);
    const late = { began: 20, fence: 8, session: 'p1', ttl: 60, until: 0, ended: GONE };
    expect(broken(first, hold(0.5, late))).toEqual([]);
  });

  it('given a lower fence for a writer after a reader, or a reader after a writer, then it is broken', () => {
    const reader = { ...READER, session: 'p1' };
    expect(broken(hold(0, { fence: 9, ...reader }), hold(1, { began: 20, fence: 8 }))).toEqual(['fence']);
    expect(broken(hold(0, { fence: 9 }), hold(1, { began: 20, fence: 8, ...reader }))).toEqual(['fence']);
  });

  it('given holds side by side, then it is broken only if the later one was requested after the other had begun', () => {
    for (const kind of [READER, permit(2)]) {
      const first = hold(0, { ...kind, fence: 9, ending: 30 });
      expect(broken(first, hold(0.5, { ...kind, began: 20, fence: 8, session: 'p1' }))).toEqual([]);
      expect(broken(first, hold(2, { ...kind, began: 20, fence: 8, session: 'p1' }))).toEqual(['fence']);
    }
    // The fence of an earlier holder is below both.
    const readers = [9, 8].map((fence, i) =>
      hold(0.5, { ...READER, session: `p${i + 1}`, began: 12 + i, fence, ending: 20 }),
    );
    expect(broken(hold(0, { fence: 7, ending: 11 }), ...readers)).toEqual([]);
    expect(broken(hold(0, { fence: 8.5, ending: 11 }), ...readers)).toEqual(['fence']);
    expect(broken(...readers, hold(1, { began: 21, fence: 8.5 }))).toEqual(['fence']);
  });

  it('given a counter that is ahead of the clock, then later fences must be above the counter', () => {
    const ahead = fault('clock-back', 5, 6, { fence: 1_000_000 });
    expect(broken(hold(10, { fence: 1_000_000 }), ahead)).toEqual(['fence']);
    expect(broken(hold(10, { fence: 1_000_001 }), hold(5.5, { fence: 7, keys: ['b'] }), ahead)).toEqual([]);
  });

  it('given a waiter while Redis forgot the key, then its fence may be lower', () => {
    const waited = hold(0.5, { began: 20, fence: 8, session: 'p1' });
    expect(broken(hold(0, { fence: 9 }), fault('flush', 1, 2), waited)).toEqual([]);
    const deleted = fault('foreign-delete', 1, 2, { key: 'b' });
    expect(broken(hold(0, { fence: 9 }), deleted, waited)).toEqual(['fence']);
  });
});

describe('lease', () => {
  it('given a hold that begins near the end of its lease, then it is broken', () => {
    expect(broken(hold(0, { until: 250 }))).toEqual(['lease']);
    // Half of an offer, or the rest of its maxHold, is enough.
    expect(broken(hold(0, { until: 501 }))).toEqual([]);
    expect(broken(hold(0, { until: 101, maxHold: 100 }))).toEqual([]);
    expect(broken(hold(0, { until: 250, keys: ['a', 'b'] }))).toEqual([]);
  });

  it('given a fault or a stall that delayed the hold, then it is kept, unless the held data flows again', () => {
    const late = hold(0, { began: 300, until: 510 });
    expect(broken(late)).toEqual(['lease']);
    expect(broken(late, stall('p0', 10, 290))).toEqual([]);
    expect(broken(late, fault('delay', 10, 290, { session: 'p0' }))).toEqual([]);
    expect(broken(late, fault('delay', 10, 290, { session: 'p1' }))).toEqual(['lease']);
    expect(broken(late, fault('hold-replies', 10, 299, { session: 'p0' }))).toEqual(['lease']);
    expect(broken(late, fault('hold-replies', 10, 310, { session: 'p0' }))).toEqual([]);
  });

  const under = (token: string, from: number, ...began: number[]): FuzzEvent[][] =>
    began.map((at, i) =>
      hold(from, { began: at, until: 5_000, ttl: 5_000, ending: at + 0.1, token, order: i }),
    );

  it('given a lease with too many holds, or for too long, then it is broken', () => {
    const many = (count: number): number[] => Array.from({ length: count }, (_, i) => 1 + i / 4);
    expect(broken(...under('t', 0, ...many(64)))).toEqual([]);
    expect(broken(...under('t', 0, ...many(65)))).toEqual(['lease']);
    expect(broken(...under('t', 0, 1, 100))).toEqual([]);
    expect(broken(...under('t', 0, 1, 200))).toEqual(['lease']);
    expect(broken(...under('t', 0, 1, 200), stall('p0', 20, 190))).toEqual([]);
    expect(broken(...under('t', 0, 1, 200), fault('delay', 20, 190, { session: 'p0' }))).toEqual([]);
  });

  it('given a lease that serves a later caller, then it is broken, and the number of readers is not bounded', () => {
    const shared = (from: number, began: number): FuzzEvent[] =>
      hold(from, { ...READER, began, until: 5_000, ttl: 5_000, ending: 90, token: 't' });
    expect(broken(shared(0, 2), shared(1, 2.1))).toEqual([]);
    expect(broken(shared(0, 2), shared(3, 4))).toEqual(['lease']);
    expect(broken(...under('t', 0, 1), hold(30, { token: 't' }))).toEqual(['lease']);
    expect(broken(...Array.from({ length: 80 }, (_, i) => shared(0, 1 + i / 100)))).toEqual([]);
    expect(broken(shared(0, 1), shared(0.5, 200))).toEqual(['lease']);
  });

  it('given a minimum hold of a reader or a permit, then it keeps out incompatible callers only', () => {
    const reader = hold(0, { ...READER, minHold: 300 });
    const session = 'p1';
    expect(broken(reader, hold(20, { session }))).toEqual(['lease']);
    expect(broken(reader, hold(20, { session, ...READER }))).toEqual([]);
    expect(broken(reader, hold(20, { session, ...READER }), hold(40, { session }))).toEqual(['lease']);
    // Another reader of the lease lost it.
    const first = hold(0, { ...READER, minHold: 300, token: 't' });
    const gone = { token: 't', renew: false, lost: [15, 'expired'], ending: 16, ended: GONE } as const;
    expect(broken(first, hold(0.5, { ...READER, ...gone }), hold(20, { session }))).toEqual([]);

    const kept = hold(0, { ...permit(2), minHold: 300 });
    const other = hold(20, { ...permit(2), session, ending: 200 });
    expect(broken(kept, other)).toEqual([]);
    const third = { ...permit(2), session: 'p2' };
    expect(broken(kept, other, hold(30, third))).toEqual(['lease']);
    expect(broken(kept, other, hold(30, { ...third, limit: 3 }))).toEqual([]);
    expect(broken(kept, other, hold(30, { ...third, began: 240 }))).toEqual([]);
    const last = hold(0, { ...permit(1), minHold: 300 });
    expect(broken(last, hold(20, { ...permit(1), session }))).toEqual(['lease']);
  });

  it('given a minimum hold that another caller did not wait for, then it is broken', () => {
    const held = hold(0, { minHold: 300 });
    expect(broken(held, hold(20, { session: 'p1' }))).toEqual(['lease']);
    expect(broken(held, hold(20, { session: 'p1', began: 301 }))).toEqual([]);
    expect(broken(held, hold(20, { session: 'p1' }), fault('flush', 15, 16))).toEqual([]);
    expect(broken(held, hold(20, { session: 'p1' }), fault('cut', 15, 16, { session: 'p0' }))).toEqual([]);
    expect(broken(held, hold(20, { keys: ['b'] }))).toEqual([]);
  });
});

describe('stuck', () => {
  /** Keeps the key busy, so that the rule `idle` is not broken. */
  const holder = hold(-1, { session: 'p9', ending: 3_500 });

  it('given a call that is settled after its wait and a time-out, or never, then it is broken', () => {
    expect(broken(holder, refused(0, 3_000, 'LOCK_BUSY', { wait: 2_000 }))).toEqual(['stuck']);
    expect(broken(callOf(0, { id: 'x' }))).toEqual(['stuck']);
  });

  it('given a process, proxies or a Redis that could not run, or a killed process, then it is kept', () => {
    for (const who of ['p0', 'fuzzer', 'server']) {
      expect(
        broken(holder, refused(0, 3_000, 'LOCK_BUSY', { wait: 2_000 }), stall(who, 1_000, 1_500)),
      ).toEqual([]);
    }
    expect(
      broken(holder, refused(0, 3_000, 'LOCK_BUSY', { wait: 2_000 }), stall('p1', 1_000, 1_500)),
    ).toEqual(['stuck']);
    expect(broken(callOf(0, { id: 'x' }), fault('kill', 10, 11, { session: 'p0' }))).toEqual([]);
  });

  it('given a call that continues after its signal has aborted, then it is broken', () => {
    const aborted = { e: 'aborted', at: 100, id: 'x' } as const;
    expect(broken(refused(0, 110, 'LOCK_ABORTED', { id: 'x' }), aborted)).toEqual([]);
    expect(broken(refused(0, 700, 'LOCK_ABORTED', { id: 'x' }), aborted)).toEqual(['stuck']);
  });

  it('given a release that does not end, or a hold that is never released, then it is broken', () => {
    const [call, began, ending, ended] = hold(0);
    expect(broken([call, began, ending])).toEqual(['stuck']);
    expect(broken([call, began])).toEqual(['stuck']);
    expect(broken([call, began, ending, { ...ended, at: 5_000 }])).toEqual(['stuck']);
  });

  it('given an extension that takes too long, then it is broken', () => {
    const extended = {
      e: 'extended',
      from: 10,
      at: 2_000,
      id: 'x',
      ttl: 1_000,
      remaining: 0,
      code: 'LOCK_STORE',
    } as const;
    expect(broken(hold(0, { id: 'x', ending: 2_001, ttl: 3_000 }), extended)).toEqual(['stuck', 'cause']);
  });
});

describe('order', () => {
  it('given a later call of one session that begins first, then it is broken', () => {
    expect(broken(hold(0, { began: 50, order: 1 }), hold(5, { order: 2 }))).toEqual(['order']);
  });

  it('given a call for several keys, or one that does not wait, then it is kept', () => {
    expect(broken(hold(0, { began: 50, order: 1, keys: ['a', 'b'] }), hold(5, { order: 2 }))).toEqual([]);
    expect(broken(hold(0, { began: 50, order: 1 }), hold(5, { order: 2, kind: 'try', wait: 0 }))).toEqual([]);
  });

  const passing = (leases: number, told: Told = {}): FuzzEvent[] =>
    Array.from({ length: leases }, (_, i) => hold(400 + i * 20, { session: 'p1', ...told })).flat();

  it('given a session that another one passes again and again, then it is broken', () => {
    const waiting = hold(0, { began: 500 });
    expect(broken(hold(-1, { session: 'p1', ending: 399 }), waiting, passing(3))).toEqual(['order']);
    expect(broken(hold(-1, { session: 'p1', ending: 399 }), waiting, passing(2))).toEqual([]);
  });

  it('given readers that pass a writer, or others that pass a waiter for the last permit, then it is broken', () => {
    const first = (kind: Told): FuzzEvent[] => hold(-1, { ...kind, session: 'p2', ending: 399 });
    const writer = hold(0, { began: 500 });
    expect(broken(first(READER), writer, passing(3, READER))).toEqual(['order']);
    expect(broken(first(READER), writer, passing(2, READER))).toEqual([]);
    const last = hold(0, { ...permit(1), began: 600 });
    expect(broken(first(permit(2)), last, passing(3, permit(2)))).toEqual(['order']);
    expect(broken(first(permit(2)), last, passing(2, permit(2)))).toEqual([]);
  });

  it('given a token that got the key past the first of its queue, then it is broken, unless a fault explains it', () => {
    const seen = { e: 'passed', from: 400, at: 450, key: 'a', first: 'one', by: ['other'] } as const;
    expect(broken(hold(0), seen)).toEqual(['order']);
    expect(broken(hold(0), seen, fault('flush', 100, 101))).toEqual([]);
    expect(broken(hold(0), seen, fault('cut', 100, 101, { session: 'p0' }))).toEqual([]);
    expect(broken(hold(0), seen, fault('cut', 100, 101, { session: 'p9' }))).toEqual(['order']);
    expect(broken(hold(0), seen, stall('p0', 100, 300))).toEqual([]);
  });

  it('given a waiter that may have been granted meanwhile, beside the others, then it is kept', () => {
    const holder = hold(-1, { session: 'p2', ending: 399 });
    expect(broken(holder, hold(0, { ...READER, began: 500 }), passing(3, READER))).toEqual([]);
    expect(broken(holder, hold(0, { ...READER, began: 600 }), passing(3, READER))).toEqual(['order']);
  });

  it('given calls of one session side by side, then the fences tell the order', () => {
    for (const kind of [READER, permit(9)]) {
      const one = (order: number, began: number, fence: number): FuzzEvent[] =>
        hold(order / 10, { ...kind, order, began, fence, ending: 40 });
      expect(broken(one(1, 5, 10), one(2, 4, 11))).toEqual([]);
      expect(broken(one(1, 4, 11), one(2, 5, 10))).toEqual(['order']);
    }
    expect(broken(hold(0, { ...READER, began: 50, order: 1 }), hold(5, { order: 2 }))).toEqual(['order']);
  });

  it('given holds under one lease, or a fault of one of the sessions, then it is kept', () => {
    const waiting = hold(0, { began: 500 });
    const holder = hold(-1, { session: 'p1', ending: 399 });
    const batch = [0, 1, 2].map((i) =>
      hold(400 + i, { session: 'p1', token: 'one', began: 410 + i * 20, order: 400 + i }),
    );
    expect(broken(holder, waiting, ...batch)).toEqual([]);
    expect(broken(holder, waiting, passing(3), fault('cut', 100, 101, { session: 'p0' }))).toEqual([]);
    expect(broken(holder, waiting, passing(3), fault('cut', 100, 101, { session: 'p9' }))).toEqual(['order']);
  });
});

describe('idle', () => {
  const waiter = hold(5, { began: 1_200, session: 'p1' });

  it('given a waiter while nobody holds the key, then it is broken', () => {
    expect(broken(hold(0), waiter)).toEqual(['idle']);
    expect(broken(hold(0), refused(5, 1_200, 'LOCK_BUSY', { wait: 1_200 }))).toEqual(['idle']);
  });

  it('given a key that is held longer, kept by a minimum hold, by a foreign client or among several keys, then it is kept', () => {
    expect(broken(hold(0, { ending: 1_000 }), waiter)).toEqual([]);
    expect(broken(hold(0, { minHold: 1_000 }), waiter)).toEqual([]);
    const foreign: Foreign = { e: 'foreign', key: 'a', from: 12, began: 13, px: 1_100, until: 900, at: 901 };
    expect(broken(hold(0), foreign, waiter)).toEqual([]);
    const several = hold(2, { keys: ['a', 'b'], began: 1_100, session: 'p2' });
    expect(broken(hold(0), several, hold(5, { began: 1_200, session: 'p1' }))).toEqual([]);
  });

  it('given a reader behind readers alone, or a waiter for a free permit, then it is broken', () => {
    const reader = { ...READER, session: 'p1', began: 1_200 };
    const others = hold(0, { ...READER, ending: 1_500, ttl: 2_000 });
    expect(broken(others, hold(5, reader))).toEqual(['idle']);
    const writer = (until: number): FuzzEvent[] =>
      refused(3, until, 'LOCK_BUSY', { session: 'p2', wait: until });
    expect(broken(others, writer(1_000), hold(5, reader))).toEqual([]);
    expect(broken(others, writer(300), hold(5, reader))).toEqual(['idle']);
    // The writer would not have to wait for any holder.
    expect(broken(hold(0, READER), writer(1_000), hold(5, reader))).toEqual(['idle', 'idle']);
    expect(broken(hold(0, { ending: 1_100, ttl: 2_000 }), hold(5, reader))).toEqual([]);

    const held = (count: number): FuzzEvent[] =>
      Array.from({ length: count }, (_, i) =>
        hold(i / 10, { ...permit(2), session: `p${i + 2}`, ending: 1_500, ttl: 2_000 }),
      ).flat();
    const waits = hold(5, { ...permit(2), session: 'p1', began: 1_600 });
    expect(broken(held(2), waits)).toEqual([]);
    expect(broken(held(1), waits)).toEqual(['idle']);
    const fewer = { lock: 'semaphore', limit: 1, wait: 1_400 } as const;
    expect(broken(held(1), refused(3, 1_400, 'LOCK_BUSY', { session: 'p0', ...fewer }), waits)).toEqual([]);
  });

  it('given a lost message and no other fault, then a reconnection is allowed, and no more', () => {
    const lost = (lasts: number, lanes: FaultSeen['lanes'] = ['notifications']): FuzzEvent =>
      fault('lose-replies', 8, 8 + lasts, { session: 'p1', lanes });
    const long = hold(5, { began: 1_200, session: 'p1', ttl: 9_000 });
    expect(broken(hold(0), hold(5, { began: 850, session: 'p1' }), lost(100))).toEqual([]);
    expect(broken(hold(0), long, lost(100), stall('p1', 200, 600))).toEqual([]);
    expect(broken(hold(0), long, lost(100))).toEqual(['idle']);
    expect(broken(hold(0), long, lost(300))).toEqual([]);
    expect(broken(hold(0), long, lost(100, ['command', 'notifications']))).toEqual([]);
  });

  it('given a killed process, or a Redis that forgot, then a check is allowed, and no more', () => {
    const long = hold(5, { began: 4_500, session: 'p1', ttl: 9_000, wait: 9_000 });
    expect(broken(hold(0), long, fault('flush', 8, 9))).toEqual(['idle']);
    expect(broken(hold(0), long, fault('restart', 8, 900))).toEqual([]);
    // A killed process may be given the key, and so may a paused one.
    const pause = fault('pause', 8, 3_000, { session: 'p2' });
    expect(broken(hold(0), hold(2, { began: 4_400, session: 'p2', wait: 9_000 }), long, pause)).toEqual([]);
    // Besides the check, only the rest of its lease is waited for.
    const killed = hold(2, { id: 'k', began: 12, ending: null, until: 1_000, session: 'p2', ttl: 1_000 });
    const kill = fault('kill', 20, 21, { session: 'p2' });
    expect(broken(hold(0), killed, hold(5, { began: 3_000, session: 'p1', wait: 9_000 }), kill)).toEqual([]);
    expect(broken(hold(0), killed, hold(5, { began: 8_500, session: 'p1', wait: 9_000 }), kill)).toEqual([
      'idle',
    ]);
  });

  it('given a fault, then a longer wait is allowed, but not for ever', () => {
    const cut = fault('cut', 8, 9, { session: 'p1' });
    expect(broken(hold(0), waiter, cut)).toEqual([]);
    expect(broken(hold(0), hold(5, { began: 30_000, session: 'p1', wait: 40_000 }), cut)).toEqual(['idle']);
  });
});

describe('cause', () => {
  it('given "busy" before the wait is over, or in the wrong form, then it is broken', () => {
    expect(broken(refused(0, 100, 'LOCK_BUSY', { wait: 200 }))).toEqual(['cause']);
    expect(broken(refused(0, 1, 'LOCK_BUSY', { kind: 'try', wait: 0 }))).toEqual(['cause']);
    expect(broken(refused(0, 200, 'BUSY', { wait: 200 }))).toEqual(['cause']);
  });

  it('given an error that nothing explains, then it is broken', () => {
    expect(broken(refused(0, 1, 'LOCK_ABORTED'))).toEqual(['cause']);
    expect(broken(refused(0, 1, 'LOCK_QUEUE_FULL'))).toEqual(['cause']);
    expect(broken(refused(0, 1, 'LOCK_QUEUE_FULL', { maxWaiters: 1 }))).toEqual([]);
    expect(broken(refused(0, 1, 'TypeError'))).toEqual(['cause']);
    expect(broken(refused(0, 1, 'LOCK_STORE'))).toEqual(['cause']);
  });

  it('given a store that fails, then a fault of its own connections or of Redis explains it, or a stall', () => {
    const failed = refused(5_000, 1, 'LOCK_STORE');
    expect(broken(failed, fault('cut', 4_900, 4_901, { session: 'p0' }))).toEqual([]);
    expect(broken(failed, fault('cut', 4_900, 4_901, { session: 'p1' }))).toEqual(['cause']);
    expect(broken(failed, fault('cut', 400, 401, { session: 'p0' }))).toEqual(['cause']);
    expect(broken(failed, fault('freeze', 4_900, 4_901))).toEqual([]);
    expect(broken(failed, fault('flush', 4_900, 4_901))).toEqual(['cause']);
    expect(broken(failed, stall('server', 4_800, 4_900))).toEqual([]);
    expect(broken(failed, stall('fuzzer', 4_800, 4_900))).toEqual([]);
  });

  it('given a store that fails, then a computation of the session does not explain it: the replies are there', () => {
    const failed = refused(5_000, 1, 'LOCK_STORE');
    expect(broken(failed, stall('p0', 4_000, 4_900))).toEqual(['cause']);
    expect(broken(failed, fault('compute', 4_000, 4_900, { session: 'p0' }))).toEqual(['cause']);
  });

  it('given a loss, then a computation of the session explains it only if no renewal could be sent in time', () => {
    const lost = hold(0, { lost: [900, 'expired'], ending: 950, ttl: 1_000, ended: { released: false } });
    expect(broken(lost, stall('p0', 300, 700))).toEqual(['cause']);
    expect(broken(lost, stall('p0', 200, 850))).toEqual([]);
    expect(broken(lost, stall('server', 300, 700))).toEqual([]);
  });

  it('given a loss that nothing explains, then it is broken', () => {
    const lost = (reason: string, told: Told = {}): FuzzEvent[] =>
      hold(0, { lost: [40, reason], ending: 50, ended: { released: false }, ...told });
    expect(broken(lost('not-owner'))).toEqual(['cause']);
    expect(broken(lost('expired'))).toEqual(['cause']);
    expect(broken(lost('shutdown'))).toEqual(['cause']);
    expect(broken(lost('max-hold'))).toEqual(['cause']);
    expect(broken(lost('max-hold', { maxHold: 90 }))).toEqual(['cause']);
    expect(broken(lost('max-hold', { maxHold: 30 }))).toEqual([]);
    expect(broken(lost('expired', { renew: false }))).toEqual([]);
    expect(broken(lost('not-owner'), fault('flush', 20, 21))).toEqual([]);
    expect(broken(lost('not-owner'), fault('foreign-delete', 20, 21, { key: 'b' }))).toEqual(['cause']);
    expect(broken(lost('expired'), fault('pause', 2, 39, { session: 'p0' }))).toEqual([]);
    expect(broken(lost('expired'), fault('pause', 2, 39, { session: 'p1' }))).toEqual(['cause']);
  });

  it('given a release that contradicts itself, or is uncertain without a cause, then it is broken', () => {
    expect(broken(hold(0, { renew: false, lost: [5, 'expired'], ended: { released: true } }))).toEqual([
      'cause',
    ]);
    expect(broken(hold(0, { ended: { released: false } }))).toEqual(['cause']);
  });

  it('given an extension that fails, or does not extend, then it is broken', () => {
    const extended = { e: 'extended', from: 5, at: 6, id: 'x', ttl: 3_000, remaining: 2_999 } as const;
    expect(broken(hold(0, { id: 'x' }), extended)).toEqual([]);
    expect(broken(hold(0, { id: 'x' }), { ...extended, remaining: 990 })).toEqual(['cause']);
    expect(broken(hold(0, { id: 'x' }), { ...extended, code: 'LOCK_LOST' })).toEqual(['cause']);
    expect(broken(hold(0, { id: 'x' }), { ...extended, code: 'LOCK_STORE' })).toEqual(['cause']);
  });
});

describe('kind-conflict', () => {
  const told = (told: Partial<Requested> = {}, message = 'of the lock "a"'): FuzzEvent[] =>
    refused(20, 1, 'LOCK_OPTIONS', { session: 'p1', ...told }).map((event) =>
      event.e === 'refused' ? { ...event, message } : event,
    );
  const semaphore = { lock: 'semaphore', limit: 2 } as const;

  it('given a refusal beside holders or waiters of the other family, then it is kept', () => {
    expect(broken(hold(0, { ending: 30 }), told(semaphore))).toEqual([]);
    expect(broken(hold(0, { ...READER, ending: 30 }), told(semaphore))).toEqual([]);
    expect(broken(hold(0, { ...semaphore, ending: 30 }), told())).toEqual([]);
    expect(broken(hold(0, { ...semaphore, ending: 30 }), told({ lock: 'shared' }))).toEqual([]);
    const foreign: Foreign = { e: 'foreign', key: 'a', from: -5, began: 0, px: 100, until: 60, at: 61 };
    expect(broken(foreign, refused(1, 50, 'LOCK_BUSY', { wait: 50 }), told(semaphore))).toEqual([]);
  });

  it('given a refusal beside compatible callers, or long after the others, then it is broken', () => {
    expect(broken(told(semaphore))).toEqual(['kind-conflict']);
    expect(broken(hold(0, { ending: 30 }), told({ lock: 'shared' }))).toEqual(['kind-conflict']);
    expect(broken(hold(0, { ...semaphore, ending: 30 }), told({ ...semaphore, limit: 9 }))).toEqual([
      'kind-conflict',
    ]);
    expect(broken(hold(0, { keys: ['b'], ending: 30 }), told(semaphore))).toEqual(['kind-conflict']);
    const before = hold(-1_000, { ttl: 50 });
    expect(broken(before, told(semaphore))).toEqual(['kind-conflict']);
    expect(broken(before, fault('cut', -995, -994, { session: 'p0' }), told(semaphore))).toEqual([]);
    expect(broken(hold(-1_000, { ttl: 50, minHold: 800 }), told(semaphore))).toEqual([]);
    const dead = callOf(-1_000, { id: 'dead', session: 'p2' });
    expect(broken(dead, fault('kill', -900, -899, { session: 'p2' }), told(semaphore))).toEqual([]);
  });

  it('given an error that does not name the key, then it is broken', () => {
    expect(broken(hold(0, { ending: 30 }), told(semaphore, 'wrong'))).toEqual(['kind-conflict']);
    const both = { ...semaphore, keys: ['b', 'a'] };
    expect(broken(hold(0, { ending: 30 }), told(both))).toEqual([]);
    expect(broken(hold(0, { keys: ['b'], ending: 30 }), told(both, 'of "b"'))).toEqual([]);
  });

  it('given "busy" beside a holder of the other family, then it is broken', () => {
    const held = hold(0, { ending: 200 });
    const busy = refused(20, 100, 'LOCK_BUSY', { ...semaphore, session: 'p1', wait: 100 });
    expect(broken(held, busy)).toEqual(['kind-conflict']);
    expect(broken(held, refused(20, 1, 'BUSY', { ...semaphore, kind: 'try', wait: 0 }))).toEqual([
      'kind-conflict',
    ]);
    expect(broken(held, refused(20, 100, 'LOCK_BUSY', { lock: 'shared', wait: 100 }))).toEqual([]);
    // The key may have been free at first, or at the end.
    expect(broken(hold(0, { ending: 119 }), busy)).toEqual([]);
    expect(broken(hold(19, { began: 21, ending: 200 }), busy)).toEqual([]);
  });

  it('given "busy" after Redis forgot the key, or while the session could not be reached, then it is kept', () => {
    const held = hold(0, { ending: 200 });
    const busy = refused(20, 100, 'LOCK_BUSY', { ...semaphore, session: 'p1', wait: 100 });
    expect(broken(held, busy, fault('flush', -100, -99))).toEqual([]);
    expect(broken(held, busy, fault('cut', -100, -99, { session: 'p1' }))).toEqual([]);
    expect(broken(held, busy, fault('cut', -100, -99, { session: 'p2' }))).toEqual(['kind-conflict']);
    expect(broken(held, busy, stall('p1', -700, -200))).toEqual([]);
  });
});

describe('what the fuzzer itself saw', () => {
  it('given an odd event, or something left behind, then it is a breach', () => {
    expect(
      broken({ e: 'odd', at: 1, what: 'an unhandled rejection' }, { e: 'left', at: 2, what: 'a key' }),
    ).toEqual(['odd', 'left behind']);
  });
});
