/** Checks what holds saw: do fences tell their order? */

/** One hold, with times on a clock that all who report share, in ms. */
export interface SeenHold {
  readonly keys: readonly string[];
  /** When `acquire` was called. */
  readonly requested: number;
  /** When it had resolved. */
  readonly began: number;
  readonly fence: number;
  /** It was not held any more when it began, as where its process was paused: its place among others says nothing. */
  readonly late?: boolean;
  /** It may hold its keys together with others of the same word: who of them began first says nothing. */
  readonly beside?: string;
}

/** When a test made Redis forget: from before the command to after its reply. */
export interface Forgetting {
  readonly from: number;
  readonly to: number;
  /** What it forgot; everything where absent. */
  readonly key?: string;
}

/** Two holds whose fences contradict the promise. */
export interface FenceFault<S extends SeenHold> {
  readonly holds: readonly [S, S];
  readonly what: string;
}

/**
 * Every breach of what a fence promises over all keys of one counter:
 *
 * 1. No two holds have the same.
 * 2. A hold that was requested after another one had begun has the higher one, whatever the keys, and whatever Redis
 *    forgot in between.
 * 3. Holds of one key have increasing ones in the order in which they began, but for those that may hold it together.
 *    Those that waited while Redis forgot their lease are left out: they may begin beside a later holder, and must then
 *    have the lower one.
 */
export function findFenceFaults<S extends SeenHold>(
  holds: readonly S[],
  { forgettings = [] }: { forgettings?: readonly Forgetting[] } = {},
): FenceFault<S>[] {
  const inOrder = [...holds].sort((a, b) => a.began - b.began);
  return [...repeated(inOrder), ...overtaken(inOrder), ...outOfOrder(inOrder, forgettings)];
}

/** As {@link findFenceFaults}, in words. */
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
      faults.push(fault('not above that of one that had begun before it was asked for', highest, hold));
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
  return `${keys.join('+')} #${fence} (asked ${requested.toFixed(3)}, began ${began.toFixed(3)})`;
}
