/** Work that keeps a process from reading its sockets, as a hash, a large document or a garbage collection does. */
import { stat } from 'node:fs';

/** Computes for so long, in ms. */
export function compute(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until) Math.sqrt(until);
}

/** Runs `work` where handlers of requests run: in a callback of the phase in which Node reads sockets. */
export function inIoCallback<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    stat('.', () => {
      try {
        resolve(work());
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}
