/** A model of callers that hold and want keys: which caller gets a key, and which wait would close a cycle. */

/** One strand of an async context: a caller, or a branch that it forked and awaits before it leaves the level. */
export interface Strand {
  readonly id: number;
  /** The strand that forked this strand, and the number of its levels at that time. */
  readonly parent: { readonly strand: Strand; readonly depth: number } | undefined;
  /** The keys of each `using` that the strand is in, outermost first. */
  readonly levels: string[][];
  /** The sorted keys that the strand acquires. It has the first `has` of them. */
  taking: { readonly keys: readonly string[]; has: number } | undefined;
  /** The key that the strand waits for. */
  wants: string | undefined;
  over: boolean;
}

export type Outcome = `${number} ${'has' | 'deadlock'}`;

interface Owner {
  readonly strand: Strand;
  /** The level of the strand that has the key. Infinity for a key of `taking`. */
  level: number;
}

export class WaitModel {
  readonly strands: Strand[] = [];
  readonly #owners = new Map<string, Owner>();
  readonly #queues = new Map<string, Strand[]>();

  add(forkedBy?: Strand): Strand {
    const parent = forkedBy && { strand: forkedBy, depth: forkedBy.levels.length };
    const id = this.strands.length;
    const strand: Strand = { id, parent, levels: [], taking: undefined, wants: undefined, over: false };
    this.strands.push(strand);
    return strand;
  }

  /** Whether the strand has branches, forked in its present level, that are not over. */
  hasBranches(strand: Strand): boolean {
    return this.strands.some(
      ({ parent, over }) => !over && parent?.strand === strand && parent.depth === strand.levels.length,
    );
  }

  /** All keys that the strand holds, with the keys of outer strands. */
  holds(strand: Strand): string[] {
    return [...this.#owners].filter(([, owner]) => isUnder(strand, owner)).map(([key]) => key);
  }

  enter(strand: Strand, keys: readonly string[]): Outcome[] {
    strand.taking = { keys: [...keys].sort(), has: 0 };
    return this.#proceed([strand]);
  }

  exit(strand: Strand): Outcome[] {
    const next: Strand[] = [];
    for (const key of strand.levels.pop() ?? []) this.#pass(key, next);
    return this.#proceed(next);
  }

  #proceed(strands: Strand[]): Outcome[] {
    const outcomes: Outcome[] = [];
    for (const strand of strands) {
      const { taking } = strand;
      while (taking !== undefined && strand.taking !== undefined && strand.wants === undefined) {
        const key = taking.keys.at(taking.has);
        if (taking.has === taking.keys.length || key === undefined) {
          for (const each of taking.keys) this.#owners.set(each, { strand, level: strand.levels.length });
          strand.levels.push([...taking.keys]);
          strand.taking = undefined;
          outcomes.push(`${strand.id} has`);
        } else if (!this.#owners.has(key)) {
          this.#owners.set(key, { strand, level: Infinity });
          taking.has += 1;
        } else {
          strand.wants = key;
          if (!this.#closesCircle(strand, key)) {
            this.#queues.set(key, [...(this.#queues.get(key) ?? []), strand]);
            continue;
          }
          strand.wants = strand.taking = undefined;
          for (const each of taking.keys.slice(0, taking.has)) this.#pass(each, strands);
          outcomes.push(`${strand.id} deadlock`);
        }
      }
    }
    return outcomes;
  }

  /** @param next the strand that gets the key is added here. */
  #pass(key: string, next: Strand[]): void {
    this.#owners.delete(key);
    const first = this.#queues.get(key)?.shift();
    if (first?.taking === undefined) return;
    first.wants = undefined;
    first.taking.has += 1;
    this.#owners.set(key, { strand: first, level: Infinity });
    next.push(first);
  }

  /**
   * Uses the transitive closure over keys. A key leads to another key if the owner of the first waits for the second.
   */
  #closesCircle(strand: Strand, wanted: string): boolean {
    const keys = [...this.#owners.keys()];
    const leads = new Set<string>();
    for (const [key, owner] of this.#owners) {
      for (const { wants, ...waiting } of this.strands) {
        if (wants !== undefined && isUnder(this.strands[waiting.id], owner)) leads.add(`${key}>${wants}`);
      }
    }
    for (const via of keys) {
      for (const from of keys) {
        for (const to of keys) {
          if (leads.has(`${from}>${via}`) && leads.has(`${via}>${to}`)) leads.add(`${from}>${to}`);
        }
      }
    }
    return this.holds(strand).some((held) => leads.has(`${wanted}>${held}`));
  }
}

/** Whether the owner waits for the key that the strand waits for. */
function isUnder(strand: Strand, owner: Owner): boolean {
  if (strand === owner.strand) return true;
  for (let each = strand; each.parent !== undefined; each = each.parent.strand) {
    if (each.parent.strand === owner.strand) return each.parent.depth > owner.level;
  }
  return false;
}
