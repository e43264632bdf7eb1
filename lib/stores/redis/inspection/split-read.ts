/** Reads a key of a Cluster while its slot moves to another node: one command for each name. */
import type { RedisLike } from '../client/redis-client.interface.js';
import type { CommandSender } from '../commands/command-sender.js';
import { isWrongType } from '../errors/redis-errors.js';

/** The time after which a script without a reply may be about a slot that moves, in ms. ioredis sends it again each 100 ms. */
const MOVING = 150;

export interface ReadNames {
  readonly lock: string;
  readonly queue: string;
  readonly holders: string;
}

/**
 * While a slot moves, Redis refuses commands about several names of it, unless all of them are on one node. Commands about one
 * name work. Their replies are of different moments.
 * @param whole the reply of the script, which is taken if it is there in time.
 */
export async function orSplit(
  whole: Promise<unknown>,
  sender: CommandSender,
  names: ReadNames,
  most: number,
): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const split = new Promise<unknown>((resolve) => {
    timer = setTimeout(() => resolve(readSplit(sender, names, most)), MOVING).unref();
  }).catch(() => whole);
  try {
    return await Promise.race([whole, split]);
  } finally {
    clearTimeout(timer);
  }
}

/** @returns as the script `read-key` */
async function readSplit(sender: CommandSender, names: ReadNames, most: number): Promise<unknown> {
  const { client } = sender;
  const { lock, queue, holders } = names;
  const value = client.call('GET', lock).catch((error: unknown) => {
    if (isWrongType(error)) return '?';
    throw error;
  });
  const [now, ...replies] = await Promise.all([
    sender.serverTime(sender.until()),
    value,
    client.call('PTTL', lock),
    client.call('ZCARD', queue),
    most > 0 ? withScores(client, queue, most - 1) : [],
    withScores(client, holders, -1),
  ]);
  replies[0] ??= '';
  return [String(now), ...replies];
}

/** With RESP3, each member and its score are a list of their own. */
async function withScores(client: RedisLike, name: string, last: number): Promise<unknown[]> {
  const reply = await client.call('ZRANGE', name, '0', String(last), 'WITHSCORES');
  return (reply as unknown[]).flat();
}
