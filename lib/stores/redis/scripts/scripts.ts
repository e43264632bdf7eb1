/**
 * The scripts, and which arguments each of them has. The .lua files say what they do and reply; `npm run lua` prints them.
 *
 * | script     | KEYS                                        | ARGV                                                              |
 * | ---------- | ------------------------------------------- | ----------------------------------------------------------------- |
 * | `ACQUIRE`  | lock, queue, fences, holders if they are declared | token, ttl, notAfter, mode                                  |
 * | `RELEASE`  | lock, queue, fences, holders                | token                                                             |
 * | `HANDOFF`  | lock, queue, fences, holders                | released token, token, ttl, notAfter, fences                      |
 * | `EXCHANGE` | lock, queue, fences, holders                | released token, token, ttl, notAfter, mode, fences, queueScore, releaseAfter |
 * | `BATCH`    | fences; lock, queue, holders of each        | name and arguments of each                                        |
 * | `RENEW`    | lock, fences, holders if not exclusive      | token, ttl, fences                                                |
 * | `NOTIFY`   | fences                                      | session, message                                                  |
 * | `READ_KEY` | lock, queue, holders                         | how many tokens of the queue                                      |
 * | `PUBLISH`  |                                             | channel, message                                                  |
 */
import * as generated from './generated.js';
import { type Script, defineScript } from './script.js';

function script(name: keyof typeof generated.DIGESTS): Script {
  return defineScript(generated[name], generated.DIGESTS[name]);
}

export const ACQUIRE = script('ACQUIRE');
export const RELEASE = script('RELEASE');
export const HANDOFF = script('HANDOFF');
export const EXCHANGE = script('EXCHANGE');
export const BATCH = script('BATCH');
export const RENEW = script('RENEW');
export const NOTIFY = script('NOTIFY');
export const READ_KEY = script('READ_KEY');
export const PUBLISH = script('PUBLISH');

/** The most exchanges of one command: the server does nothing else meanwhile, for some 5 µs each. */
export const MOST_EXCHANGES = 32;

/** What the key is while tokens of a kind hold it. No token is equal to it: `*` is no session. */
export const MARKERS = { shared: 'nl1:*:shared', semaphore: 'nl1:*:semaphore' } as const;

/** The first word of a script's error about a fence counter or a queue. See errors/counter-error.ts. */
export const COUNTER_ERROR = 'NLCOUNTER';

/** The keys of a lock, as the scripts take them. */
export interface ScriptKeys {
  readonly lock: string;
  readonly queue: string;
  readonly fences: string;
}

/** One exchange, and the script that it is sent with. */
export interface ExchangeCall {
  readonly script: Script;
  /** Only ACQUIRE may leave the holders out: each key that is declared costs time at the server. */
  readonly holders: string | undefined;
  readonly args: readonly Parameter[];
}

/** Bytes stand for a foreign client's value that may be no text. */
export type Parameter = string | Buffer;

/** The parameters of a command that runs one exchange: the number of keys, the keys, the arguments. */
export function parametersOf(
  { holders, args }: ExchangeCall,
  { lock, queue, fences }: ScriptKeys,
): Parameter[] {
  // A literal that spreads the arguments would grow, and be twice as large.
  const keys: Parameter[] =
    holders === undefined ? ['3', lock, queue, fences] : ['4', lock, queue, fences, holders];
  return keys.concat(args);
}

/** The parameters of BATCH. All exchanges are of one fence domain. */
export function batchParametersOf(
  exchanges: ReadonlyArray<{ readonly call: ExchangeCall; readonly keys: ScriptKeys }>,
): Parameter[] {
  const keys = [exchanges[0]?.keys.fences ?? ''];
  const all: Parameter[] = [];
  for (const {
    call,
    keys: { lock, queue },
  } of exchanges) {
    keys.push(lock, queue);
    if (call.holders !== undefined) keys.push(call.holders);
    all.push(nameInBatch(call), ...call.args);
    // The batch takes all arguments of a script.
    if (call.script === EXCHANGE) for (let i = call.args.length; i < EXCHANGE_ARGS; i += 1) all.push('');
  }
  return [String(keys.length), ...keys, ...all];
}

const EXCHANGE_ARGS = 8;

function nameInBatch({ script, holders }: ExchangeCall): string {
  switch (script) {
    case ACQUIRE:
      return holders === undefined ? 'acquire' : 'acquire with holders';
    case RELEASE:
      return 'release';
    case HANDOFF:
      return 'handoff';
    default:
      return 'exchange';
  }
}
