/** Who waits for whom among the callers of this process: finds the wait that would close a cycle. */
import { type DeadlockLink, LockDeadlockError } from '../../errors/index.js';
import type { CallSite } from './call-sites.js';
import { LinkedList, type ListNode } from '../util/linked-list.js';
import { EXCLUSIVE, type LockAccess } from '../contracts/token.js';

/**
 * Keys that one caller holds, with what it runs under: a link of the chain of one async context. It is given back when
 * what runs under it has ended, so it waits for whatever that waits for.
 */
export abstract class HeldKeys {
  /** Its own: none that an outer one holds. */
  abstract readonly keys: readonly string[];
  /** Are they held now? */
  abstract readonly holding: boolean;
  /** Of those that run under it. Empty for nearly all, nearly always. */
  waits: LinkedList<Wait> | undefined;
  #outer: HeldKeys | undefined;

  constructor(
    readonly graph: WaitGraph,
    outer: HeldKeys | undefined,
    /** How its keys are shared. */
    readonly access: LockAccess = EXCLUSIVE,
  ) {
    this.#outer = outer;
  }

  /** Has it ended for good? Then it holds nothing, and never will. */
  get over(): boolean {
    return false;
  }

  /**
   * The next one outwards that is not over. Those in between are unlinked: work that schedules its own next run would
   * otherwise keep, and walk, all of its former runs.
   */
  get outer(): HeldKeys | undefined {
    let outer = this.#outer;
    if (outer?.over !== true) return outer;
    while (outer?.over === true) outer = outer.#outer;
    this.#outer = outer;
    return outer;
  }

  /** Unlinks all that are over, the whole path out. */
  protected unlinkEnded(): void {
    let each: HeldKeys | undefined = this.outer;
    while (each !== undefined) each = each.outer;
  }
}

/**
 * The waits for the keys of one engine. A cycle may lead through several of them.
 *
 * Entered are the waits of callers that hold something, and no others: a cycle has none besides. Each of its edges is
 * "waits for a key, which a claim holds", checked up when it is requested, so that hand-offs change nothing here: a
 * claim that has just got its key does not wait yet, and when something under it does, that is what closes the cycle.
 *
 * A key may have several holders, readers: who waits for it waits for each of them. A reader does not wait for other
 * readers, but for the writer who waits before it, and so for those whom that one waits for. Semaphores are left out: who
 * waits for a permit waits for any of its holders, and a cycle through one of them is none while another goes on.
 */
export class WaitGraph {
  /** By key: the holders that hold it while something waits under them. */
  readonly #blocked = new Map<string, Set<HeldKeys>>();
  readonly #writerFirst: (key: string) => boolean;

  /** @param writerFirst is a writer of this process the first to wait for the key? */
  constructor(writerFirst: (key: string) => boolean = () => false) {
    this.#writerFirst = writerFirst;
  }

  /** How many keys are held by those who wait. @internal */
  get size(): number {
    return this.#blocked.size;
  }

  /**
   * A caller is about to wait for a key. To be ended when it does so no more.
   * @returns undefined where there is nothing to be kept: it holds nothing.
   */
  begin(
    key: string,
    heldKeys: HeldKeys,
    site: CallSite | undefined,
    access: LockAccess = EXCLUSIVE,
  ): Wait | LockDeadlockError | undefined {
    if (access.kind === 'semaphore') return undefined;
    let wait: Wait | undefined;
    for (let each: HeldKeys | undefined = heldKeys; each !== undefined; each = each.outer) {
      if (!each.holding || each.keys.length === 0 || each.access.kind === 'semaphore') continue;
      wait ??= new Wait(this, key, heldKeys, site, access);
      wait.block(each);
    }
    const cycle = wait === undefined ? undefined : cycleOf(wait);
    if (cycle === undefined) return wait;
    wait?.end();
    return new LockDeadlockError(key, cycle.map(linkOf));
  }

