/** The latest troubles of this process, for overviews. */
import type { LockEvent } from '../events/events.js';
import type { Clock } from '../time/clock.js';
import type { LockTrouble } from './lock-info.js';
import type { TroubleFacts } from './messages.js';

const MOST = 20;

const KINDS: Partial<Record<LockEvent['name'], LockTrouble['what']>> = {
  lost: 'lost',
  'long-hold': 'long-hold',
  busy: 'busy',
  'store-error': 'store-error',
};

export class Troubles {
  /** The newest one last. */
  readonly #latest: { readonly facts: Omit<TroubleFacts, 'age'>; readonly at: number }[] = [];

  constructor(private readonly clock: Clock) {}

  note(event: LockEvent): void {
    const what = KINDS[event.name];
    if (what === undefined) return;
    const code = (event.error as { code?: unknown } | undefined)?.code;
    const reason = event.reason ?? (typeof code === 'string' ? code : undefined);
    this.#latest.push({
      facts: { what, key: event.key, label: event.label, reason },
      at: this.clock.monotonic(),
    });
    if (this.#latest.length > MOST) this.#latest.shift();
  }

  /** The newest one first. */
  recent(): TroubleFacts[] {
    const now = this.clock.monotonic();
    return this.#latest.map(({ facts, at }) => ({ ...facts, age: now - at })).reverse();
  }
}
