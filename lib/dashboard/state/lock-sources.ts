/** The lock modules that the dashboard shows, and what it tells about them. */
import { Logger, type OnModuleInit } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import type {
  ForceReleaseOptions,
  ForceReleaseResult,
  LockInfo,
  LockOverview,
} from '../../core/inspection/lock-info.js';
import { runOutside } from '../../core/time/outside.js';
import { LockWiringError, isLockError, quoted } from '../../errors/index.js';
import { getLockServiceToken } from '../../lock.constants.js';

/** What the dashboard uses of a LockService. */
export interface InspectedLocks {
  /** Absent in a service that a test puts in place of the module's own. */
  listen?(): void;
  overview(): Promise<LockOverview>;
  inspect(key: string): Promise<LockInfo | null>;
  forceRelease(key: string, options: ForceReleaseOptions): Promise<ForceReleaseResult>;
}

/** What the page gets about one lock module. */
interface ServiceState {
  /** Empty for the unnamed module. */
  readonly name: string;
  /** The latest overview that succeeded. */
  readonly overview?: LockOverview;
  /** How many locks were left out. */
  readonly more?: number;
  /** Why there is no newer overview: the code of an error. Messages stay in the log, because they name addresses. */
  readonly error?: string;
}

/** How many locks are sent to the page, how many places of each queue, and how many callers of each place. */
const MOST = { locks: 2_000, places: 10, callers: 5, troubles: 20 };

export class LockSources implements OnModuleInit {
  readonly #services = new Map<string, InspectedLocks>();
  readonly #latest = new Map<string, ServiceState>();
  readonly #logger = new Logger('LockDashboard');

  constructor(
    private readonly modules: ModuleRef,
    private readonly names: readonly string[],
  ) {}

  /** @throws LockWiringError if a named module is missing, or if there is none at all. */
  onModuleInit(): void {
    const unnamed = this.#find(undefined);
    if (unnamed !== undefined) this.#services.set('', unnamed);
    for (const name of this.names) {
      const service = this.#find(name);
      if (service === undefined) {
        throw new LockWiringError(
          `The lock dashboard has ${quoted(name)} in its option "services", and there is no such lock module. ` +
            `Import LockModule.forRoot({ name: ${quoted(name)} }), or remove the name.`,
        );
      }
      this.#services.set(name, service);
    }
    if (this.#services.size === 0) {
      throw new LockWiringError(
        'The lock dashboard finds no LockModule. Import LockModule.forRoot() in the root module, or name the lock modules ' +
          'in the option "services".',
      );
    }
    // A process with the page is visible on it from the start, as with `inspection: 'always'`.
    for (const service of this.#services.values()) service.listen?.();
  }

  /** @returns undefined for a name that the dashboard does not show. */
  get(name: string): InspectedLocks | undefined {
    return this.#services.get(name);
  }

  /** The page's state as JSON. Failures are part of it. */
  async read(): Promise<string> {
    const names = [...this.#services.keys()];
    const services = await Promise.all(names.map((name) => this.#readOne(name)));
    return JSON.stringify({ at: new Date(), services });
  }

  async #readOne(name: string): Promise<ServiceState> {
    const before = this.#latest.get(name);
    let state: ServiceState;
    try {
      // The first watcher's request must not appear as the cause of each later question.
      const overview = await runOutside(() => this.#services.get(name)!.overview());
      state = { name, ...trimmed(overview) };
    } catch (error) {
      const code = isLockError(error) ? error.code : 'ERROR';
      if (before?.error === undefined) this.#logger.warn(`The locks cannot be read: ${messageOf(error)}`);
      state = { ...before, name, error: code };
    }
    this.#latest.set(name, state);
    return state;
  }

  #find(name: string | undefined): InspectedLocks | undefined {
    try {
      return this.modules.get<InspectedLocks>(getLockServiceToken(name), { strict: false });
    } catch {
      return undefined;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Thousands of locks must neither fill the connection nor the page. */
function trimmed(overview: LockOverview): Pick<ServiceState, 'overview' | 'more'> {
  const { locks, troubles } = overview;
  const shown = locks.length > MOST.locks ? mostUrgent(locks) : locks;
  return {
    overview: { ...overview, locks: shown.map(shortened), troubles: troubles.slice(0, MOST.troubles) },
    more: locks.length - shown.length,
  };
}

function mostUrgent(locks: readonly LockInfo[]): LockInfo[] {
  return locks
    .map((lock) => ({ lock, wait: longestWait(lock), hold: longestHold(lock) }))
    .sort((a, b) => b.wait - a.wait || b.hold - a.hold)
    .slice(0, MOST.locks)
    .map(({ lock }) => lock);
}

function longestWait({ queue }: LockInfo): number {
  return queue.reduce((longest, { waited }) => Math.max(longest, waited), 0);
}

function longestHold({ holders }: LockInfo): number {
  return holders.reduce((longest, { held }) => Math.max(longest, held ?? 0), 0);
}

function shortened(lock: LockInfo): LockInfo {
  return {
    ...lock,
    queue: lock.queue.slice(0, MOST.places).map((place) => {
      const { callers = [], more = 0 } = place;
      if (callers.length <= MOST.callers) return place;
      return {
        ...place,
        callers: callers.slice(0, MOST.callers),
        more: more + callers.length - MOST.callers,
      };
    }),
  };
}
