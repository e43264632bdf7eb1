/** What this process tells about its own holds and waiters. */
import type { HeldKeys, WaitGraph } from '../deadlock/wait-for-graph.js';
import type { CallSite } from '../deadlock/call-sites.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { LockKind } from '../contracts/token.js';
import type { LockWaiter } from './lock-info.js';
import { holderId } from '../util/holder-id.js';
import type { BlockedFacts, HoldFacts, ProcessFacts, TroubleFacts, WaitFacts } from './messages.js';

interface Hold {
  readonly key: string;
  readonly token: string;
  readonly options: ResolvedAcquire;
  readonly remaining: number;
  readonly age: number;
  readonly waited: number;
  readonly usedFence: number;
  readonly site: CallSite | undefined;
}

interface Waiter {
  readonly options: ResolvedAcquire;
  readonly waited: number;
  readonly caller: { readonly site: CallSite | undefined; readonly heldKeys: HeldKeys | undefined };
}

interface WaitingKey {
  readonly key: string;
  readonly queue: { readonly size: number; take(most: number): readonly Waiter[] };
}

interface Blocked {
  readonly facts: BlockedFacts;
  /** How many such callers stand before it in the queue of the key. */
  readonly rank: number;
  readonly waited: number;
}

/** Where the facts come from. */
export interface FactSource {
  readonly owner: string;
  /** The holds that run, oldest first. */
  holds(): readonly Hold[];
  /** The keys that callers wait for, or that have a lease here. */
  keys(): readonly WaitingKey[];
}

/** The limits of an answer. Answers of many processes must fit into the buffer of one connection. */
const MOST = { holds: 20, keys: 20, callers: 3, blocked: 50, details: 100, heldKeys: 20 };

export class OwnFacts {
  /** The numbers of the waits that were told as blocked. */
  readonly #numbers = new WeakMap<object, number>();
  #count = 0;

  /** @param graph the graph of the engine. A caller may hold keys of other engines too. Their names mean nothing here. */
  constructor(
    private readonly source: FactSource,
    private readonly graph: WaitGraph,
    private readonly troubles: { recent(): readonly TroubleFacts[] },
  ) {}

  /** All facts about one key. */
  about(key: string): ProcessFacts {
    const holds = this.source.holds().filter((hold) => hold.key === key);
    const waits = this.#waits().filter((each) => each.key === key);
    return {
      ...this.#counts(holds.length, waits),
      holds: holds.slice(0, MOST.details).map(factsOf),
      waits: waits.map((each) => this.#waitFacts(each, MOST.details)),
      blocked: [],
      troubles: [],
    };
  }

  /** The oldest holds, and the keys with the longest waits and with most callers, with the first callers of each. */
  digest(): ProcessFacts {
    const holds = this.source.holds();
    const waits = this.#waits();
    const told = chosen(waits);
    return {
      ...this.#counts(holds.length, waits),
      holds: holdsBeside(told, holds).map(factsOf),
      waits: told.map((each) => this.#waitFacts(each, MOST.callers)),
      ...this.#blocked(waits, holds),
      moreKeys: waits.length > told.length ? waits.length - told.length : undefined,
      troubles: this.troubles.recent(),
    };
  }

  #counts(held: number, waits: readonly WaitingKey[]) {
    const waiting = waits.reduce((sum, { queue }) => sum + queue.size, 0);
    return { owner: this.source.owner, held, waiting };
  }

  #waits(): WaitingKey[] {
    return this.source.keys().filter(({ queue }) => queue.size > 0);
  }

