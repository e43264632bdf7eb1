/** Faults that are planted in the scripts, one at a time: a comparison that does not find them is worth nothing. */
import * as scripts from '../../lib/stores/redis/scripts/scripts.js';
import type { Script } from '../../lib/stores/redis/scripts/script.js';
import type { Mutation } from './side.js';

const { ACQUIRE, BATCH, EXCHANGE, HANDOFF, RELEASE, RENEW } = scripts;

interface Fault {
  readonly in: readonly Script[];
  readonly replace: string;
  readonly by: string;
  /** Does it take an unlikely program to find it? */
  readonly rare?: boolean;
}

/** The first place of a text in a script is in its fast path; the general case comes last. */
export const FAULTS: Record<string, Fault> = {
  'acquire passes the queue': { in: [ACQUIRE], replace: "call('EXISTS', queue) == 0", by: 'true' },
  'acquire comes too late': { in: [ACQUIRE], replace: 'now <= tonumber(notAfter)', by: 'true' },
  'acquire takes a key that is held': { in: [ACQUIRE], replace: "acquire, 'NX', 'PX'", by: "acquire, 'PX'" },
  'acquire writes no fence': { in: [ACQUIRE], replace: "call('SET', domain, top)", by: '' },
  'acquire draws from a domain that is text': {
    in: [ACQUIRE],
    replace: 'if failed then return failed end',
    by: "if failed then top, last, failed, taken = now, now - 1, nil, call('SET', key, acquire, 'NX', 'PX', ttl) end",
  },
  'acquire forgets the kind conflict': {
    in: [ACQUIRE],
    replace: 'then return kind end',
    by: 'then return nil end',
  },
  'release overlooks the queue': {
    in: [RELEASE],
    replace: "head = call('ZRANGE', queue, '0', '0')[1]",
    by: 'head = nil',
  },
  'release takes a key from its holder': {
    in: [RELEASE],
    replace: 'if owner == release then',
    by: 'if owner then',
  },
  'a hand-off writes no fence': { in: [HANDOFF, RELEASE], replace: "call('SET', domain, top)", by: '' },
  'a hand-off lasts too long': {
    in: [HANDOFF, RELEASE],
    replace: "head, 'PX', OFFER_MS",
    by: "head, 'PX', 2000",
  },
  'a hand-off treats a reader as a writer': {
    in: [HANDOFF],
    replace: 'if session and not marker then',
    by: 'if session then',
    rare: true,
  },
  'a hand-off goes to a dead session': {
    in: [HANDOFF, RELEASE],
    replace: "if reached then\ncall('SET', key, head",
    by: "if true then\ncall('SET', key, head",
  },
  'a hand-off comes too late': {
    in: [HANDOFF],
    replace: "acquire == '' or now <= tonumber(notAfter)",
    by: 'true',
    rare: true,
  },
  'a hand-off leaves the head in the queue': {
    in: [HANDOFF],
    replace: "headScore = call('ZPOPMIN', queue)[2]",
    by: "headScore = call('ZRANGE', queue, 0, 0, 'WITHSCORES')[2]",
  },
  'a hand-off queues at the front': {
    in: [HANDOFF],
    replace: "'ZADD', queue, queueScore",
    by: "'ZADD', queue, '1'",
  },
  'a hand-off forgets the expiry of the queue': {
    in: [HANDOFF],
    replace: 'if length == 1 or',
    by: 'if length < 1 and',
  },
  'a hand-off forgets the error of PUBLISH': {
    in: [RELEASE],
    replace: "failure = reached['err']",
    by: '',
    rare: true,
  },
  'a batch writes no fences': { in: [BATCH], replace: "pcall(call, 'SET', domain, last)", by: 'true' },
  'a batch draws a fence twice': { in: [BATCH], replace: 'last = last + 1', by: 'last = last + 0' },
  'a batch goes on with its range after the general case': {
    in: [BATCH],
    replace: '\ntop = nil\nend',
    by: '\nend',
    rare: true,
  },
  'a batch passes the queue': { in: [BATCH], replace: "call('EXISTS', queue) == 0", by: 'true' },
  'a batch loses the holders': { in: [BATCH], replace: 'holders = KEYS[nextKey]', by: 'holders = KEYS[1]' },
  'the general case lets one too many in': {
    in: [ACQUIRE, EXCHANGE, RELEASE, HANDOFF, BATCH],
    replace: 'live < limit',
    by: 'live <= limit',
  },
  'the general case keeps nobody': { in: [EXCHANGE], replace: "call('PEXPIRE', key, releaseAfter)", by: '' },
  'the general case promotes one only': {
    in: [EXCHANGE],
    replace: 'for _ = 1 + (skipped or 0), 100 do',
    by: 'for _ = 1, 1 do',
  },
  'a renewal shortens the lease': {
    in: [RENEW],
    replace: "call('PTTL', key) < tonumber(ttl)",
    by: "call('PTTL', key) > tonumber(ttl)",
  },
  'a renewal takes any token': { in: [RENEW], replace: 'return -1 end\nend', by: 'return 0 end\nend' },
};

/** @returns the mutation, and how many scripts it has changed. */
export function planted(fault: Fault): { mutate: Mutation; planted: () => number } {
  let count = 0;
  const mutate: Mutation = (source, script) => {
    if (!fault.in.includes(script)) return source;
    const changed = source.replace(fault.replace, () => fault.by);
    if (changed === source) throw new Error(`The text of the fault is not in the script: ${fault.replace}`);
    count += 1;
    return changed;
  };
  return { mutate, planted: () => count };
}
