/** One promise for all who wait for the same thing; after it settled, those who come wait for the next time. */
import { runOutside } from '../../../core/time/outside.js';
import { type Deferred, deferred } from '../../../core/util/deferred.js';

export class SharedPromise {
  #current: Deferred | undefined;

  /** Does anybody wait? */
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
