/** Under which locks a call runs: those of `using` and `@Locked` around it, by its async context. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { HeldLock } from './lock.handle.js';
import { Claim, type WaitGraph } from './wait-for.js';

/**
 * One lock that a call runs under; `outer` leads to the others, innermost first. A timer, a socket or a queue may keep the
 * async context for ever, and with it the scope. So a scope lets go of its lock when that is over.
 */
export class Scope extends Claim {
  readonly keys: readonly string[];
  #lock: HeldLock | undefined;

  constructor(graph: WaitGraph, outer: Scope | undefined, lock: HeldLock) {
    super(graph, outer, lock.sharing);
    this.keys = lock.owned;
    this.#lock = lock;
    this.unlinkEnded();
  }

  override get outer(): Scope | undefined {
    return super.outer as Scope | undefined;
  }

  /** Undefined once it is over. */
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

  /** What it was made for has settled. Work that was left running is not under its lock from now on. */
  end(): void {
    this.#lock = undefined;
  }
}

/** Of all services of the process: a deadlock may lead through several. */
const scopes = new AsyncLocalStorage<Scope | undefined>();

/** The innermost scope that is not over. */
export function currentScope(): Scope | undefined {
  const scope = scopes.getStore();
  return scope?.over === true ? scope.outer : scope;
}

export function runUnder<T>(scope: Scope, work: () => T): T {
  return scopes.run(scope, work);
}

/**
 * Copies of the scopes inside of the innermost one that holds a key: what a call has of its own, if it is not part of that
 * holder's work.
 */
export function insideOf(holds: (scope: Scope) => boolean, innermost: Scope): Scope | undefined {
  const inside: Scope[] = [];
  let each: Scope | undefined = innermost;
  for (; each !== undefined && !holds(each); each = each.outer) inside.push(each);
  let copy: Scope | undefined;
  for (const { graph, lock } of inside.reverse()) {
    if (lock !== undefined) copy = new Scope(graph, copy, lock);
  }
  return copy;
}
