/**
 * While somebody believes, with reason, to hold a key, nobody else does: but readers beside readers, and as many holders
 * of a semaphore as their limits allow, each by a permit of its own.
 *
 * A hold believes from when its caller saw it held until it is given back, told of its loss, or until its own deadline,
 * as it last said it: a process that is paused or killed would go on to say "held" until then.
 *
 * Tolerated, as no lock on Redis can prevent it: Redis forgot the key (flush, restart without persistence, a foreign DEL)
 * while one of the two may have had it already, and before the other began. That one learns of it at its next renewal; so
 * the overlap begins no later than the longest ttl of the key after the forgetting, and no lease is prolonged beyond that.
 */
import type { LockKind } from '../../../lib/core/contracts/token.js';
import { type Call, type History, type Hold, type Violation, tokenOf } from '../history.js';
import { isCrowded } from './crowd.js';
import { forgettingsOf, longestTtl } from './disturbances.js';

/** Between the clock that deadlines are reckoned by and the one that Redis expires by, over one lease, in ms. */
const CLOCK_ERROR = 2;

interface Claim {
  readonly key: string;
  /** It was requested after. */
  readonly requested: number;
  readonly from: number;
  readonly until: number;
  readonly who: string;
  readonly lock: LockKind;
  /** Of a semaphore. */
  readonly limit: number;
  /** Its lease cannot have been granted before. */
  readonly earliest: number;
  readonly token?: string;
  readonly id?: string;
}

/** Until when a hold believed to hold its keys. */
export function believedUntil({ samples, ending, loss }: Hold): number {
  let certain = -Infinity;
  let deadline = -Infinity;
  for (const { at, remaining } of samples) {
    if (remaining <= 0) continue;
    certain = Math.max(certain, at);
    deadline = Math.max(deadline, at + remaining - CLOCK_ERROR);
  }
  return Math.max(certain, Math.min(deadline, ending?.at ?? Infinity, loss?.at ?? Infinity));
}

export function overlaps(history: History): Violation[] {
  const found: Violation[] = [];
  const forgettings = forgettingsOf(history);
  for (const [key, claims] of claimsByKey(history)) {
    const longest = longestTtl(history, key);
    const tolerated = (a: Claim, b: Claim): boolean =>
      [
        [a, b],
        [b, a],
      ].some(([one, other]) =>
        forgettings.some(
          ({ from, to, key: only }) =>
            (only ?? key) === key && one.requested < to && other.from > from && b.from < to + longest,
        ),
      );
    let open: Claim[] = [];
    for (const claim of claims.sort((a, b) => a.from - b.from)) {
      open = open.filter(({ until }) => until > claim.from);
      const others = open.filter((other) => !tolerated(other, claim));
      for (const other of others) {
        if (goBeside(other, claim)) continue;
        const ms = (Math.min(other.until, claim.until) - claim.from).toFixed(3);
        found.push({
          rule: 'overlap',
          what: `${other.who} and ${claim.who} both held "${key}", for at least ${ms} ms`,
          at: claim.from,
          key,
          ids: [other.id, claim.id].filter((id) => id !== undefined),
        });
      }
      if (claim.lock === 'semaphore') {
        const what = tooMany(
          claim,
          others.filter(({ lock }) => lock === 'semaphore'),
        );
        const ids = [...others, claim].map(({ id }) => id).filter((id) => id !== undefined);
        if (what !== undefined) found.push({ rule: 'overlap', what, at: claim.from, key, ids });
      }
      open.push(claim);
    }
  }
  return [...found, ...keptInSpite(history)];
}

/** May two hold a key at once, if there are no more of them? */
function goBeside(one: Claim, other: Claim): boolean {
  return (
    one.lock === other.lock &&
    one.lock !== 'exclusive' &&
    (one.lock === 'shared' || one.token !== other.token)
  );
}

