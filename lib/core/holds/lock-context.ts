/** The locks that a call runs under: those of `using` and `@Locked` around it, found by its async context. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Hold } from './hold.js';
import type { HeldLock } from './lock.handle.js';
import { HeldKeys, type WaitGraph } from '../deadlock/wait-for-graph.js';

/**
 * One lock that a call runs under. `outer` leads to the other locks, from the inside out. A timer, a socket or a queue
 * may keep an async context in memory for ever, and this object with it. So the object drops its lock when the lock is
 * over.
 */
export class LockContext extends HeldKeys {
  readonly keys: readonly string[];
  #lock: HeldLock | undefined;

  constructor(graph: WaitGraph, outer: LockContext | undefined, lock: HeldLock) {
    super(graph, outer, lock.access);
    this.keys = lock.owned;
    this.#lock = lock;
    this.unlinkEnded();
  }

  override get outer(): LockContext | undefined {
    return super.outer as LockContext | undefined;
  }

  /** Undefined once the lock is over. */
  get lock(): HeldLock | undefined {
    if (this.#lock?.over === true) this.#lock = undefined;
    return this.#lock;
  }

  override get over(): boolean {
    return this.lock === undefined;
  }

  get holding(): boolean {
    return this.#lock?.held === true;
  }

  /** The work under the lock has settled. Work that still runs is not under the lock from now on. */
  end(): void {
    this.#lock = undefined;
  }
}

/** One storage for all services of the process: a deadlock may lead through several services. */
const lockContexts = new AsyncLocalStorage<LockContext | undefined>();

/** The innermost lock context that is not over. */
export function currentLockContext(): LockContext | undefined {
  const lockContext = lockContexts.getStore();
  return lockContext?.over === true ? lockContext.outer : lockContext;
}

export function runUnder<T>(lockContext: LockContext, work: () => T): T {
  return lockContexts.run(lockContext, work);
}

/**
 * Copies of the lock contexts that lie inside of the innermost one for which `holds` is true. These are the locks that a
 * call has of its own, if the call is not part of that holder's work.
 */
export function insideOf(
  holds: (lockContext: LockContext) => boolean,
  innermost: LockContext,
): LockContext | undefined {
  const inside: LockContext[] = [];
  let each: LockContext | undefined = innermost;
  for (; each !== undefined && !holds(each); each = each.outer) inside.push(each);
  let copy: LockContext | undefined;
  for (const { graph, lock } of inside.reverse()) {
    if (lock !== undefined) copy = new LockContext(graph, copy, lock);
  }
  return copy;
}

/** The hold by which a call in a context holds the key, through the context itself or an outer one. */
export function holdOf(key: string, innermost: LockContext, graph: WaitGraph): Hold | undefined {
  for (let context: LockContext | undefined = innermost; context !== undefined; context = context.outer) {
    const hold = heldBy(context, key, graph);
    if (hold !== undefined) return hold;
  }
  return undefined;
}

/** The hold by which the context itself holds the key. */
export function heldBy(context: LockContext, key: string, graph: WaitGraph): Hold | undefined {
  const hold = context.graph === graph ? context.lock?.rootOf(key) : undefined;
  return hold?.released === false ? hold : undefined;
}
