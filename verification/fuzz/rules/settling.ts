/**
 * No call is stuck. A call is settled within its wait and one `commandTimeout`. An aborted call is settled at once. A
 * release or an extension takes at most one `commandTimeout`. Time in which the process, the proxies or Redis could not
 * run does not count.
 */
import { type Call, type History, type Violation, settledAt } from '../history.js';
import { stalled } from './disturbances.js';

/** The margin for timers and trips, in ms. */
const MARGIN = 400;

export function settling(history: History): Violation[] {
  return history.calls.filter(({ killed }) => !killed).flatMap((call) => [...ofCall(history, call)]);
}

function* ofCall(history: History, call: Call): Generator<Violation> {
  const { id, at: requested, wait, abortedAt, hold, keys } = call;
  const { commandTimeout } = history;
  const late = (what: string, from: number, at: number | undefined, bound: number): Violation[] => {
    const end = at ?? Infinity;
    if (end - from <= bound + MARGIN) return [];
    if (at !== undefined && at - from <= bound + MARGIN + stalled(history, call.session, from, at)) return [];
    const how = at === undefined ? 'never' : `after ${Math.round(at - from)} ms`;
    return [
      {
        rule: 'stuck',
        what: `${id}: ${what} ${how}, not within ${bound} ms`,
        at: from,
        key: keys[0],
        ids: [id],
      },
    ];
  };
  const settled = settledAt(call);
  yield* late('settled', requested, settled, wait + commandTimeout);
  if (abortedAt !== undefined && (settled === undefined || settled > abortedAt))
    yield* late('settled after its signal had aborted', abortedAt, settled, 0);
  if (hold === undefined) return;
  if (hold.ending === undefined) {
    yield { rule: 'stuck', what: `${id} never came to its end`, at: hold.at, ids: [id] };
  } else yield* late('released', hold.ending.at, hold.ended?.at, commandTimeout);
  for (const { from, at } of hold.extensions) yield* late('extended', from, at, commandTimeout);
}
