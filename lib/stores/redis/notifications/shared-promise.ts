/** One promise for all who wait for the same thing; after it settled, those who come wait for the next time. */
import { runOutside } from '../../../core/time/outside.js';

export class SharedPromise {
  #current: { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } | undefined;

  /** Does anybody wait? */
  get pending(): boolean {
    return this.#current !== undefined;
  }

  get(): Promise<void> {
    if (this.#current === undefined) {
      let resolve!: () => void;
      let reject!: (error: Error) => void;
      const promise = runOutside(
        () =>
          new Promise<void>((yes, no) => {
            resolve = yes;
            reject = no;
          }),
      );
      this.#current = { promise, resolve, reject };
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
