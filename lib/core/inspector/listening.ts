/** Decides when this process begins to hear the questions of other processes. */
import type { StoreInspection } from '../contracts/inspection.contract.js';
import type { HoldRegistry } from '../runtime/hold-registry.js';
import type { Subscriptions } from '../runtime/subscriptions.js';
import type { Clock } from '../time/clock.js';

/**
 * - `auto`: once a caller has waited, or a lock has been held for a second. With the dashboard, from the start.
 * - `always`: from the start.
 * - `off`: only if this process itself inspects locks.
 */
export type InspectionMode = 'auto' | 'always' | 'off';

/** A hold of this age, in ms, is worth a connection. */
const WORTHWHILE = 1_000;
/** The pause after a failure, in ms. A user without the right to subscribe would fail each time. */
const PAUSE = 60_000;

export interface ListeningSettings {
  readonly inspection: StoreInspection;
  readonly mode: InspectionMode;
  readonly clock: Clock;
  readonly holds: HoldRegistry;
  readonly subscriptions: Subscriptions;
}

export class Listening {
  readonly #settings: ListeningSettings;
  #begun = false;
  #always = false;
  #pausing = false;

  constructor(settings: ListeningSettings) {
    this.#settings = settings;
    if (settings.mode === 'always') this.always();
    if (settings.mode !== 'auto') return;
    settings.subscriptions.onFirst = () => this.#begin();
    this.#await();
  }

  /** Waits for the next hold. Then there is one timer, however many holds begin and end meanwhile. */
  #await(): void {
    const { holds, clock } = this.#settings;
    holds.onBusy = () => {
      holds.onBusy = undefined;
      clock.schedule(() => this.#check(), WORTHWHILE);
    };
  }

  #check(): void {
    const { holds, clock } = this.#settings;
    const { oldest } = holds;
    if (oldest === undefined) this.#await();
    else if (oldest.age >= WORTHWHILE) this.#begin();
    else clock.schedule(() => this.#check(), WORTHWHILE - oldest.age);
  }

  /** Listens from now on as `always` does, unless the mode is `off`. */
  always(): void {
    this.#always = true;
    this.#begin();
  }

  /** Begins to listen, unless the mode is `off`. Idempotent. */
  #begin(): void {
    const { inspection, mode, clock } = this.#settings;
    if (mode === 'off' || this.#begun || this.#pausing) return;
    this.#begun = true;
    inspection.listen().catch(() => {
      this.#begun = false;
      this.#pausing = true;
      clock.schedule(() => {
        this.#pausing = false;
        if (this.#always) this.#begin();
        else this.#check();
      }, PAUSE);
    });
  }
}
