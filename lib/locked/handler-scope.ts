/**
 * The handlers that Nest is calling at the moment, each with its ExecutionContext. The interceptor of `@Locked` opens a
 * scope, and the locked method finds the scope in its async context.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ExecutionContext } from '@nestjs/common';

/** Listeners to something that happens once. There is mostly one, which needs no Set. */
class Listeners {
  #first: (() => void) | undefined;
  #others: Set<() => void> | undefined;

  /** @returns a function that removes the listener. */
  add(listener: () => void): () => void {
    if (this.#first === undefined) {
      this.#first = listener;
      return () => {
        if (this.#first === listener) this.#first = undefined;
      };
    }
    const others = (this.#others ??= new Set());
    others.add(listener);
    return () => others.delete(listener);
  }

  tell(): void {
    const [first, others] = [this.#first, this.#others];
    this.#first = undefined;
    first?.();
    if (others === undefined) return;
    for (const listener of others) listener();
    others.clear();
  }
}

/**
 * One call of a handler by Nest, as its interceptor sees the call: from the subscription to the end of the
 * subscription. Scopes can be nested (a request inside a request, two decorators on one method), so the storage holds a
 * chain.
 */
export class HandlerScope {
  /** The LockService of the method, once it is known. */
  service: object | undefined;
  /** What `exchangeOf` has found: the HTTP request and response. Null if there are none. */
  exchange: object | null | undefined;
  #ended = false;
  #abandoned = false;
  #listeners: Listeners | undefined;
  #abandonListeners: Listeners | undefined;

  constructor(
    /** The identity of the one `@Locked` that this scope belongs to. */
    readonly decoration: object,
    readonly context: ExecutionContext,
  ) {}

  /** Whether nothing listens to the result of the handler any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing listens to the result of the handler any more: it has settled, or the subscription has ended. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listeners?.tell();
  }

  /**
   * Calls the listener when the scope ends, or at once if the scope has ended.
   * @returns a function that removes the listener.
   */
  onEnd(listener: () => void): () => void {
    if (this.#ended) {
      listener();
      return () => {};
    }
    return (this.#listeners ??= new Listeners()).add(listener);
  }

  /** The client left before it had the whole result. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.#abandonListeners?.tell();
  }

  /**
   * Calls the listener when the result is abandoned, or at once if it has been abandoned.
   * @returns a function that removes the listener.
   */
  onAbandoned(listener: () => void): () => void {
    if (this.#abandoned) {
      listener();
      return () => {};
    }
    return (this.#abandonListeners ??= new Listeners()).add(listener);
  }
}

/**
 * A class, not an object literal. V8 may make an object of a literal in its old generation, and then keeps what a dead one
 * refers to, which would be the whole request. See `linked-list.ts`.
 */
class Link {
  constructor(
    readonly scope: HandlerScope,
    public outer: Link | undefined,
  ) {}
}

const chain = new AsyncLocalStorage<Link | undefined>();

/** Runs `work` inside a scope, so that `scopeOf` finds the scope there. */
export function runInScope<T>(scope: HandlerScope, work: () => T): T {
  return chain.run(new Link(scope, withoutEnded(chain.getStore())), work);
}

/**
 * Removes the scopes that have ended. Without this, a chain of calls in which each call starts the next would keep all
 * earlier scopes and their requests in memory. A scope is removed only when another call begins: inside one call, a
 * scope that has ended says that the client has left.
 */
function withoutEnded(link: Link | undefined): Link | undefined {
  let first = link;
  while (first?.scope.ended === true) first = first.outer;
  for (let each = first; each !== undefined; each = each.outer) {
    while (each.outer?.scope.ended === true) each.outer = each.outer.outer;
  }
  return first;
}

/**
 * The innermost scope of a decoration. It exists exactly while Nest calls the method of that decoration as a handler.
 */
export function scopeOf(decoration: object): HandlerScope | undefined {
  for (let link = chain.getStore(); link !== undefined; link = link.outer) {
    if (link.scope.decoration === decoration) return link.scope;
  }
  return undefined;
}

/**
 * Runs the body of a handler without the scope of that handler. Nest does not call the methods that the body calls,
 * even if the body calls its own method. An interceptor that retries calls from outside the body, so it finds the scope
 * again.
 */
export function runOutOfScope<T>(scope: HandlerScope | undefined, work: () => T): T {
  return scope === undefined ? work() : chain.run(without(chain.getStore(), scope), work);
}

function without(link: Link | undefined, scope: HandlerScope): Link | undefined {
  if (link === undefined) return undefined;
  if (link.scope === scope) return link.outer;
  return new Link(link.scope, without(link.outer, scope));
}
