/** What of two runs must be equal, and what is compared within bounds. */
import { isDeepStrictEqual } from 'node:util';
import type { ExchangeReply } from '../../lib/core/contracts/store.contract.js';
import { accessOf } from '../../lib/core/contracts/token.js';
import type { KeyState, Said } from './side.js';

/** In µs. Steps are 6 ms apart. */
const DRAWN_WITHIN = 2_000;
/** In ms. */
const QUEUE_AGE = 10_000;
export class Difference extends Error {}

/** Consecutive fences. */
export interface Range {
  readonly fence: number;
  readonly drawn: number;
}

/** @returns the last of them. @throws Difference if one is not above those before it. */
export function ascends(ranges: readonly Range[], latest: number): number {
  for (const { fence, drawn } of ranges) {
    if (fence <= latest) throw new Difference(`The fence ${fence} is not above ${latest}.`);
    latest = fence + drawn - 1;
  }
  return latest;
}

/** All of a reply but the numbers that are drawn from the clock. */
export function sayOf(said: Said, inBatch: boolean): unknown {
  if ('error' in said) return said;
  const { reply, ...rest } = said;
  const { acquire, released } = reply;
  if (acquire === undefined) return { released, ...rest };
  if (acquire.state === 'granted') {
    // Several draw from one moment: each gets at least one.
    return { released, ...rest, state: 'granted', drawn: inBatch ? acquire.drawn > 0 : acquire.drawn };
  }
  if (acquire.state !== 'queued') return { released, ...rest, ...acquire };
  const { queueScore: _score, fence: _fence, ...others } = acquire;
  return { released, ...rest, ...others };
}

export function numbersOf(said: Said): number[] {
  const acquire = 'error' in said ? undefined : said.reply.acquire;
  if (acquire?.state === 'granted') return [acquire.fence];
  return acquire?.state === 'queued' ? [acquire.queueScore, acquire.fence] : [];
}

/** What the reference model says, too: of several holders that end at one moment it may name another. */
export function modelled(said: Said | { reply: ExchangeReply }): unknown {
  if ('error' in said) return said;
  const { released, acquire } = said.reply;
  if (acquire === undefined) return { released };
  const { state } = acquire;
  if (state === 'granted' || state === 'not-queued') return { released, state };
  if (state === 'kind-conflict') return { released, state, kind: acquire.kind };
  const holder = { kind: accessOf(acquire.holder)?.kind, remaining: Math.round(acquire.remaining) };
  if (state === 'busy') return { released, state, ...holder };
  return { released, state, ...holder, length: acquire.length, first: acquire.first };
}

/** A key without the numbers that are drawn from the clock. */
export function bare({ name, type, ends, holds }: KeyState): unknown {
  if (name.includes('~nl:q'))
    return { name, type, ends: ends !== undefined, tokens: holds.filter((_, i) => i % 2 === 0) };
  if (name.includes('~nl:f'))
    return { name, type, ends, drawn: holds.length === 1 && /^\d{16}$/.test(holds[0]) };
  return { name, type, ends, holds };
}

export function compareKey(mine: KeyState, theirs: KeyState): void {
  if (mine.name.includes('~nl:f') && mine.type === 'string' && /^\d+$/.test(mine.holds[0])) {
    near('domains', Number(mine.holds[0]), Number(theirs.holds[0]));
  }
  if (!mine.name.includes('~nl:q')) return;
  const scoresOf = ({ holds }: KeyState): number[] => holds.filter((_, i) => i % 2 === 1).map(Number);
  scoresOf(mine).forEach((score, i) => near('queue scores', score, scoresOf(theirs)[i]));
  near('ends of queues', mine.ends ?? 0, theirs.ends ?? 0, QUEUE_AGE);
}

export function fenceOf(message: string): number {
  return Number(/ (\d+) /.exec(message)?.[1]);
}

export function near(what: string, mine: number, theirs: number, within = DRAWN_WITHIN): void {
  if (Math.abs(mine - theirs) <= within) return;
  throw new Difference(`The ${what} differ: ${mine} with the scripts that are picked, ${theirs} otherwise.`);
}

export function equal(what: string, mine: unknown, other: unknown, where?: unknown): void {
  if (isDeepStrictEqual(mine, other)) return;
  const show = (value: unknown): string =>
    JSON.stringify(value, (_, each: unknown) => (each === Infinity ? 'Infinity' : each));
  throw new Difference(
    `The ${what} differ.\n${show(mine)}\n${show(other)}${where === undefined ? '' : `\nof ${show(where)}`}`,
  );
}
