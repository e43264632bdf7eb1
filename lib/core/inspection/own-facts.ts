/** What this process tells about its own holds and waiters. */
import type { HeldKeys } from '../deadlock/wait-for-graph.js';
import type { CallSite } from '../deadlock/call-sites.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { LockWaiter } from './lock-info.js';
import {
  type BlockedFacts,
  type HoldFacts,
  holderId,
  type ProcessFacts,
  type TroubleFacts,
  type WaitFacts,
} from './messages.js';

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

/** Where the facts come from. */
export interface FactSource {
  readonly owner: string;
  /** The holds that run, oldest first. */
  holds(): readonly Hold[];
  /** The keys that callers wait for, or that have a lease here. */
  keys(): readonly WaitingKey[];
}

/** The limits of an answer. Answers of many processes must fit into the buffer of one connection. */
const MOST = { holds: 20, keys: 20, callers: 3, blocked: 50, searched: 1_000, details: 100, heldKeys: 20 };

export class OwnFacts {
  constructor(
    private readonly source: FactSource,
    private readonly troubles: { recent(): readonly TroubleFacts[] },
  ) {}

  /** All facts about one key. */
  about(key: string): ProcessFacts {
    const holds = this.source.holds().filter((hold) => hold.key === key);
    const waits = this.#waits().filter((each) => each.key === key);
    return {
      ...this.#counts(holds.length, waits),
      holds: holds.slice(0, MOST.details).map(factsOf),
      waits: waits.map((each) => waitFacts(each, MOST.details)),
      blocked: [],
      troubles: [],
    };
  }

  /** The oldest holds, and the keys that most callers wait for, with the first callers of each. */
  digest(): ProcessFacts {
    const holds = this.source.holds();
    const waits = this.#waits();
    const most = [...waits].sort((a, b) => b.queue.size - a.queue.size).slice(0, MOST.keys);
    return {
      ...this.#counts(holds.length, waits),
      holds: holds.slice(0, MOST.holds).map(factsOf),
      waits: most.map((each) => waitFacts(each, MOST.callers)),
      blocked: blockedOf(waits),
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

function waitFacts({ key, queue }: WaitingKey, most: number): WaitFacts {
  const callers = queue.take(most);
  const { kind, limit } = callers[0]?.options.access ?? { kind: 'exclusive' as const, limit: 1 };
  return {
    key,
    kind,
    limit: kind === 'semaphore' ? limit : undefined,
    callers: callers.map(callerOf),
    more: queue.size - callers.length,
  };
}

function callerOf(waiter: Waiter): LockWaiter {
  return {
    waited: waiter.waited,
    ...waiter.options.origin,
    site: waiter.caller.site?.frames[0],
    trace: waiter.options.call?.trace,
    holds: keysOf(waiter.caller.heldKeys).slice(0, MOST.heldKeys),
  };
}

/** The callers that hold keys while they wait. Semaphores are left out: another permit may become free. */
function blockedOf(waits: readonly WaitingKey[]): BlockedFacts[] {
  const found: BlockedFacts[] = [];
  for (const { key, queue } of waits) {
    for (const { caller, options } of queue.take(MOST.searched)) {
      if (options.access.kind === 'semaphore') continue;
      const holds = keysOf(caller.heldKeys);
      if (holds.length > 0) found.push({ holds, wants: key, label: options.origin?.label });
      if (found.length === MOST.blocked) return found;
    }
  }
  return found;
}

function keysOf(heldKeys: HeldKeys | undefined): string[] {
  const keys = new Set<string>();
  for (let each = heldKeys; each !== undefined; each = each.outer) {
    if (each.holding) for (const key of each.keys) keys.add(key);
  }
  return [...keys];
}
