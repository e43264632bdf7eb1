/**
 * `holdUntil: 'response'`: the caller gets the outcome of the call, and the lock stays held until the response is over.
 */
import type { Lock } from '../../core/contracts/lock.js';
import { deferred } from '../../core/util/deferred.js';
import { type HttpExchange, onResponseOver } from './http-exchange.js';

/** @param lock undefined if a mock of the LockService passes no lock. */
export type Work<T> = (lock?: Lock) => T | PromiseLike<T>;

/** The caller, which is told the outcome once. */
export interface Caller<T> {
  resolve(result: T): void;
  reject(error: unknown): void;
}

/** The holds of each response. */
const holds = new WeakMap<object, Set<ResponseHold>>();
/** How many there are. Most applications have none, so that no response has to be found. */
let count = 0;

/**
 * One lock that is held until a response is over.
 *
 * A request never waits for itself. A later call of the same request may need a key that the request still holds.
 * Examples are an interceptor that retries, and a second field of GraphQL. The key is released first, and the later
 * call acquires it.
 */
export class ResponseHold {
  readonly #exchange: HttpExchange;
  readonly #service: object;
  readonly #keys: readonly string[];
  /** Resolves when the lock is to be released. */
  readonly #ended = deferred();
  /** The whole call, release included. */
  #call: Promise<unknown> | undefined;
  /** The caller has been told the outcome. */
  #answered = false;

  constructor(exchange: HttpExchange, service: object, keys: string | readonly string[]) {
    this.#exchange = exchange;
    this.#service = service;
    this.#keys = typeof keys === 'string' ? [keys] : keys;
  }

  /** Releases what a request still holds of some keys, before another call of the same request acquires them. */
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

  /** Whether a request still holds a lock. */
  static existsFor({ response }: HttpExchange): boolean {
    return count > 0 && (holds.get(response)?.size ?? 0) > 0;
  }

  /** Runs the whole call: the wait, the work, and the release. */
  async runCall<T>(call: () => Promise<T>): Promise<T> {
    const { response } = this.#exchange;
    const own = holds.get(response) ?? new Set();
    holds.set(response, own.add(this));
    count += 1;
    try {
      return await (this.#call = call());
    } finally {
      own.delete(this);
      count -= 1;
    }
  }

  /** Runs the work and tells the caller the outcome. Resolves when the response is over. */
  async runWork<T>(work: Work<T>, lock: Lock | undefined, caller: Caller<T>): Promise<T | undefined> {
    let settleCaller: () => void;
    let result: T | undefined;
    try {
      const value = await work(lock);
      result = value;
      settleCaller = () => caller.resolve(value);
    } catch (error) {
      // If the lock was lost, the service rejects with a LockLostError, and the error of the work is its cause.
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

  /**
   * Resolves when the lock has been released. If the work still runs, it resolves at once: the new call then waits for
   * the lock, as it waits for every other holder.
   */
  async #release(): Promise<void> {
    this.#ended.resolve();
    if (this.#answered) await this.#call?.catch(() => undefined);
  }
}
