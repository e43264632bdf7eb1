/** Makes overviews: gathers digests, and reads from the store what no digest tells. */
import type { StoreInspection } from '../contracts/inspection.contract.js';
import { accessOf } from '../contracts/token.js';
import type { LockOverview } from '../inspection/lock-info.js';
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

/** How many keys are read from the store for an overview, and how many places of each queue. */
const MOST = { keys: 20, places: 100 };

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
    return joined.overview;
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
