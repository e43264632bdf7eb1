/** Bounds the time of a command that the sender of the scripts does not send. */
import { silentError } from '../errors/redis-errors.js';

/** @throws LockStoreError after `ms` */
export async function within<T>(ms: number, doing: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(silentError(doing, ms)), ms).unref();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