function tooMany(claim: Claim, others: readonly Claim[]): string | undefined {
  const who = (): string => others.map((other) => `${other.who} (limit ${other.limit})`).join(', ');
  if (isCrowded([claim, ...others].map(({ limit }) => limit)))
    return `${claim.who} (limit ${claim.limit}) held "${claim.key}" together with ${who()}`;
  // Who had it before this one's lease can have been granted, and still has, was counted when it was.
  const before = others.filter(({ from }) => from <= claim.earliest).length;
  return before < claim.limit
    ? undefined
    : `${claim.who} (limit ${claim.limit}) was let in to "${claim.key}", which ${before} held already: ${who()}`;
}

/** Leases that were prolonged after Redis had forgotten them. */
function keptInSpite(history: History): Violation[] {
  const forgettings = forgettingsOf(history);
  return history.calls.flatMap(({ id, keys, hold }) =>
    keys.flatMap((key) => {
      const first = hold?.samples[0];
      if (hold === undefined || first === undefined || first.remaining <= 0) return [];
      const forgetting = forgettings.find(
        ({ from, to, key: only }) =>
          (only ?? key) === key &&
          hold.at < from &&
          hold.samples.some(
            ({ at, remaining }) => at > to && at + remaining > to + longestTtl(history, key) + CLOCK_ERROR,
          ),
      );
      if (forgetting === undefined) return [];
      const what = `${id} prolonged its lease of "${key}", which Redis had forgotten`;
      return [{ rule: 'overlap', what, at: forgetting.to, key, ids: [id] }];
    }),
  );
}

function claimsByKey({ calls, foreigners }: History): Map<string, Claim[]> {
  const claims = new Map<string, Claim[]>();
  const add = (claim: Claim): void => {
    const others = claims.get(claim.key);
    if (others === undefined) claims.set(claim.key, [claim]);
    else others.push(claim);
  };
  const earliest = earliestGrants(calls);
  for (const call of calls) {
    const { hold } = call;
    // Not held any more when its caller checked first: it believed nothing.
    if (hold === undefined || hold.remaining <= 0) continue;
    const until = believedUntil(hold);
    for (const key of call.keys) add(claimOf(call, key, { hold, until, earliest: earliest(call, key) }));
  }
  for (const { key, from, began, px, until } of foreigners) {
    if (began === undefined) continue;
    const end = Math.min(from + px - CLOCK_ERROR, until);
    const of = { lock: 'exclusive', limit: 1, earliest: from } as const;
    add({ key, requested: from, from: began, until: end, who: 'a foreign client', ...of });
  }
  return claims;
}

function claimOf(
  call: Call,
  key: string,
  { hold, until, earliest }: { hold: Hold; until: number; earliest: number },
): Claim {
  const { id, at, lock, limit = 1 } = call;
  const who = `${id} #${hold.fence}`;
  const token = tokenOf(call, hold, key);
  return { key, requested: at, from: hold.at, until, who, lock, limit, earliest, token, id };
}

/**
 * A lease serves callers of the session that were waiting when it came; who came while it was under way may be among them. So
 * it was requested no earlier than the first of an unbroken row of calls that waited until this one did.
 */
function earliestGrants(calls: readonly Call[]): (call: Call, key: string) => number {
  const rows = new Map<string, Array<{ from: number; to: number }>>();
  for (const { kind, session, keys, at, hold, refused } of calls) {
    if (kind === 'try') continue;
    for (const key of keys) {
      const row = rows.get(`${session} ${key}`) ?? [];
      rows.set(`${session} ${key}`, row);
      const last = row.at(-1);
      const to = hold?.at ?? refused?.at ?? Infinity;
      if (last !== undefined && at <= last.to) last.to = Math.max(last.to, to);
      else row.push({ from: at, to });
    }
  }
  return ({ kind, session, at }, key) => {
    if (kind === 'try') return at;
    return rows.get(`${session} ${key}`)?.findLast(({ from }) => from <= at)?.from ?? at;
  };
}
