/** One promise for all callers that wait for an event. After it has settled, later callers get a new promise. */
import { runOutside } from '../../../core/time/outside.js';

export class SharedPromise {
  #current: { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } | undefined;

  /** Whether a promise is waiting for the event. */
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
