/** A Lua script and the name Redis caches it under. */
import { createHash } from 'node:crypto';

export interface Script {
  readonly source: string;
  readonly sha: string;
}

/** Comments and indentation are for readers: a script that is sent whole is sent without. */
export function defineScript(text: string): Script {
  const source = text.replace(/^[ \t]*--.*\n|^[ \t]+/gm, '').replace(/\n{2,}/g, '\n');
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** Does the server not know a script by its hash: a new one, restarted, or after `SCRIPT FLUSH`? */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
