/** Judges a history: every breach of what the locks promise. */
import type { History, Violation } from './history.js';
import { causes } from './rules/causes.js';
import { fences } from './rules/fences.js';
import { idle } from './rules/idle.js';
import { leases } from './rules/leases.js';
import { mixing } from './rules/mixing.js';
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
    ...mixing(history),
    ...leftovers(history),
  ].sort((a, b) => a.at - b.at);
}

/** What the fuzzer saw with its own eyes. */
function leftovers({ odd, left }: History): Violation[] {
  return [
    ...odd.map(({ what, at, id }) => ({ rule: 'odd', what, at, ids: id === undefined ? [] : [id] })),
    ...left.map(({ what, at }) => ({ rule: 'left behind', what, at })),
  ];
}
