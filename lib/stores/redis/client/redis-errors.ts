/** What Redis or ioredis says, as a LockStoreError that names the cause and what to do. */
import { LockStoreError, printable, quoted, redactError } from '../../../errors/index.js';
import { messageOf } from './connection-log.js';
import { counterTrouble } from './counter-error.js';
import { ENDED } from './reconnection.js';

/** By the first word of a Redis error. */
const CURES: Record<string, string> = {
  WRONGTYPE:
    'Something that is not a lock stands at its key in Redis. Choose another key or "prefix", or remove it.',
  NOPERM:
    'The Redis user lacks a right: it needs EVAL, EVALSHA, GET, SET, DEL, EXISTS, PTTL, PEXPIRE, PEXPIREAT, TIME, the sorted-set ' +
    'commands and PUBLISH, SUBSCRIBE (in a Cluster SPUBLISH, SSUBSCRIBE), PING, INFO, CLIENT (and SELECT for a database other than 0), for the keys and channels ' +
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

/** Causes for which a database cannot be selected. */
const DATABASE_CURES: readonly [RegExp, string][] = [
  [/NOPERM|can't run|ACL failure/, 'Give the Redis user the right "+select".'],
  [
    /out of range|invalid DB index/i,
    'Choose a lower number, or raise "databases" in the configuration of Redis.',
  ],
  [/cluster mode/i, 'This Cluster has database 0 alone: leave "db" out.'],
];

/** How an error begins when a script could not select its database. */
export function selectFailed(database: number): string {
  return `WRONGDB ${database} `;
}

const SELECT_FAILED = /^-?WRONGDB (\d+) /;

/** @param cause what the server said to the SELECT. */
export function databaseError(doing: string, database: number, cause: unknown): LockStoreError {
  const said = printable(messageOf(cause).replace(SELECT_FAILED, ''));
  const cure =
    DATABASE_CURES.find(([pattern]) => pattern.test(said))?.[1] ?? 'See the database in the "redis" option.';
  return new LockStoreError(
    `Redis cannot select database ${database} (${doing}): ${said}. No lock is taken in another database. ${cure}`,
    redactError(cause),
  );
}

const NO_MASTER = 'No sentinel knows a master of that name: check "name" in the "redis" option.';
const SENTINEL_LOGIN =
  'Check "sentinelUsername" and "sentinelPassword" in the "redis" option: "password" is for Redis itself.';
const NO_SENTINEL = 'No sentinel answers: check "sentinels" in the "redis" option.';

/**
 * @param doing what was under way, such as `requesting the lock "a"`.
 * @param ended is the client one that does not connect again?
 */
export function storeError(doing: string, cause: unknown, ended = false): LockStoreError {
  if (cause instanceof LockStoreError) return cause;
  const said = printable(messageOf(cause));
  const database = SELECT_FAILED.exec(said)?.[1];
  if (database !== undefined) return databaseError(doing, Number(database), cause);
  const counter = counterTrouble(said);
  if (counter !== undefined)
    return new LockStoreError(`Redis failed ${doing}: ${counter}`, redactError(cause));
  const cure = cureOf(said) ?? (ended ? ENDED : 'Whether the lock is free is not known.');
  return new LockStoreError(`Redis failed ${doing}: ${said} ${cure}`, redactError(cause));
}

function cureOf(said: string): string | undefined {
  // Within a script it has no code of its own: in Redis 7.0, and since.
  if (/The user executing the script can't|ACL failure in script/.test(said)) return CURES.NOPERM;
  if (/^(?:failed to connect|connected) to sentinel /.test(said)) return cureOfSentinels(said);
  return CURES[/^(?:-?ERR )?([A-Z]+)\b/.exec(said)?.[1] ?? ''];
}

/** Several may have failed, each by a reason of its own: by what those said that answered. */
function cureOfSentinels(said: string): string {
  if (/No such master|invalid reply/.test(said)) return NO_MASTER;
  return /WRONGPASS|NOAUTH/.test(said) ? SENTINEL_LOGIN : NO_SENTINEL;
}

/** What was under way: a verb, and the key it was about, where it was about one. */
export function describe(doing: string, key: string | undefined): string {
  return key === undefined ? doing : `${doing} the lock ${quoted(key)}`;
}

/** Errors that say that nothing was said. */
const silences = new WeakSet<LockStoreError>();

export function silentError(doing: string, ms: number): LockStoreError {
  const error = new LockStoreError(
    `Redis did not answer within ${ms} ms ${doing}. Whether the lock is free is not known. Check the connection, or ` +
      'raise "commandTimeout".',
  );
  silences.add(error);
  return error;
}

/** Was there no answer for as long as a command may take? */
export function isSilence(error: LockStoreError): boolean {
  return silences.has(error);
}

/** The time of a command is over, and the connection is still being opened. */
export function unconnectedError(doing: string, ms: number, cause: unknown): LockStoreError {
  const said = cause === undefined ? '' : `: ${printable(messageOf(cause))}`;
  const cure = cureOf(said) ?? 'Check the address of Redis, and that it can be reached from here.';
  return new LockStoreError(
    `Redis did not answer within ${ms} ms ${doing}: the connection to it is still being opened${said}. ${cure}`,
    redactError(cause),
  );
}

/** @param ended is the client one that does not connect again? */
export function downError(doing: string, cause: unknown, ended: boolean): LockStoreError {
  const said = cause === undefined ? '' : printable(messageOf(cause));
  const cure = cureOf(said);
  return new LockStoreError(
    `Redis is not connected${said === '' ? '' : `: ${said}`} (${doing}). ${cure === undefined ? '' : `${cure} `}` +
      (ended ? ENDED : 'It is tried again in the background.'),
    redactError(cause),
  );
}

/** The connection ended while it was under way, and the client does not send it again. */
export function lostError(doing: string): LockStoreError {
  return new LockStoreError(
    `The connection to Redis ended before it answered (${doing}), and the client does not send again what was sent. Whether ` +
      'it took effect is not known.',
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

/**
 * What a server, or ioredis, says while another one takes over: it passes by itself. Within a script the word comes later in
 * the message, in Redis before 7.0.
 */
const PASSING = new RegExp(
  '^(?:-?ERR )?(?:LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS)\\b|(?:^|[ -])READONLY\\b|' +
    // The connection, or that to a node of a Cluster, ended under the command, or was not there.
    '^(?:Connection is closed|Command aborted due to connection close|Reached the max retries per request limit|' +
    'Too many Cluster redirections|None of startup nodes is available|Failed to refresh slots cache|' +
    "Cluster isn't ready and|Stream isn't writeable and)",
);

/** Did it fail by what may be over in a moment? What it left behind is released as ever. */
export function isPassing({ cause }: LockStoreError): boolean {
  return cause !== undefined && PASSING.test(messageOf(cause));
}

/** Is the node none that serves the slot's commands, so that nothing has run? */
export function isElsewhere(error: unknown): boolean {
  return error instanceof Error && /^(?:LOADING|MASTERDOWN)\b|(?:^|[ -])READONLY\b/.test(error.message);
}

/** Is the slot another node's? */
export function isMoved(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('MOVED ');
}

/** Will trying again not help before somebody changes the server's or the module's set-up? */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^(?:-?ERR )?(NOPERM|NOAUTH|WRONGPASS)\b/.test(error.message);
}
