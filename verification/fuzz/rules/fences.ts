/**
 * Fences tell the order: over all keys, and whatever Redis forgets, as its clock goes on. The rules are those of
 * `support/fence-history.ts`.
 */
import { findFenceFaults } from '../../../test/support/fence-history.js';
import type { History, Violation } from '../history.js';
import { forgettingsOf } from './disturbances.js';

export function fences(history: History): Violation[] {
  const holds = history.calls.flatMap(({ id, keys, lock, at: requested, hold }) =>
    hold === undefined
      ? []
      : [
          {
            id,
            keys,
            requested,
            began: hold.at,
            fence: hold.fence,
            late: hold.remaining <= 0,
            beside: lock === 'exclusive' ? undefined : lock,
          },
        ],
  );
  const ahead = history.faults.flatMap(({ fence, at }) => (fence === undefined ? [] : [{ fence, at }]));
  const behind = holds.flatMap(({ id, requested, began, fence }) =>
    ahead
      .filter((counter) => requested > counter.at && fence <= counter.fence)
      .map((counter) => {
        const what = `${id}: its fence ${fence} is not above the counter, which was at ${counter.fence}`;
        return { rule: 'fence', what, at: began, ids: [id] };
      }),
  );
  const found = findFenceFaults(holds, { forgettings: forgettingsOf(history) }).map(
    ({ what, holds: [one, other] }) => {
      const ids = [one.id, other.id];
      return { rule: 'fence', what: `${ids.join(', ')}: ${what}`, at: other.began, ids };
    },
  );
  return [...found, ...behind];
}
