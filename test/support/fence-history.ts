/** Checks what sections saw: do fences tell their order? */

/** One section, with times on a clock that all who report share, in ms. */
export interface SeenSection {
  readonly keys: readonly string[];
  /** When `acquire` was called. */
  readonly asked: number;
  /** When it had resolved. */
  readonly began: number;
  readonly fence: number;
}

/** When a test made Redis forget everything: from before the command to after its reply. */
export interface Forgetting {
  readonly from: number;
  readonly to: number;
}

/**
 * Every breach, in words, of what a fence promises over all keys of one counter:
 *
 * 1. No two sections have the same.
 * 2. A section that was asked for after another one had begun has the higher one, whatever the keys, and whatever Redis
 *    forgot in between.
 * 3. Sections of one key have increasing ones in the order in which they began. Those that waited while Redis forgot
 *    their lease are left out: they may begin beside a later holder, and must then have the lower one.
 */
export function fenceFaults(
  sections: readonly SeenSection[],
  { forgettings = [] }: { forgettings?: readonly Forgetting[] } = {},
): string[] {
  const inOrder = [...sections].sort((a, b) => a.began - b.began);
  return [
    ...repeated(inOrder),
    ...overtaken(inOrder),
    ...outOfOrder(
      inOrder.filter(({ asked, began }) => !forgettings.some(({ from, to }) => asked < to && from < began)),
    ),
  ];
}

function repeated(sections: readonly SeenSection[]): string[] {
  const seen = new Map<number, SeenSection>();
  return sections.flatMap((section) => {
    const other = seen.get(section.fence);
    seen.set(section.fence, section);
    return other === undefined ? [] : [`the same fence twice: ${told(other)}, ${told(section)}`];
  });
}

function overtaken(inOrder: readonly SeenSection[]): string[] {
  const faults: string[] = [];
  let highest: SeenSection | undefined;
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
      faults.push(`asked for after ${told(highest)} had begun: ${told(section)}`);
  }
  return faults;
}

function outOfOrder(inOrder: readonly SeenSection[]): string[] {
  const last = new Map<string, SeenSection>();
  return inOrder.flatMap((section) =>
    section.keys.flatMap((key) => {
      const former = last.get(key);
      last.set(key, section);
      return former === undefined || former.fence < section.fence
        ? []
        : [`on ${key}, after ${told(former)}: ${told(section)}`];
    }),
  );
}

function told({ keys, fence, asked, began }: SeenSection): string {
  return `${keys.join('+')} #${fence} (asked ${asked.toFixed(3)}, began ${began.toFixed(3)})`;
}
