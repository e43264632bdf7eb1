/** The events of a client: it may be the application's own, and shared by several modules. */
import { SharedListeners } from '../../../core/util/shared-listeners.js';
import type { RedisLike } from './redis-client.interface.js';

const clients = new SharedListeners<RedisLike>((client, event, listener) => {
  client.on(event, listener);
  return () => void client.off(event, listener);
});

/** @returns takes the listener away. */
export function onClient(
  client: RedisLike,
  event: string | symbol,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the parameters differ by event
  listener: (...args: any[]) => void,
): () => void {
  return clients.on(client, event, listener);
}
