/** The latest troubles of this process, for overviews. */
import type { LockEvent } from '../events/events.js';
import type { Clock } from '../time/clock.js';
import type { LockTrouble } from './lock-info.js';
import type { TroubleFacts } from './messages.js';

const MOST = 20;

interface Noted {
  readonly facts: Omit<TroubleFacts, 'age'>;
  readonly at: number;
}

const KINDS: Partial<Record<LockEvent['name'], LockTrouble['what']>> = {
  lost: 'lost',
  'long-hold': 'long-hold',
  busy: 'busy',
  'store-error': 'store-error',
};

export class Troubles {
  /** The newest one last. */
  readonly #latest: Noted[] = [];

  constructor(private readonly clock: Clock) {}

  note(event: LockEvent): void {
    const what = KINDS[event.name];
    if (what === undefined) return;
    const code = (event.error as { code?: unknown } | undefined)?.code;
    const reason = event.reason ?? (typeof code === 'string' ? code : undefined);
    const facts = { what, key: event.key, label: event.label, reason };
    if (what === 'busy') this.#forget((other) => isSame(other, facts));
    this.#latest.push({ facts, at: this.clock.monotonic() });
    if (this.#latest.length <= MOST) return;
    // Refusals are many and ordinary. They must not push out a lock that was lost.
    if (!this.#forget((other) => other.what === 'busy')) this.#latest.shift();
  }

  /** Forgets the oldest trouble that matches. @returns whether there was one. */
  #forget(matches: (facts: Noted['facts']) => boolean): boolean {
    const index = this.#latest.findIndex(({ facts }) => matches(facts));
    if (index >= 0) this.#latest.splice(index, 1);
    return index >= 0;
  }

  /** The newest one first. */
  recent(): TroubleFacts[] {
    const now = this.clock.monotonic();
    return this.#latest.map(({ facts, at }) => ({ ...facts, age: now - at })).reverse();
  }
}

function isSame(a: Noted['facts'], b: Noted['facts']): boolean {
  return a.what === b.what && a.key === b.key && a.label === b.label;
}
