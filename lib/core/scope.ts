/** Under which locks a call runs: those of `using` and `@Locked` around it, by its async context. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { HeldLock } from './lock.handle.js';
import { Claim, type WaitGraph } from './wait-for.js';

/** One lock that a call runs under; `outer` leads to the others, innermost first. */
export class Scope extends Claim {
  declare readonly outer: Scope | undefined;

  constructor(
    graph: WaitGraph,
    outer: Scope | undefined,
    readonly lock: HeldLock,
  ) {
    super(graph, outer, lock.sharing);
  }

  get keys(): readonly string[] {
    return this.lock.owned;
  }

  get holding(): boolean {
    return this.lock.held;
  }
}

/** Of all services of the process: a deadlock may lead through several. */
const scopes = new AsyncLocalStorage<Scope | undefined>();

export function currentScope(): Scope | undefined {
  return scopes.getStore();
}

export function runUnder<T>(scope: Scope, work: () => T): T {
  return scopes.run(scope, work);
}
