/** Work during which a process reads no socket, as during a hash, a large document or a garbage collection. */
import { stat } from 'node:fs';

/** Computes for `ms`. */
export function compute(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until) Math.sqrt(until);
}

/** Runs `work` in the phase in which Node reads sockets, where handlers of requests run. */
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
