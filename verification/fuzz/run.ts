/** Runs a program to its end, and checks what the program leaves behind. */
import { setTimeout as pause } from 'node:timers/promises';
import { isLockError } from '../../lib/errors/index.js';
import { eventuallyTrue } from '../../test/support/eventually.js';
import { type Locks, locksOn } from '../../test/support/locks.js';
import { sharedNow } from '../../test/support/shared-clock.js';
import type { Arena } from './arena.js';
import { type Actor, Outsider, castOf } from './cast.js';
import type { FuzzEvent } from './events.js';
import { Faults } from './faults.js';
import { type History, historyOf } from './history.js';
import { watchOverviews } from './overviews.js';
import type { Program } from './program.js';
import {
  COUNTER,
  type Snapshot,
  isFormerLife,
  leftBy,
  takeSnapshot,
  passedBetween,
  wrongIn,
} from './snapshot.js';
import { watchStalls } from './stalls.js';

/** The longest that a program's last calls may take after its end and their own bounds, in ms. */
const TAIL = 15_000;
/** A PING that takes longer than this is a stall of the server, in ms. */
const SLOW_PING = 40;
/** How often a snapshot of Redis is taken, in ms. */
const SNAPSHOT_EVERY = 50;

export async function runProgram(program: Program, arena: Arena): Promise<History> {
  const events: FuzzEvent[] = [];
  const record = (event: FuzzEvent): void => void events.push(event);
  const onUnhandled = (reason: unknown): void =>
    record({ e: 'odd', at: sharedNow(), what: `an unhandled rejection: ${String(reason)}` });
  process.on('unhandledRejection', onUnhandled);
  await arena.admin.flushall();
  const actors = await castOf(program, arena, record);
  const endings = [
    watchStalls('fuzzer', record),
    watchServer(arena, record),
    watchSnapshots(program, arena, record),
  ];
  // In the other programs, processes inspect nothing and have no connection for it.
  const inspecting = program.seed % 2 === 0 ? watchOverviews(arena, record) : undefined;
  try {
    const start = sharedNow() + 50;
    const until = start + program.duration;
    await pause(50);
    const faults = new Faults(arena, actors, record);
    const longest = program.habits.wait[1] + program.commandTimeout + 2 * program.habits.hold[1];
    const settled = await within(
      program.duration + longest + TAIL,
      Promise.all([faults.make(program.faults, start), ...actors.map((actor) => actor.run(until))]),
    );
    await inspecting?.();
    // Otherwise the history shows calls that were never settled. What they leave behind says nothing more.
    if (settled) {
      await quiesce(program, arena, actors, record);
      await probe(program, arena, record);
    }
    await Promise.all(actors.map((actor) => actor.close()));
    if (settled) await connectionsGone(arena, actors, record);
  } finally {
    await inspecting?.();
    await Promise.all(actors.map((actor) => actor.stopProxies()));
    for (const end of endings) end();
    // Node reports unhandled rejections after this tick.
    await pause(1);
    process.off('unhandledRejection', onUnhandled);
  }
  for (const actor of actors) if (actor instanceof Outsider) events.push(...actor.events());
  return historyOf(events, program);
}

/** Resolves to whether the work ended in time. Rejects if the work does. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const ending = new AbortController();
  const late = pause(ms, false, { signal: ending.signal }).catch(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    ending.abort();
  }
}

function watchServer({ admin }: Arena, record: (event: FuzzEvent) => void): () => void {
  let ended = false;
  const watch = async (): Promise<void> => {
    while (!ended) {
      const from = sharedNow();
      await admin.ping().catch(() => undefined);
      const at = sharedNow();
      if (at - from > SLOW_PING) record({ e: 'stall', who: 'server', from, at });
      await pause(25, undefined, { ref: false });
    }
  };
  void watch();
  return () => (ended = true);
}

/** Takes snapshots of Redis while the program runs, because callers do not see all of Redis. */
function watchSnapshots({ keys }: Program, { admin }: Arena, record: (event: FuzzEvent) => void): () => void {
  let ended = false;
  const told = new Set<string>();
  let last: { readonly from: number; readonly snapshot: Snapshot } | undefined;
  const watch = async (): Promise<void> => {
    while (!ended) {
      const from = sharedNow();
      const snapshot = await takeSnapshot(admin, keys).catch(() => undefined);
      const at = sharedNow();
      if (last !== undefined && snapshot !== undefined)
        for (const passed of passedBetween(last.snapshot, snapshot))
          record({ e: 'passed', from: last.from, at, ...passed });
      last = snapshot && { from, snapshot };
      for (const what of snapshot === undefined ? [] : wrongIn(snapshot)) {
        if (!told.has(what)) record({ e: 'odd', at: sharedNow(), what });
        told.add(what);
      }
      await pause(SNAPSHOT_EVERY, undefined, { ref: false });
    }
  };
  void watch();
  return () => (ended = true);
}

