/** The LockStoreErrors for what Redis or ioredis reports: each error names the cause and says what to do. */
import { LockStoreError, printable, quoted, redactError } from '../../../errors/index.js';
import { messageOf } from './error-message.js';
import { counterTrouble } from './counter-error.js';

/** Why a client does not connect again, and what to change. */
export const ENDED =
  'Nothing connects it again: the client was closed, or its "retryStrategy" did not return a number. At shutdown, close your own ' +
  'client last: not before onApplicationShutdown, because handlers keep their locks until then, and best after ' +
  'app.close(). Let "retryStrategy" always return a number.';

/** What to do, by the first word of a Redis error. */
const CURES: Record<string, string> = {
  WRONGTYPE:
    'The key of the lock has a value in Redis that is not a lock. Choose another key or "prefix", or remove the value.',
  NOPERM:
    'The Redis user lacks a right: it needs EVAL, EVALSHA, GET, SET, DEL, EXISTS, PTTL, PEXPIRE, PEXPIREAT, TIME, the ' +
    'sorted-set commands and PUBLISH, SUBSCRIBE, PING, INFO, CLIENT (and SELECT for a database other than 0), for the keys ' +
    'and channels "<prefix>*". In a Cluster, hand-offs need SPUBLISH, SSUBSCRIBE and PUBSUB|SHARDNUMSUB, and the inspection ' +
    'of locks needs PUBLISH, SUBSCRIBE and PUBSUB|NUMSUB as well.',
  NOAUTH: 'Redis requires a password: give "username" and "password" in the "redis" option.',
  WRONGPASS: 'The "username" or "password" in the "redis" option is wrong.',
  READONLY: 'This Redis is a replica: point the "redis" option at the master.',
  OOM: 'Redis is out of memory: free memory, or raise "maxmemory".',
  LOADING: 'Redis is still loading its data: try again soon.',
  MASTERDOWN: 'The replica lost its master: point the "redis" option at the master.',
  CLUSTERDOWN: 'The Redis Cluster is down: see CLUSTER INFO.',
  CROSSSLOT: 'This Redis is a node of a Cluster: give a Cluster client of ioredis in the "redis" option.',
  NOREPLICAS: 'Redis has fewer replicas than "min-replicas-to-write" requires.',
  MISCONF: 'Redis cannot save to its disk and refuses writes: see its log.',
  BUSY: 'Redis is busy with a script that does not end: see SCRIPT KILL.',
};

