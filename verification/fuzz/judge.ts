/** Judges a history: finds every breach of a rule. */
import type { History, Violation } from './history.js';
import { causes } from './rules/causes.js';
import { fences } from './rules/fences.js';
import { idle } from './rules/idle.js';
import { leases } from './rules/leases.js';
import { kindConflicts } from './rules/kind-conflicts.js';
import { order } from './rules/order.js';
import { overlaps } from './rules/overlaps.js';
import { settling } from './rules/settling.js';

export function judge(history: History): Violation[] {
  return [
    ...overlaps(history),
    ...fences(history),
    ...settling(history),
    ...leases(history),
    ...order(history),
    ...idle(history),
    ...causes(history),
    ...kindConflicts(history),
    ...leftovers(history),
  ].sort((a, b) => a.at - b.at);
}

/** Breaches that the fuzzer itself has seen. */
function leftovers({ odd, left }: History): Violation[] {
  return [
    ...odd.map(({ what, at, id }) => ({ rule: 'odd', what, at, ids: id === undefined ? [] : [id] })),
    ...left.map(({ what, at }) => ({ rule: 'left behind', what, at })),
  ];
}
