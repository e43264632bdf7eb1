/** Checks whether the fences of recorded holds tell the order of these holds. */

/** One hold. Times are in ms, on one clock for all reporting processes. */
export interface SeenHold {
  readonly keys: readonly string[];
  /** The time of the call of `acquire`. */
  readonly requested: number;
  /** The time after the call resolved. */
  readonly began: number;
  readonly fence: number;
  /**
   * Whether the lease had ended when the hold began, because its process was paused. The order of such a hold says
   * nothing.
   */
  readonly late?: boolean;
  /** A group of holds that may share their keys. The order of two holds of one group says nothing. */
  readonly beside?: string;
}

/** The time in which a test made Redis forget: from before the command to after its reply. */
export interface Forgetting {
  readonly from: number;
  readonly to: number;
  /** The key that was deleted. If absent, all keys were deleted. */
  readonly key?: string;
}

/** Two holds with fences that contradict the promise. */
export interface FenceFault<S extends SeenHold> {
  readonly holds: readonly [S, S];
  readonly what: string;
}

/**
 * Each breach of the promises that fences make for all keys of one fence domain:
 *
 * 1. No two holds have the same fence.
 * 2. A hold that was requested after another hold began has the higher fence, for all keys, and even if Redis forgot
 *    data in between.
 * 3. Holds of one key have increasing fences in the order in which they began, except holds that may share the key. A
 *    hold that waited while Redis forgot its lease is left out: it may begin beside a later holder, with the lower
 *    fence.
 */
export function findFenceFaults<S extends SeenHold>(
  holds: readonly S[],
  { forgettings = [] }: { forgettings?: readonly Forgetting[] } = {},
): FenceFault<S>[] {
  const inOrder = [...holds].sort((a, b) => a.began - b.began);
  return [...repeated(inOrder), ...overtaken(inOrder), ...outOfOrder(inOrder, forgettings)];
}

/** As {@link findFenceFaults}, as sentences. */
export function fenceFaults(
  holds: readonly SeenHold[],
  options?: { forgettings?: readonly Forgetting[] },
): string[] {
  return findFenceFaults(holds, options).map(({ what }) => what);
}

function repeated<S extends SeenHold>(holds: readonly S[]): FenceFault<S>[] {
  const seen = new Map<number, S>();
  return holds.flatMap((hold) => {
    const other = seen.get(hold.fence);
    seen.set(hold.fence, hold);
    return other === undefined ? [] : [fault('the same fence twice', other, hold)];
  });
}

function overtaken<S extends SeenHold>(inOrder: readonly S[]): FenceFault<S>[] {
  const faults: FenceFault<S>[] = [];
  let highest: S | undefined;
  let begun = 0;
  for (const hold of [...inOrder].sort((a, b) => a.requested - b.requested)) {
    for (
      let next = inOrder[begun];
      next !== undefined && next.began < hold.requested;
      next = inOrder[(begun += 1)]
    ) {
      if (highest === undefined || next.fence > highest.fence) highest = next;
    }
    if (highest !== undefined && hold.fence <= highest.fence)
      faults.push(fault('not above that of one that had begun before it was requested', highest, hold));
  }
  return faults;
}

function outOfOrder<S extends SeenHold>(
  inOrder: readonly S[],
  forgettings: readonly Forgetting[],
): FenceFault<S>[] {
  const last = new Map<string, { readonly highest: S; readonly before: S | undefined }>();
  return inOrder.flatMap((hold) =>
    hold.keys.flatMap((key) => {
      const forgotten = ({ from, to, key: only }: Forgetting): boolean =>
        (only === undefined || only === key) && hold.requested < to && from < hold.began;
      if (hold.late === true || forgettings.some(forgotten)) return [];
      const latest = last.get(key);
      const together = hold.beside !== undefined && latest?.highest.beside === hold.beside;
      const former = together ? latest?.before : latest?.highest;
      const higher = together && latest !== undefined && latest.highest.fence > hold.fence;
      last.set(key, { highest: higher ? latest.highest : hold, before: former });
      return former === undefined || former.fence < hold.fence
        ? []
        : [fault(`not above that of the one before it on ${key}`, former, hold)];
    }),
  );
}

function fault<S extends SeenHold>(what: string, former: S, hold: S): FenceFault<S> {
  return { holds: [former, hold], what: `${what}: ${told(former)}, then ${told(hold)}` };
}

function told({ keys, fence, requested, began }: SeenHold): string {
  return `${keys.join('+')} #${fence} (requested ${requested.toFixed(3)}, began ${began.toFixed(3)})`;
}
