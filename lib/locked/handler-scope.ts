/** Which handlers Nest is calling just now, each with its ExecutionContext: how an interceptor tells its method. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ExecutionContext } from '@nestjs/common';

/**
 * One call of a handler by Nest, as far as its interceptor sees it: from the subscription to its end. Several lie
 * within each other (a request within a request, two decorators on one method), so the storage holds a chain.
 */
export class HandlerScope {
  /** What its method locks by, once that is known. */
  service: object | undefined;
  #ended = false;
  #abandoned = false;
  readonly #listeners = new Set<() => void>();
  readonly #abandonListeners = new Set<() => void>();

  constructor(
    /** The decoration it belongs to: the identity of one `@Locked`. */
    readonly decoration: object,
    readonly context: ExecutionContext,
  ) {}

  get ended(): boolean {
    return this.#ended;
  }

  /** Nobody listens to the handler's result any more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  /**
   * Calls back at the end, at once if it has passed.
   * @returns takes the listener away.
   */
  onEnd(listener: () => void): () => void {
    if (this.#ended) {
      listener();
      return () => {};
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whoever requested the result has left before it was there, whole. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    for (const listener of this.#abandonListeners) listener();
    this.#abandonListeners.clear();
  }

  /**
   * Calls back when the result is abandoned, at once if it has been.
   * @returns takes the listener away.
   */
  onAbandoned(listener: () => void): () => void {
    if (this.#abandoned) {
      listener();
      return () => {};
    }
    this.#abandonListeners.add(listener);
    return () => this.#abandonListeners.delete(listener);
  }
}

interface Link {
  readonly scope: HandlerScope;
  outer: Link | undefined;
}

const chain = new AsyncLocalStorage<Link | undefined>();

/** Runs `work` inside a scope. */
export function runInScope<T>(scope: HandlerScope, work: () => T): T {
  return chain.run({ scope, outer: withoutEnded(chain.getStore()) }, work);
}

/**
 * Unlinks the scopes that have ended: calls that lead from one to the next would otherwise keep all of them, with their
 * requests. It happens only where a call begins: within one call a scope that has ended tells that its client has gone.
 */
function withoutEnded(link: Link | undefined): Link | undefined {
  let first = link;
  while (first?.scope.ended === true) first = first.outer;
  for (let each = first; each !== undefined; each = each.outer) {
    while (each.outer?.scope.ended === true) each.outer = each.outer.outer;
  }
  return first;
}

/** The innermost scope of a decoration: there is one exactly where Nest is calling its method as a handler. */
export function scopeOf(decoration: object): HandlerScope | undefined {
  for (let link = chain.getStore(); link !== undefined; link = link.outer) {
    if (link.scope.decoration === decoration) return link.scope;
  }
  return undefined;
}

/**
 * Runs a handler's body without its scope: what the body calls, its own method included, is not called by Nest.
 * A retrying interceptor calls from outside of the body, and so finds the scope again.
 */
export function runOutOfScope<T>(scope: HandlerScope | undefined, work: () => T): T {
  return scope === undefined ? work() : chain.run(without(chain.getStore(), scope), work);
}

function without(link: Link | undefined, scope: HandlerScope): Link | undefined {
  if (link === undefined) return undefined;
  if (link.scope === scope) return link.outer;
  return { scope: link.scope, outer: without(link.outer, scope) };
}
