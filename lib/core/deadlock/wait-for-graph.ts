/** The wait-for graph of the callers of this process: finds the wait that would close a cycle. */
import { type DeadlockLink, LockDeadlockError } from '../../errors/index.js';
import type { CallSite } from './call-sites.js';
import { LinkedList, type ListNode } from '../util/linked-list.js';
import { EXCLUSIVE, type LockAccess } from '../contracts/token.js';

/**
 * Keys that one caller holds, and the outer keys that the caller runs under: a link in the chain of one async context.
 * The keys are released when the work that runs under them has ended. So if that work waits for a key, they wait for it
 * too.
 */
export abstract class HeldKeys {
  /** The keys that the caller took itself. Keys that an outer link holds are not among them. */
  abstract readonly keys: readonly string[];
  /** Whether the keys are held now. */
  abstract readonly holding: boolean;
  /** The waits of the work that runs under these keys. Undefined or empty in nearly all cases. */
  waits: LinkedList<Wait> | undefined;
  #outer: HeldKeys | undefined;

  constructor(
    readonly graph: WaitGraph,
    outer: HeldKeys | undefined,
    /** The access by which the caller has taken the keys. */
    readonly access: LockAccess = EXCLUSIVE,
  ) {
    this.#outer = outer;
  }

  /** Whether the link has ended for good. It then holds no key, and never will. */
  get over(): boolean {
    return false;
  }

  /**
   * The next outer link that is not over. The links in between are unlinked. Otherwise, work that schedules its own
   * next run would keep all its former runs in memory, and walk them.
   */
  get outer(): HeldKeys | undefined {
    let outer = this.#outer;
    if (outer?.over !== true) return outer;
    while (outer?.over === true) outer = outer.#outer;
    this.#outer = outer;
    return outer;
  }

  /** Unlinks all outer links that are over. */
  protected unlinkEnded(): void {
    let each: HeldKeys | undefined = this.outer;
    while (each !== undefined) each = each.outer;
  }
}

/**
 * The waits for the keys of one engine. A cycle may lead through the graphs of several engines.
 *
 * The graph has the waits of callers that hold a key, because a cycle consists of such waits alone. An edge means: "this
 * caller waits for a key, and these held keys contain it". Edges are not stored. They are found during a search, so a
 * hand-off changes nothing here. A caller that has just got a key does not wait yet. When work under that key begins to
 * wait, that wait is what closes a cycle.
 *
 * If a key has several holders (readers), a writer waits for each of them. A reader does not wait for other readers. If a
 * writer waits before it, the reader waits for that writer, and so for the holders that the writer waits for.
 *
 * Semaphores are left out. A caller that waits for a permit waits for any one of the holders. A cycle through one
 * holder is no deadlock while another holder goes on.
 */
export class WaitGraph {
  /** By key: the links that hold the key, and have waits under them. */
  readonly #blocked = new Map<string, Set<HeldKeys>>();
  readonly #writerFirst: (key: string) => boolean;

  /** @param writerFirst tells whether the first waiter for the key in this process is a writer. */
  constructor(writerFirst: (key: string) => boolean = () => false) {
    this.#writerFirst = writerFirst;
  }

  /** How many keys are held by callers that wait. @internal */
  get size(): number {
    return this.#blocked.size;
  }

  /**
   * A caller is about to wait for a key. The wait must be ended when the caller does not wait any more.
   * @returns undefined if the caller holds no key, so that no wait needs to be kept.
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

  /** Whether work may wait under a hold of the key. */
  mayBlock(key: string): boolean {
    return this.#blocked.has(key);
  }

  /** The links that hold the key of a wait, exclude its caller, and have waits under them. */
  holdersOf({ key, access }: Wait): HeldKeys[] {
    const holders = this.#blocked.get(key);
    if (holders === undefined) return [];
    const reads = access.kind === 'shared' && !this.#writerFirst(key);
    return [...holders].filter((each) => each.holding && !(reads && each.access.kind === 'shared'));
  }

  /** @internal Work under these keys waits, and no other work under them did. */
  addHolder(heldKeys: HeldKeys): void {
    for (const key of heldKeys.keys) {
      const holders = this.#blocked.get(key);
      if (holders === undefined) this.#blocked.set(key, new Set([heldKeys]));
      else holders.add(heldKeys);
    }
  }

  /** @internal No work under these keys waits any more. */
  removeHolder(heldKeys: HeldKeys): void {
    for (const key of heldKeys.keys) {
      // The key may have been lost meanwhile, and another caller may hold it.
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

  /** Enters the wait below a link that its caller runs under. */
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

  /** Ends the wait when the promise settles. */
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

/** A wait that the search has reached, and the step before it. */
interface Step {
  readonly wait: Wait;
  readonly from: Step | undefined;
}

/** The shortest path from a wait to the keys of its own caller, breadth first. Mostly the search ends at once. */
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
  return { holds, wants: key, site: site?.stack };
}
