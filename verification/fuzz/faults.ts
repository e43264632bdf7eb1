/** Makes the faults of a program happen at their times, and writes down when they happened. */
import { setTimeout as pause } from 'node:timers/promises';
import { sharedNow } from '../../test/support/shared-clock.js';
import type { TcpProxy } from '../../test/support/tcp-proxy.js';
import type { Arena } from './arena.js';
import { type Actor, Outsider } from './cast.js';
import type { FaultSeen, Foreign, FuzzEvent } from './events.js';
import type { Fault, Lane } from './program.js';
import { COUNTER, PREFIX } from './snapshot.js';

const COMPARE_AND_DELETE =
  "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end";

/**
 * Sets the fence counter ahead of Redis's clock by so many µs. A counter that is ahead already is set further ahead. The
 * reply is its new value.
 */
const COUNTER_AHEAD = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ahead = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0')) + ARGV[1]
redis.call('SET', KEYS[1], string.format('%.0f', ahead))
return string.format('%.0f', ahead)`;

export class Faults {
  readonly #arena: Arena;
  readonly #actors: readonly Actor[];
  readonly #record: (event: FuzzEvent) => void;
  /** Faults of one thing are made one after the other: the end of one must not end another. */
  readonly #chains = new Map<unknown, Promise<void>>();
  #foreigners = 0;

  constructor(arena: Arena, actors: readonly Actor[], record: (event: FuzzEvent) => void) {
    this.#arena = arena;
    this.#actors = actors;
    this.#record = record;
  }

  /** Resolves when the last fault is over. */
  async make(faults: readonly Fault[], start: number): Promise<void> {
    await Promise.all(
      faults.map(async (fault) => {
        await pause(Math.max(0, start + fault.at - sharedNow()));
        await this.#make(fault);
      }),
    );
  }

  async #make(fault: Fault): Promise<void> {
    const { kind, lasts, key } = fault;
    const { server, admin } = this.#arena;
    const actor = this.#actors[fault.session];
    switch (kind) {
      case 'pause':
        if (actor instanceof Outsider) await this.#after(actor, () => actor.pause(lasts));
        break;
      case 'compute':
        if (actor instanceof Outsider) await this.#after(actor, () => actor.compute(lasts));
        break;
      case 'kill':
        if (actor instanceof Outsider) await this.#after(`kill ${fault.session}`, () => actor.kill(lasts));
        break;
      case 'flush':
        await this.#seen({ kind }, () => admin.flushall());
        break;
      case 'script-flush':
        await this.#seen({ kind }, () => admin.script('FLUSH'));
        break;
      case 'restart':
        await this.#after(server, () =>
          this.#seen({ kind }, async () => {
            await server.kill();
            await pause(lasts);
            await server.restart();
            await admin.ping();
          }),
        );
        break;
      case 'client-pause':
        await this.#seen({ kind }, async () => {
          await admin.call('CLIENT', 'PAUSE', String(lasts), 'ALL');
          await admin.ping();
        });
        break;
      case 'freeze':
        await this.#after(server, () =>
          this.#seen({ kind }, async () => {
            server.pause();
            await pause(lasts);
            server.resume();
            await admin.ping();
          }),
        );
        break;
      case 'foreign-delete':
        await this.#seen({ kind, key }, () => admin.del(PREFIX + key));
        break;
      case 'clock-back': {
        const from = sharedNow();
        const fence = Number(await admin.eval(COUNTER_AHEAD, 1, COUNTER, lasts * 1_000));
        this.#record({ e: 'fault', kind, from, at: sharedNow(), fence });
        break;
      }
      case 'foreign-hold':
        await this.#foreignHold(key, lasts);
        break;
      case 'cut':
      case 'refuse':
      case 'hold-requests':
      case 'hold-replies':
      case 'delay':
      case 'lose-replies':
      case 'black-hole':
      case 'strand':
        await this.#after(actor.proxies, () =>
          this.#seen({ kind, session: actor.name, lanes: fault.lanes }, () =>
            onTheWay(actor.proxies, kind, fault),
          ),
        );
        break;
    }
  }

  /** Works after the earlier faults of the same thing are over. */
  #after(thing: unknown, work: () => Promise<void>): Promise<void> {
    const done = (this.#chains.get(thing) ?? Promise.resolve()).then(work);
    this.#chains.set(thing, done);
    return done;
  }

  async #seen(fault: Omit<FaultSeen, 'e' | 'from' | 'at'>, work: () => Promise<unknown>): Promise<void> {
    const from = sharedNow();
    await work();
    this.#record({ e: 'fault', ...fault, from, at: sharedNow() });
  }

  async #foreignHold(key: string, px: number): Promise<void> {
    const { admin } = this.#arena;
    this.#foreigners += 1;
    const value = `foreigner-${this.#foreigners}`;
    const from = sharedNow();
    const taken = await admin.set(PREFIX + key, value, 'PX', px, 'NX');
    let hold: Pick<Foreign, 'began' | 'until'> = { until: sharedNow() };
    if (taken === 'OK') {
      const began = sharedNow();
      await pause(Math.max(0, Math.min(px / 2, from + px - began)));
      hold = { began, until: sharedNow() };
    }
    // Deletes the key even if the client did not get it: a SET that was sent again may have succeeded the first time.
    await admin.eval(COMPARE_AND_DELETE, 1, PREFIX + key, value);
    this.#record({ e: 'foreign', key, from, px, ...hold, at: sharedNow() });
  }
}

type FaultOnTheWay = Extract<
  Fault['kind'],
  'cut' | 'refuse' | 'hold-requests' | 'hold-replies' | 'delay' | 'lose-replies' | 'black-hole' | 'strand'
>;

async function onTheWay(
  proxies: Readonly<Record<Lane, TcpProxy>>,
  kind: FaultOnTheWay,
  { lanes, lasts, by }: Fault,
): Promise<void> {
  const each = (work: (proxy: TcpProxy) => void): void => lanes.forEach((lane) => work(proxies[lane]));
  switch (kind) {
    case 'cut':
      each((proxy) => proxy.cut());
      break;
    case 'refuse':
      each((proxy) => (proxy.refuse(), proxy.cut()));
      await pause(lasts);
      each((proxy) => proxy.accept());
      break;
    case 'hold-requests':
    case 'hold-replies':
      each((proxy) => (kind === 'hold-requests' ? proxy.holdRequests() : proxy.holdReplies()));
      await pause(lasts);
      each((proxy) => proxy.release());
      break;
    case 'strand': {
      each((proxy) => proxy.holdRequests());
      await pause(lasts);
      const stranded = lanes.map((lane) => proxies[lane].strand());
      await pause(10 * by);
      for (const arrive of stranded) arrive();
      break;
    }
    case 'delay':
      each((proxy) => proxy.delay(by));
      await pause(lasts);
      each((proxy) => proxy.delay(0));
      break;
    case 'lose-replies':
    case 'black-hole':
      each((proxy) => proxy.dropReplies());
      if (kind === 'black-hole') each((proxy) => proxy.dropRequests());
      await pause(lasts);
      each((proxy) => (proxy.cut(), proxy.release()));
  }
}