  /** The holders that hold what is waited for and keep it from the one who waits, if something waits under them. */
  holdersOf({ key, access }: Wait): HeldKeys[] {
    const holders = this.#blocked.get(key);
    if (holders === undefined) return [];
    const reads = access.kind === 'shared' && !this.#writerFirst(key);
    return [...holders].filter((each) => each.holding && !(reads && each.access.kind === 'shared'));
  }

  /** @internal Something waits under a claim of this graph's, for the first time. */
  addHolder(heldKeys: HeldKeys): void {
    for (const key of heldKeys.keys) {
      const holders = this.#blocked.get(key);
      if (holders === undefined) this.#blocked.set(key, new Set([heldKeys]));
      else holders.add(heldKeys);
    }
  }

  /** @internal Nothing does any more. */
  removeHolder(heldKeys: HeldKeys): void {
    for (const key of heldKeys.keys) {
      // It may have been lost meanwhile, and be somebody else's.
      const holders = this.#blocked.get(key);
      if (holders?.delete(heldKeys) === true && holders.size === 0) this.#blocked.delete(key);
    }
  }
}

/** One caller's wait for one key. */
export class Wait {
  readonly #blocks: Array<{ heldKeys: HeldKeys; node: ListNode<Wait> }> = [];

  constructor(
    readonly graph: WaitGraph,
    readonly key: string,
    readonly heldKeys: HeldKeys,
    readonly site: CallSite | undefined,
    readonly access: LockAccess,
  ) {}

  block(heldKeys: HeldKeys): void {
    heldKeys.waits ??= new LinkedList();
    const node = heldKeys.waits.push(this);
    if (heldKeys.waits.size === 1) heldKeys.graph.addHolder(heldKeys);
    this.#blocks.push({ heldKeys, node });
  }

  end(): void {
    for (const { heldKeys, node } of this.#blocks) {
      heldKeys.waits?.remove(node);
      if (heldKeys.waits?.size === 0) heldKeys.graph.removeHolder(heldKeys);
    }
  }

  /** Ends with what is waited for. */
  during<T>(waited: Promise<T>): Promise<T> {
    return waited.then(
      (value) => {
        this.end();
        return value;
      },
      (error: unknown) => {
        this.end();
        throw error;
      },
    );
  }
}

/** How the search came to a wait. */
interface Step {
  readonly wait: Wait;
  readonly from: Step | undefined;
}

/** The shortest path from a wait to what its own caller holds, breadth first. Mostly the first check finds nobody. */
function cycleOf(start: Wait): Wait[] | undefined {
  if (start.graph.holdersOf(start).length === 0) return undefined;
  const seen = new Set<HeldKeys>();
  const steps: Step[] = [{ wait: start, from: undefined }];
  for (const step of steps) {
    for (const holder of step.wait.graph.holdersOf(step.wait)) {
      if (seen.has(holder)) continue;
      if (runsUnder(start.heldKeys, holder)) return pathTo(step);
      seen.add(holder);
      for (const wait of holder.waits ?? []) steps.push({ wait, from: step });
    }
  }
  return undefined;
}

function runsUnder(heldKeys: HeldKeys, outer: HeldKeys): boolean {
  let each: HeldKeys | undefined = heldKeys;
  while (each !== undefined && each !== outer) each = each.outer;
  return each !== undefined;
}

function pathTo(last: Step): Wait[] {
  const path: Wait[] = [];
  for (let step: Step | undefined = last; step !== undefined; step = step.from) path.push(step.wait);
  return path.reverse();
}

function linkOf({ key, heldKeys, site }: Wait): DeadlockLink {
  const holds: string[] = [];
  for (let each: HeldKeys | undefined = heldKeys; each !== undefined; each = each.outer) {
    if (each.holding) holds.unshift(...each.keys);
  }
  return { holds, wants: key, site: site?.stack?.replace(/^.*?\n/s, '') };
}