/** What to do if a database cannot be selected, by the error. */
const DATABASE_CURES: readonly [RegExp, string][] = [
  [/NOPERM|can't run|ACL failure/, 'Give the Redis user the right "+select".'],
  [
    /out of range|invalid DB index/i,
    'Choose a lower number, or raise "databases" in the configuration of Redis.',
  ],
  [/cluster mode/i, 'This Cluster has only database 0: omit "db".'],
];

/** The beginning of an error of a script that could not select its database. */
export function selectFailed(database: number): string {
  return `WRONGDB ${database} `;
}

const SELECT_FAILED = /^-?WRONGDB (\d+) /;

/** @param cause the server's reply to the SELECT. */
export function databaseError(doing: string, database: number, cause: unknown): LockStoreError {
  const said = printable(messageOf(cause).replace(SELECT_FAILED, ''));
  const cure =
    DATABASE_CURES.find(([pattern]) => pattern.test(said))?.[1] ??
    'Check the database in the "redis" option.';
  return new LockStoreError(
    `Redis cannot select database ${database} (${doing}): ${sentence(said)} No lock is taken in another database. ${cure}`,
    redactError(cause),
  );
}

const NO_MASTER = 'No sentinel knows a master of that name: check "name" in the "redis" option.';
const SENTINEL_LOGIN =
  'Check "sentinelUsername" and "sentinelPassword" in the "redis" option: "password" is for Redis itself.';
const NO_SENTINEL = 'No sentinel answers: check "sentinels" in the "redis" option.';

/**
 * @param doing what was under way, such as `renewing the lock "a"`.
 * @param ended whether the client will not connect again.
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
  return new LockStoreError(`Redis failed ${doing}: ${sentence(said)} ${cure}`, redactError(cause));
}

/** What Redis or ioredis said, with the period that most of their messages lack. */
function sentence(said: string): string {
  return /[.!?\u2026]$/.test(said) ? said : `${said}.`;
}

function cureOf(said: string): string | undefined {
  // An error within a script has no code of its own. The first text is that of Redis 7.0, the second that of later
  // versions.
  if (/The user executing the script can't|ACL failure in script/.test(said)) return CURES.NOPERM;
  if (/^(?:failed to connect|connected) to sentinel /.test(said)) return cureOfSentinels(said);
  return CURES[/^(?:-?ERR )?([A-Z]+)\b/.exec(said)?.[1] ?? ''];
}

/** Several sentinels may have failed for different reasons. An answer of a sentinel counts before a missing one. */
function cureOfSentinels(said: string): string {
  if (/No such master|invalid reply/.test(said)) return NO_MASTER;
  return /WRONGPASS|NOAUTH/.test(said) ? SENTINEL_LOGIN : NO_SENTINEL;
}

/** What was under way, for messages: a verb, and the key, if the command was about a key. */
export function describe(doing: string, key: string | undefined): string {
  return key === undefined ? doing : `${doing} the lock ${quoted(key)}`;
}

/** What the messages say of a command with an unknown outcome. */
const UNKNOWN = 'is not known.';

/** A release by force failed. If its outcome is unknown, the error says that the holder may have lost the lock. */
export function forcedError(key: string, error: LockStoreError): LockStoreError {
  if (!error.message.includes(UNKNOWN)) return error;
  return new LockStoreError(
    `${error.message} The holder may have lost the lock ${quoted(key)}. Nothing repeats the release. ` +
      'Inspect the key: if the holder is still there, release it again.',
    error.cause,
  );
}

/** A release by force cannot name the value that it found. */
export function garbledError(key: string): LockStoreError {
  return new LockStoreError(
    `The lock ${quoted(key)} was not released: a foreign client has put a long value there, with bytes that are no text. ` +
      'If the value is to go, delete the key with DEL.',
  );
}

/** The errors of commands that were not answered in time. */
const silences = new WeakSet<LockStoreError>();

export function silentError(doing: string, ms: number): LockStoreError {
  const error = new LockStoreError(
    `Redis did not answer within ${ms} ms ${doing}. Whether the lock is free is not known. Check the connection, or ` +
      'raise "commandTimeout".',
  );
  silences.add(error);
  return error;
}

/** Whether the command was not answered within its time-out. */
export function isSilence(error: LockStoreError): boolean {
  return silences.has(error);
}

/** The command exceeded its time-out while the connection was still being opened. */
export function unconnectedError(doing: string, ms: number, cause: unknown): LockStoreError {
  const said = cause === undefined ? '' : `: ${printable(messageOf(cause))}`;
  const cure = cureOf(said) ?? 'Check the address of Redis, and that this host can reach it.';
  return new LockStoreError(
    `Redis did not answer within ${ms} ms ${doing}: the connection to it is still being opened${said}. ${cure}`,
    redactError(cause),
  );
}

/** @param ended whether the client will not connect again. */
export function downError(doing: string, cause: unknown, ended: boolean): LockStoreError {
  const said = cause === undefined ? '' : printable(messageOf(cause));
  const cure = cureOf(said);
  return new LockStoreError(
    `Redis is not connected${said === '' ? '' : `: ${said}`} (${doing}). ${cure === undefined ? '' : `${cure} `}` +
      (ended ? ENDED : 'The connection is tried again in the background.'),
    redactError(cause),
  );
}

/** The connection ended while the command was under way, and the client does not send the command again. */
export function lostError(doing: string): LockStoreError {
  return new LockStoreError(
    `The connection to Redis ended before Redis answered (${doing}), and the client does not send the command again. ` +
      'Whether the command took effect is not known.',
  );
}

/** The store was closed while the command was under way. */
export function endedError(doing: string): LockStoreError {
  return new LockStoreError(
    `The lock store was closed before Redis answered (${doing}). Whether the command took effect is not known.`,
  );
}

/** Whether the value at a lock's key is not a string. */
export function isWrongType(error: unknown): boolean {
  return error instanceof LockStoreError && messageOf(error.cause).startsWith('WRONGTYPE');
}

/** Whether the server does not know the command: its version is older, or the command is disabled. */
export function isUnknownCommand(error: unknown): boolean {
  return error instanceof Error && /^(?:-?ERR )?unknown command/i.test(error.message);
}

/**
 * The errors of a server, or of ioredis, while another server takes over: they pass by themselves. In Redis before 7.0,
 * the word comes later in the message of an error within a script.
 */
const PASSING = new RegExp(
  '^(?:-?ERR )?(?:LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS)\\b|(?:^|[ -])READONLY\\b|' +
    // The connection, or the connection to a node of a Cluster, ended during the command or was missing.
    '^(?:Connection is closed|Command aborted due to connection close|Reached the max retries per request limit|' +
    'Too many Cluster redirections|None of startup nodes is available|Failed to refresh slots cache|' +
    "Cluster isn't ready and|Stream isn't writeable and)",
);

/** Whether the cause may be over in a moment. The tokens of the failed command are released in any case. */
export function isPassing({ cause }: LockStoreError): boolean {
  return cause !== undefined && PASSING.test(messageOf(cause));
}

/**
 * Refusals by a node that does not serve the slot. After a MOVED, ioredis knows the slot's node by a name without the
 * `natMap`, and sends the command to any node. After `maxRedirections` refusals it reports an error.
 */
const ELSEWHERE = new RegExp(
  '^(?:LOADING|MASTERDOWN)\\b|(?:^|[ -])READONLY\\b|' +
    '^Too many Cluster redirections\\. Last error: \\w+: (?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN)\\b',
);

/** Whether the node does not serve the slot's commands. If so, nothing has run. */
export function isElsewhere(error: unknown): boolean {
  return error instanceof Error && ELSEWHERE.test(error.message);
}

/** Whether another node serves the slot. */
export function isMoved(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('MOVED ');
}

/** Whether trying again is useless until the configuration of the server or of the module is changed. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^(?:-?ERR )?(NOPERM|NOAUTH|WRONGPASS)\b/.test(error.message);
}
