/** `holdUntil: 'response'`: a call's outcome is told, so that it can be sent, and its lock is kept meanwhile. */
import type { Lock } from '../../core/contracts/lock.js';
import { deferred } from '../../core/util/deferred.js';
import { type HttpExchange, onResponseOver } from './http-exchange.js';

/** @param lock undefined with a mock of the service that gives none. */
export type Work<T> = (lock?: Lock) => T | PromiseLike<T>;

/** Whoever called, and hears of the outcome once. */
export interface Caller<T> {
  resolve(result: T): void;
  reject(error: unknown): void;
}

/** The holds of one response. */
const holds = new WeakMap<object, Set<ResponseHold>>();

/**
 * One lock that is kept until a response is over. A request never waits for itself: what it calls afterwards on a key that
 * it keeps (a retrying interceptor, a second field of GraphQL) gets it at once.
 */
export class ResponseHold {
  readonly #exchange: HttpExchange;
  readonly #service: object;
  readonly #keys: readonly string[];
  readonly #ended = deferred();
  #call: Promise<unknown> | undefined;
  #answered = false;

  constructor(exchange: HttpExchange, service: object, keys: string | readonly string[]) {
    this.#exchange = exchange;
    this.#service = service;
    this.#keys = typeof keys === 'string' ? [keys] : keys;
  }

  /** Gives back what a request keeps of some keys, for a call of its own that is to take them. */
  static async releaseKeys(
    { response }: HttpExchange,
    service: object,
    keys: string | readonly string[],
  ): Promise<void> {
    const wanted = typeof keys === 'string' ? [keys] : keys;
    const conflicting = [...(holds.get(response) ?? [])].filter(
      (hold) => hold.#service === service && hold.#keys.some((key) => wanted.includes(key)),
    );
    await Promise.all(conflicting.map((hold) => hold.#release()));
  }

  /** Does a request keep anything? */
  static existsFor({ response }: HttpExchange): boolean {
    return (holds.get(response)?.size ?? 0) > 0;
  }

  /** Runs the whole of a call. */
  async runCall<T>(call: () => Promise<T>): Promise<T> {
    const { response } = this.#exchange;
    const own = holds.get(response) ?? new Set();
    holds.set(response, own.add(this));
    try {
      return await (this.#call = call());
    } finally {
      own.delete(this);
    }
  }

  /** Runs the work, tells its caller, and resolves when the response is over. */
  async runWork<T>(work: Work<T>, lock: Lock | undefined, caller: Caller<T>): Promise<T | undefined> {
    let settleCaller: () => void;
    let result: T | undefined;
    try {
      const value = await work(lock);
      result = value;
      settleCaller = () => caller.resolve(value);
    } catch (error) {
      // Of a lock that was lost the service tells, with the work's own error as the cause.
      if (lock?.held === false) throw error;
      settleCaller = () => caller.reject(error);
    }
    if (lock?.held === false) return result;
    const stop = onResponseOver(this.#exchange, this.#ended.resolve);
    this.#answered = true;
    settleCaller();
    await this.#ended.promise;
    stop();
    return undefined;
  }

  /** Resolves when it is given back. One that still runs is waited for as any other holder is. */
  async #release(): Promise<void> {
    this.#ended.resolve();
    if (this.#answered) await this.#call?.catch(() => undefined);
  }
}
