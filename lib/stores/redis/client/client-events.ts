/** Listens to a client's events. Several modules may share a client of the application, and then share one listener. */
import { SharedListeners } from '../../../core/util/shared-listeners.js';
import type { RedisLike } from './redis-client.interface.js';

const clients = new SharedListeners<RedisLike>((client, event, listener) => {
  client.on(event, listener);
  return () => void client.off(event, listener);
});

/** @returns a function that removes the listener. */
export function onClient(
  client: RedisLike,
  event: string | symbol,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the parameters differ by event
  listener: (...args: any[]) => void,
): () => void {
  return clients.on(client, event, listener);
}
