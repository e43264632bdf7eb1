/** Makes overviews: gathers digests, and reads from the store what no digest tells. */
import type { StoreInspection } from '../contracts/inspection.contract.js';
import { accessOf } from '../contracts/token.js';
import type { LockInfo, LockOverview } from '../inspection/lock-info.js';
import { lockInfoOf, sessionsOf } from '../inspection/merge-facts.js';
import type { Answer } from '../inspection/messages.js';
import { overviewOf } from '../inspection/overview.js';
import { sharedEdges } from '../inspection/wait-cycles.js';
import type { Pieces } from '../time/pieces.js';
import type { Inquiry } from './inquiry.js';

export interface OverviewsSettings {
  readonly inspection: StoreInspection;
  readonly inquiry: Inquiry;
  readonly pieces: Pieces;
  readonly now: () => Date;
}

/**
 * How many keys are read from the store for the search for deadlocks, and how many places of each queue. How many keys are read
 * for a holder that no digest tells.
 */
const MOST = { keys: 20, places: 100, missing: 10 };

export class Overviews {
  readonly #settings: OverviewsSettings;
  /** The callers that waited at the latest overview. A cycle counts if all of its callers are among them. */
  #blocked: ReadonlySet<string> = new Set();

  constructor(settings: OverviewsSettings) {
    this.#settings = settings;
  }

  async read(patience: number): Promise<LockOverview> {
    const { inquiry, pieces, now } = this.#settings;
    // An overview that runs at the same time confirms nothing, so the callers of now are taken.
    const before = this.#blocked;
    const digests = await inquiry.all(patience);
    const readersOnly = await this.#readersOnly([...sharedEdges(digests.answers.values())]);
    const joined = await pieces.run(overviewOf({ ...digests, readersOnly }, before, now()));
    this.#blocked = joined.blocked;
    return {
      ...joined.overview,
      locks: await this.#withHolders(joined.overview.locks, digests.answers, patience),
    };
  }

  /** A process tells a part of its holds, and some processes tell nothing. So the store is read for some of the missing holders. */
  async #withHolders(
    locks: readonly LockInfo[],
    answers: ReadonlyMap<string, Answer>,
    patience: number,
  ): Promise<LockInfo[]> {
    const missing = locks.filter(({ holders }) => holders.length === 0);
    const found = await Promise.all(
      missing.slice(0, MOST.missing).map((lock) => this.#withHolder(lock, answers, patience)),
    );
    const completed = new Map(found.map((lock) => [lock.key, lock]));
    return locks.map((lock) => {
      if (lock.holders.length > 0) return lock;
      return completed.get(lock.key) ?? { ...lock, unknown: true };
    });
  }

  /** A process that has just not answered is sent no question, so that an overview waits for it once at most. */
  async #withHolder(
    lock: LockInfo,
    answers: ReadonlyMap<string, Answer>,
    patience: number,
  ): Promise<LockInfo> {
    const { inspection, inquiry, now } = this.#settings;
    const { key } = lock;
    try {
      const state = await inspection.readKey(key, 1);
      const sessions = sessionsOf({ ...state, queue: [] }).filter((each) => answers.has(each));
      const about = sessions.length > 0 ? await inquiry.from(sessions, key, patience) : undefined;
      const info = lockInfoOf(key, { ...state, queue: [] }, about ?? new Map<string, Answer>(), now());
      return info === null ? lock : { ...lock, kind: info.kind, holders: info.holders };
    } catch {
      return { ...lock, unknown: true };
    }
  }

  /** Those of the keys that no writer waits for. A key that cannot be read is none of them, so that no deadlock is missed. */
  async #readersOnly(keys: readonly string[]): Promise<Set<string>> {
    const found = await Promise.all(
      keys.slice(0, MOST.keys).map(async (key) => {
        try {
          const { queue, queued } = await this.#settings.inspection.readKey(key, MOST.places);
          const readers = queue.every(({ token }) => accessOf(token)?.kind === 'shared');
          return readers && queued <= queue.length ? [key] : [];
        } catch {
          return [];
        }
      }),
    );
    return new Set(found.flat());
  }
}
