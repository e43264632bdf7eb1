/** Finds the keys of locks by SCAN, in small steps with pauses, so that other clients are served meanwhile. */
import { setTimeout as pause } from 'node:timers/promises';
import { LockStoreError } from '../../../errors/index.js';
import { globPattern } from '../../../core/util/glob.js';
import type { ClusterLike, RedisLike } from '../client/redis-client.interface.js';
import { isRefusal, storeError } from '../errors/redis-errors.js';
import type { KeyNames } from '../naming/key-names.js';
import { moved, slotLayout } from './slot-layout.js';
import { within } from './within.js';

const DOING = 'listing the locks';
/** How many names of the server one step reads. A step takes some 0.15 ms of the server, and less than 1 ms on a busy host. */
const COUNT = '100';
/**
 * The pause after a step, as a multiple of the step's own time, and its longest time in ms. So the search takes a fifth of
 * the server's time at most.
 */
const PAUSE = { factor: 4, longest: 20 };

export interface KeyScanSettings {
  readonly client: RedisLike;
  readonly names: KeyNames;
  /** In ms. */
  readonly commandTimeout: number;
}

/**
 * If slots of a Cluster move meanwhile, the nodes are searched twice. A key may move from a node that was not searched yet to
 * one that was. It is found there by the second search.
 * @yields each key that is held or queued for, once.
 */
export async function* scanKeys(
  settings: KeyScanSettings,
  pattern: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const { client, commandTimeout } = settings;
  const matches = globPattern(pattern);
  const seen = new Set<string>();
  const isNew = (key: string): boolean => {
    if (seen.has(key) || !matches.test(key)) return false;
    seen.add(key);
    return true;
  };
  if (client.isCluster !== true) return yield* scanNode(client, settings, isNew, signal);
  const masters = (): RedisLike[] => (client as ClusterLike).nodes('master');
  const before = await slotLayout(masters(), commandTimeout);
  for (const node of masters()) yield* scanNode(node, settings, isNew, signal);
  if (signal?.aborted || !moved(before, await slotLayout(masters(), commandTimeout))) return;
  for (const node of masters()) yield* scanNode(node, settings, isNew, signal);
}

async function* scanNode(
  node: RedisLike,
  { names, commandTimeout }: KeyScanSettings,
  isNew: (key: string) => boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void> {
  const match = `${names.fullPrefix.replace(/[\\*?[\]^]/g, '\\$&')}*`;
  let cursor = '0';
  do {
    if (signal?.aborted) return;
    const since = performance.now();
    const [next, found] = await step(node, cursor, match, commandTimeout);
    cursor = next;
    for (const name of found) {
      const key = names.keyOfAny(name);
      if (key !== undefined && isNew(key)) yield key;
    }
    const rest = Math.min(PAUSE.longest, PAUSE.factor * (performance.now() - since));
    if (cursor !== '0') await pause(rest, undefined, { signal }).catch(() => undefined);
  } while (cursor !== '0');
}

async function step(
  node: RedisLike,
  cursor: string,
  match: string,
  commandTimeout: number,
): Promise<[string, string[]]> {
  const reply = node.call('SCAN', cursor, 'MATCH', match, 'COUNT', COUNT).catch((error: unknown) => {
    throw isRefusal(error) ? refused(error) : storeError(DOING, error);
  });
  const [next, found] = (await within(commandTimeout, DOING, reply)) as [unknown, unknown[]];
  return [String(next), found.map(String)];
}

function refused(cause: unknown): LockStoreError {
  return new LockStoreError(
    'The Redis user may not list the locks: list() needs the right "+scan", which no other verb needs. ' +
      'Give the user that right, or use overview(), which sends a question to the processes.',
    cause,
  );
}