/** After the last call, living sessions must soon have nothing in Redis and no key in memory. */
async function quiesce(
  program: Program,
  arena: Arena,
  actors: readonly Actor[],
  record: (event: FuzzEvent) => void,
): Promise<void> {
  const alive = new Set(actors.flatMap((actor) => (actor.alive ? [actor.name] : [])));
  const left = async (): Promise<string[]> => {
    const found = leftBy(alive, await takeSnapshot(arena.admin, program.keys));
    for (const actor of actors) {
      const keyCount = actor.alive ? await actor.keyCount() : 0;
      if (keyCount > 0) found.push(`${keyCount} keys in memory of ${actor.name}`);
    }
    return found;
  };
  // A release after faults takes a time-out, the longest pause between tries, and the rest of a minimum hold.
  const longest = program.commandTimeout + 1_000 + (program.habits.minHolds > 0 ? 300 : 0) + 4_000;
  let found: string[] = [];
  await eventuallyTrue(async () => (found = await left()).length === 0, { within: longest, every: 20 }).catch(
    () => undefined,
  );
  for (const what of found) record({ e: 'left', at: sharedNow(), what });
}

/** Each key must be free when the leases of killed processes are over. Then only the fence counter may be left. */
async function probe(program: Program, arena: Arena, record: (event: FuzzEvent) => void): Promise<void> {
  const locks = locksOn(arena.server, { owner: 'probe' });
  const dead = program.faults.some(({ kind }) => kind === 'kill');
  const wait = dead ? program.habits.ttl[1] * 1.2 + 4_000 : 1_000;
  await Promise.all(
    program.keys.map(async (key, i) => {
      const choice = { key, permits: program.locks.plans[i]?.of === 'permits', until: sharedNow() + wait };
      await probeKey(locks, choice, record);
    }),
  );
  await locks.close();
  const [names, snapshot] = await Promise.all([
    arena.admin.keys('*'),
    takeSnapshot(arena.admin, program.keys),
  ]);
  const deleted = program.faults.some(({ kind }) => kind === 'foreign-delete');
  for (const name of names) {
    if (name !== COUNTER && !(deleted && isFormerLife(name, snapshot)))
      record({ e: 'left', at: sharedNow(), what: `"${name}" in Redis` });
  }
}

async function probeKey(
  locks: Locks,
  choice: { readonly key: string; readonly permits: boolean; readonly until: number },
  record: (event: FuzzEvent) => void,
  tries = 1,
): Promise<void> {
  const { key, permits, until } = choice;
  const id = `probe/${key}/${tries}`;
  const requested = { id, session: 'probe', caller: 0, order: tries, kind: 'acquire', keys: [key] } as const;
  // Both kinds of lock need the key without any other holder.
  const access = permits ? { limit: 1 } : {};
  const options = { ttl: 5_000, wait: Math.max(1, until - sharedNow()), renew: true, minHold: 0, ...access };
  const lock = permits ? 'semaphore' : 'exclusive';
  record({ e: 'requested', at: sharedNow(), ...requested, lock, ...options, fails: false });
  try {
    const lock = await locks.service.acquire(key, options);
    const { remaining, fence, token } = lock;
    record({ e: 'began', at: sharedNow(), id, remaining, fence, tokens: [token] });
    record({ e: 'ending', at: sharedNow(), id, remaining: lock.remaining });
    record({ e: 'ended', at: sharedNow(), id, released: await lock.release() });
  } catch (error) {
    const code = isLockError(error) ? error.code : 'unknown';
    record({ e: 'refused', at: sharedNow(), id, code, message: String(error) });
    // A busy machine without a reply in time says nothing about the key. Another rule judges the cause.
    if (code === 'LOCK_STORE' && tries < 5)
      return probeKey(locks, { ...choice, until: Math.max(until, sharedNow() + 1_000) }, record, tries + 1);
    // A killed process may have left a lock of another kind. A caller does not wait for such a lock, but the lock
    // expires.
    if (code === 'LOCK_OPTIONS' && sharedNow() < until) {
      await pause(50);
      return probeKey(locks, choice, record, tries + 1);
    }
    record({ e: 'left', at: sharedNow(), what: `the key "${key}" cannot be acquired: ${String(error)}` });
  }
}

/** Only the fuzzer's own connection is left. */
async function connectionsGone(
  { admin }: Arena,
  actors: readonly Actor[],
  record: (event: FuzzEvent) => void,
): Promise<void> {
  const open = (): number =>
    actors.reduce(
      (sum, { proxies }) => sum + proxies.command.connections + proxies.notifications.connections,
      0,
    );
  let clients = '';
  const gone = async (): Promise<boolean> => {
    clients = String(await admin.call('CLIENT', 'LIST'));
    return open() === 0 && clients.trim().split('\n').length === 1;
  };
  await eventuallyTrue(gone, { within: 10_000, every: 20 }).catch(() =>
    record({ e: 'left', at: sharedNow(), what: `${open()} connections, and in Redis:\n${clients}` }),
  );
}
