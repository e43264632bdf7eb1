/** A Lua script and the name Redis caches it under. */
import { createHash } from 'node:crypto';
import type { RedisLike } from '../redis-client.interface.js';

export interface Script {
  readonly source: string;
  readonly sha: string;
}

export function defineScript(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** Runs a script by its hash; sends its source where the server does not know it (new, restarted, `SCRIPT FLUSH`). */
export async function runScript(
  client: Pick<RedisLike, 'call'>,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  try {
    return await client.call('EVALSHA', script.sha, String(keys.length), ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return client.call('EVAL', script.source, String(keys.length), ...keys, ...args);
  }
}
