/** Reports why a caller has waited in vain: which holder has the key, for how long, and how many callers wait. */
import type { LockEvent } from '../events/events.js';
import type { LockInfo } from '../inspection/lock-info.js';
import type { CallerFacts } from '../options/origin.js';
import type { Clock } from '../time/clock.js';

/** A wait of this length, in ms, is worth a question. */
const WORTHWHILE = 1_000;
/** At most one question in this time, in ms, whatever happens. */
const BETWEEN = 1_000;
/** At most one report of a key in this time, in ms. */
const BETWEEN_OF_KEY = 10_000;

export interface WaitReportSettings {
  readonly clock: Clock;
  readonly inspect: (key: string) => Promise<LockInfo | null>;
  readonly emit: (event: LockEvent) => void;
}

export class WaitReport {
  readonly #settings: WaitReportSettings;
  /** The keys that were reported lately, oldest first, and when. There is at most one a second. */
  readonly #reported = new Map<string, number>();
  #latest = -Infinity;

  constructor(settings: WaitReportSettings) {
    this.#settings = settings;
  }

  /** A caller was refused. The question is sent afterwards. @param waited in ms. */
  refused(key: string, waited: number, caller: CallerFacts): void {
    const { clock } = this.#settings;
    const now = clock.monotonic();
    if (waited < WORTHWHILE || now - this.#latest < BETWEEN) return;
    for (const [each, at] of this.#reported) {
      if (now - at < BETWEEN_OF_KEY) break;
      this.#reported.delete(each);
    }
    if (this.#reported.has(key)) return;
    this.#latest = now;
    this.#reported.set(key, now);
    clock.schedule(() => void this.#report(key, waited, caller), 0);
  }

  async #report(key: string, waited: number, caller: CallerFacts): Promise<void> {
    const { inspect, emit } = this.#settings;
    let info: LockInfo | null;
    try {
      info = await inspect(key);
    } catch {
      return; // the store fails, which is reported elsewhere
    }
    const holder = info?.holders[0];
    emit({
      name: 'wait-failed',
      key,
      waited,
      ...caller,
      held: holder?.held,
      fence: holder?.fence,
      owner: holder?.owner,
      holder: holder && {
        label: holder.label,
        site: holder.site,
        answered: holder.answered,
        remaining: holder.remaining,
      },
      waiting: info?.waiting ?? 0,
      processes: info?.queue.length ?? 0,
    });
  }
}
