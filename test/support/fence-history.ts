/** Checks what sections saw: do fences tell their order? */

/** One section, with times on a clock that all who report share, in ms. */
export interface SeenSection {
  readonly keys: readonly string[];
  /** When `acquire` was called. */
  readonly asked: number;
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

/** Two sections whose fences contradict the promise. */
export interface FenceFault<S extends SeenSection> {
  readonly sections: readonly [S, S];
  readonly what: string;
}

/**
 * Every breach of what a fence promises over all keys of one counter:
 *
 * 1. No two sections have the same.
 * 2. A section that was asked for after another one had begun has the higher one, whatever the keys, and whatever Redis
 *    forgot in between.
 * 3. Sections of one key have increasing ones in the order in which they began, but for those that may hold it together.
 *    Those that waited while Redis forgot their lease are left out: they may begin beside a later holder, and must then
 *    have the lower one.
 */
export function findFenceFaults<S extends SeenSection>(
  sections: readonly S[],
  { forgettings = [] }: { forgettings?: readonly Forgetting[] } = {},
): FenceFault<S>[] {
  const inOrder = [...sections].sort((a, b) => a.began - b.began);
  return [...repeated(inOrder), ...overtaken(inOrder), ...outOfOrder(inOrder, forgettings)];
}

/** As {@link findFenceFaults}, in words. */
export function fenceFaults(
  sections: readonly SeenSection[],
  options?: { forgettings?: readonly Forgetting[] },
): string[] {
  return findFenceFaults(sections, options).map(({ what }) => what);
}

function repeated<S extends SeenSection>(sections: readonly S[]): FenceFault<S>[] {
  const seen = new Map<number, S>();
  return sections.flatMap((section) => {
    const other = seen.get(section.fence);
    seen.set(section.fence, section);
    return other === undefined ? [] : [fault('the same fence twice', other, section)];
  });
}

function overtaken<S extends SeenSection>(inOrder: readonly S[]): FenceFault<S>[] {
  const faults: FenceFault<S>[] = [];
  let highest: S | undefined;
  let begun = 0;
  for (const section of [...inOrder].sort((a, b) => a.asked - b.asked)) {
    for (
      let next = inOrder[begun];
      next !== undefined && next.began < section.asked;
      next = inOrder[(begun += 1)]
    ) {
      if (highest === undefined || next.fence > highest.fence) highest = next;
    }
    if (highest !== undefined && section.fence <= highest.fence)
      faults.push(fault('not above that of one that had begun before it was asked for', highest, section));
  }
  return faults;
}

function outOfOrder<S extends SeenSection>(
  inOrder: readonly S[],
  forgettings: readonly Forgetting[],
): FenceFault<S>[] {
  const last = new Map<string, { readonly highest: S; readonly before: S | undefined }>();
  return inOrder.flatMap((section) =>
    section.keys.flatMap((key) => {
      const forgotten = ({ from, to, key: only }: Forgetting): boolean =>
        (only === undefined || only === key) && section.asked < to && from < section.began;
      if (section.late === true || forgettings.some(forgotten)) return [];
      const latest = last.get(key);
      const together = section.beside !== undefined && latest?.highest.beside === section.beside;
      const former = together ? latest?.before : latest?.highest;
      const higher = together && latest !== undefined && latest.highest.fence > section.fence;
      last.set(key, { highest: higher ? latest.highest : section, before: former });
      return former === undefined || former.fence < section.fence
        ? []
        : [fault(`not above that of the one before it on ${key}`, former, section)];
    }),
  );
}

function fault<S extends SeenSection>(what: string, former: S, section: S): FenceFault<S> {
  return { sections: [former, section], what: `${what}: ${told(former)}, then ${told(section)}` };
}

function told({ keys, fence, asked, began }: SeenSection): string {
  return `${keys.join('+')} #${fence} (asked ${asked.toFixed(3)}, began ${began.toFixed(3)})`;
}
