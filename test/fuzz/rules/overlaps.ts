/**
 * One at a time: while somebody believes, with reason, to hold a key, nobody else does.
 *
 * A section believes from when its caller saw it held until it is given back, told of its loss, or until its own deadline,
 * as it last said it: a process that is paused or killed would go on to say "held" until then.
 *
 * Tolerated, as no lock on Redis can prevent it: Redis forgot the key (flush, restart without persistence, a foreign DEL)
 * while one of the two may have had it already, and before the other began. That one learns of it at its next renewal; so
 * the overlap begins no later than the longest ttl of the key after the forgetting, and no lease is prolonged beyond that.
 */
import type { Call, History, Section, Violation } from '../history.js';
import { forgettingsOf, longestTtl } from './disturbances.js';

/** Between the clock that deadlines are reckoned by and the one that Redis expires by, over one lease, in ms. */
const CLOCK_ERROR = 2;

interface Claim {
  readonly key: string;
  /** It was asked for after. */
  readonly asked: number;
  readonly from: number;
  readonly until: number;
  readonly who: string;
  readonly id?: string;
}

/** Until when a section believed to hold its keys. */
export function believedUntil({ samples, ending, loss }: Section): number {
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
            (only ?? key) === key && one.asked < to && other.from > from && b.from < to + longest,
        ),
      );
    let open: Claim[] = [];
    for (const claim of claims.sort((a, b) => a.from - b.from)) {
      open = open.filter(({ until }) => until > claim.from);
      for (const other of open) {
        if (tolerated(other, claim)) continue;
        const ms = (Math.min(other.until, claim.until) - claim.from).toFixed(3);
        found.push({
          rule: 'overlap',
          what: `${other.who} and ${claim.who} both held "${key}", for at least ${ms} ms`,
          at: claim.from,
          key,
          ids: [other.id, claim.id].filter((id) => id !== undefined),
        });
      }
      open.push(claim);
    }
  }
  return [...found, ...keptInSpite(history)];
}

/** Leases that were prolonged after Redis had forgotten them. */
function keptInSpite(history: History): Violation[] {
  const forgettings = forgettingsOf(history);
  return history.calls.flatMap(({ id, keys, section }) =>
    keys.flatMap((key) => {
      const first = section?.samples[0];
      if (section === undefined || first === undefined || first.remaining <= 0) return [];
      const forgetting = forgettings.find(
        ({ from, to, key: only }) =>
          (only ?? key) === key &&
          section.at < from &&
          section.samples.some(
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
  for (const call of calls) {
    const { section } = call;
    // Not held any more when its caller looked first: it believed nothing.
    if (section === undefined || section.remaining <= 0) continue;
    const until = believedUntil(section);
    for (const key of call.keys) add(claimOf(call, key, section.at, until));
  }
  for (const { key, from, began, px, until } of foreigners) {
    if (began === undefined) continue;
    const end = Math.min(from + px - CLOCK_ERROR, until);
    add({ key, asked: from, from: began, until: end, who: 'a foreign client' });
  }
  return claims;
}

function claimOf({ id, at, section }: Call, key: string, from: number, until: number): Claim {
  return { key, asked: at, from, until, who: `${id} #${section?.fence}`, id };
}
