/** Which node has which slots of a Cluster, and which slots move. */
import type { RedisLike } from '../client/redis-client.interface.js';
import { within } from './within.js';

/** A text that is equal as long as no slot moves. Undefined if it cannot be known, as the right to `CLUSTER NODES` is optional. */
export async function slotLayout(nodes: readonly RedisLike[], timeout: number): Promise<string | undefined> {
  try {
    const replies = Promise.all(nodes.map((node) => node.call('CLUSTER', 'NODES')));
    const texts = await within(timeout, 'reading the slots', replies);
    return texts.map((text) => ownSlots(String(text))).join('\n');
  } catch {
    return undefined;
  }
}

/** Whether keys may have moved from node to node between the two layouts. */
export function moved(before: string | undefined, after: string | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return before !== after || before.includes('[');
}

/** The fields after the eighth one of the node's own text line: ranges of slots, and in brackets the slots that move. */
function ownSlots(text: string): string {
  const own = text.split('\n').find((each) => each.includes('myself')) ?? '';
  return own.split(' ').slice(8).join(' ');
}