  #waitFacts({ key, queue }: WaitingKey, most: number): WaitFacts {
    const callers = queue.take(most);
    const { kind, limit } = callers[0]?.options.access ?? { kind: 'exclusive' as const, limit: 1 };
    return {
      key,
      kind,
      limit: kind === 'semaphore' ? limit : undefined,
      callers: callers.map((each) => callerOf(each, this.graph)),
      more: queue.size - callers.length,
    };
  }

  /** The callers that hold keys while they wait, and the number of those that were left out. */
  #blocked(
    waits: readonly WaitingKey[],
    holds: readonly Hold[],
  ): Pick<ProcessFacts, 'blocked' | 'moreBlocked'> {
    const goingOn = new Set<string>();
    for (const { key, options } of holds) {
      if (options.access.kind === 'exclusive' && !this.graph.mayBlock(key)) goingOn.add(key);
    }
    // A key that a caller of this process holds, and does not wait, is in no cycle.
    const found = waits.flatMap((each) => (goingOn.has(each.key) ? [] : this.#blockedBy(each)));
    // Some callers of each key: a cycle may lead through any key.
    if (found.length > MOST.blocked) found.sort((a, b) => a.rank - b.rank || b.waited - a.waited);
    const more = found.length - MOST.blocked;
    return {
      blocked: found.slice(0, MOST.blocked).map(({ facts }) => facts),
      moreBlocked: more > 0 ? more : undefined,
    };
  }

  /** The callers that wait for a key, each with its rank among them. Semaphores are left out: another permit may become free. */
  #blockedBy({ key, queue }: WaitingKey): Blocked[] {
    const found: Blocked[] = [];
    let writer = false;
    for (const { caller, options, waited } of queue.take(queue.size)) {
      const { kind } = options.access;
      const reads = kind === 'shared' && !writer;
      if (kind === 'exclusive') writer = true;
      if (kind === 'semaphore' || caller.heldKeys === undefined) continue;
      const held = [...keysOf(caller.heldKeys, this.graph)].filter(([, each]) => each !== 'semaphore');
      if (held.length === 0) continue;
      const shared = held.filter(([, each]) => each === 'shared').map(([each]) => each);
      const facts: BlockedFacts = {
        holds: held.map(([each]) => each),
        wants: key,
        label: options.origin?.label,
        number: this.#numberOf(caller),
        shared: shared.length > 0 ? shared : undefined,
        reads: reads || undefined,
      };
      found.push({ facts, rank: found.length, waited });
    }
    return found;
  }

  #numberOf(caller: object): number {
    let number = this.#numbers.get(caller);
    if (number === undefined) this.#numbers.set(caller, (number = this.#count += 1));
    return number;
  }
}

/** The oldest holds, and one hold of each further key that callers here wait for. */
function holdsBeside(told: readonly WaitingKey[], holds: readonly Hold[]): Hold[] {
  const found = holds.slice(0, MOST.holds);
  const missing = new Set(told.map(({ key }) => key));
  for (const { key } of found) missing.delete(key);
  for (let i = MOST.holds; i < holds.length && missing.size > 0; i += 1) {
    if (missing.delete(holds[i].key)) found.push(holds[i]);
  }
  return found;
}

/** Half of the keys are those with the longest waits. The others are those with most callers. */
function chosen(waits: readonly WaitingKey[]): readonly WaitingKey[] {
  if (waits.length <= MOST.keys) return waits;
  const byAge = waits.map((each) => ({ each, waited: each.queue.take(1)[0]?.waited ?? 0 }));
  byAge.sort((a, b) => b.waited - a.waited);
  const keys = new Set(byAge.slice(0, MOST.keys / 2).map(({ each }) => each));
  for (const each of [...waits].sort((a, b) => b.queue.size - a.queue.size)) {
    if (keys.size === MOST.keys) break;
    keys.add(each);
  }
  return [...keys];
}

function factsOf(hold: Hold): HoldFacts {
  const { options } = hold;
  const { kind, limit } = options.access;
  return {
    key: hold.key,
    holder: holderId(hold.token),
    kind,
    remaining: hold.remaining,
    held: hold.age,
    waited: hold.waited,
    fence: hold.usedFence,
    ttl: options.ttl,
    renew: options.renew,
    maxHold: options.maxHold === Infinity ? undefined : options.maxHold,
    limit: kind === 'semaphore' ? limit : undefined,
    ...options.origin,
    site: hold.site?.frames[0],
    trace: options.call?.trace,
  };
}

function callerOf(waiter: Waiter, graph: WaitGraph): LockWaiter {
  return {
    waited: waiter.waited,
    ...waiter.options.origin,
    site: waiter.caller.site?.frames[0],
    trace: waiter.options.call?.trace,
    holds: [...keysOf(waiter.caller.heldKeys, graph).keys()].slice(0, MOST.heldKeys),
  };
}

/** The keys that a caller holds, each with its kind. */
function keysOf(heldKeys: HeldKeys | undefined, graph: WaitGraph): Map<string, LockKind> {
  const keys = new Map<string, LockKind>();
  for (let each = heldKeys; each !== undefined; each = each.outer) {
    if (!each.holding || each.graph !== graph) continue;
    for (const key of each.keys) keys.set(key, each.access.kind);
  }
  return keys;
}
