/** What Redis or ioredis says, as a LockStoreError that names the cause and what to do. */
import { LockStoreError } from '../../errors/index.js';
import { messageOf } from './connection-log.js';
import { counterTrouble } from './counter-error.js';
import { redactError } from './redact.js';

/** By the first word of a Redis error. */
const CURES: Record<string, string> = {
  WRONGTYPE:
    'Something that is not a lock stands at its key in Redis. Choose another key or "prefix", or remove it.',
  NOPERM:
    'The Redis user lacks a right: it needs EVAL, EVALSHA, GET, SET, DEL, EXISTS, PTTL, PEXPIRE, PEXPIREAT, TIME, the sorted-set ' +
    'commands and PUBLISH, SUBSCRIBE (in a Cluster SPUBLISH, SSUBSCRIBE), PING, INFO, CLIENT, for the keys and channels ' +
    '"<prefix>*".',
  NOAUTH: 'Redis asks for a password: give "username" and "password" in the "redis" option.',
  WRONGPASS: 'The "username" or "password" in the "redis" option is wrong.',
  READONLY: 'This Redis is a replica: point the "redis" option at the master.',
  OOM: 'Redis is out of memory ("maxmemory"): free some, or raise it.',
  LOADING: 'Redis is still loading its data: try again soon.',
  MASTERDOWN: 'The replica lost its master: point the "redis" option at the master.',
  CLUSTERDOWN: 'The Redis Cluster is down: see CLUSTER INFO.',
  NOREPLICAS: 'Redis has fewer replicas than "min-replicas-to-write" asks for.',
  MISCONF: 'Redis cannot save to its disk and refuses writes: see its log.',
  BUSY: 'Redis is busy with a script that does not end: see SCRIPT KILL.',
};

/** @param doing what was under way, such as `asking for the lock "a"`. */
export function storeError(doing: string, cause: unknown): LockStoreError {
  if (cause instanceof LockStoreError) return cause;
  const said = messageOf(cause);
  const counter = counterTrouble(said);
  if (counter !== undefined)
    return new LockStoreError(`Redis failed ${doing}: ${counter}`, redactError(cause));
  const cure = cureOf(said) ?? 'Whether the lock is free is not known.';
  return new LockStoreError(`Redis failed ${doing}: ${said} ${cure}`, redactError(cause));
}

function cureOf(said: string): string | undefined {
  // Within a script it has no code of its own: in Redis 7.0, and since.
  if (/The user executing the script can't|ACL failure in script/.test(said)) return CURES.NOPERM;
  return CURES[/^(?:-?ERR )?([A-Z]+)\b/.exec(said)?.[1] ?? ''];
}

/** What was under way: a verb, and the key it was about, where it was about one. */
export function describe(doing: string, key: string | undefined): string {
  return key === undefined ? doing : `${doing} the lock "${key}"`;
}

export function silentError(doing: string, ms: number): LockStoreError {
  return new LockStoreError(
    `Redis did not answer within ${ms} ms ${doing}. Whether the lock is free is not known. Check the connection, or ` +
      'raise "commandTimeout".',
  );
}

export function downError(doing: string, cause: unknown): LockStoreError {
  const said = cause === undefined ? '' : messageOf(cause);
  const cure = cureOf(said);
  return new LockStoreError(
    `Redis is not connected${said === '' ? '' : `: ${said}`} (${doing}). ${cure === undefined ? '' : `${cure} `}` +
      'It is tried again in the background.',
    redactError(cause),
  );
}

/** The store was closed while it was under way. */
export function endedError(doing: string): LockStoreError {
  return new LockStoreError(
    `The lock store was closed before Redis answered (${doing}). Whether it took effect is not known.`,
  );
}

/** Does something that is no string stand at a lock's key? */
export function isWrongType(error: unknown): boolean {
  return error instanceof LockStoreError && messageOf(error.cause).startsWith('WRONGTYPE');
}

/** Does the server not have the command: it is older, or was told to have it not? */
export function isUnknownCommand(error: unknown): boolean {
  return error instanceof Error && /^(?:-?ERR )?unknown command/i.test(error.message);
}

/** Is the slot another node's? */
export function isMoved(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('MOVED ');
}

/** Will trying again not help before somebody changes the server's or the module's set-up? */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^(?:-?ERR )?(NOPERM|NOAUTH|WRONGPASS)\b/.test(error.message);
}
