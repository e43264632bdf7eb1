/** One promise for all callers that wait for an event. After it has settled, later callers get a new promise. */
import { runOutside } from '../../../core/time/outside.js';
import { type Deferred, deferred } from '../../../core/util/deferred.js';

export class SharedPromise {
  #current: Deferred | undefined;

  /** Whether a caller waits for the event. */
  get pending(): boolean {
    return this.#current !== undefined;
  }

  get(): Promise<void> {
    if (this.#current === undefined) {
      this.#current = runOutside(() => deferred());
    }
    return this.#current.promise;
  }

  resolve(): void {
    this.#current?.resolve();
    this.#current = undefined;
  }

  reject(error: Error): void {
    this.#current?.reject(error);
    this.#current = undefined;
  }
}
