/** A Lua script, and the hash by which Redis knows it. */
import { createHash } from 'node:crypto';

export interface Script {
  readonly source: string;
  readonly sha: string;
}

/** @param sha the SHA1 of the source, if it is known. The first hash of a process takes a millisecond. */
export function defineScript(source: string, sha = createHash('sha1').update(source).digest('hex')): Script {
  return { source, sha };
}

/** If other nodes have refused the command before, ioredis reports so many redirections, and the last error. */
const UNKNOWN = /^(?:Too many Cluster redirections\. Last error: \w+: )?NOSCRIPT\b/;

/** Whether the server does not know the script: the server is new, was restarted, or ran `SCRIPT FLUSH`. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && UNKNOWN.test(error.message);
}
