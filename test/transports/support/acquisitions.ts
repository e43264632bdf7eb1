/** The keys that were acquired, or refused, during a test: one entry for each event of the diagnostics channel. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { LockEvent } from '../../../lib/core/events/events.js';

export class Acquisitions {
  readonly keys: Array<string | undefined> = [];
  readonly #channel: string;
  readonly #note = (event: unknown): void => void this.keys.push((event as LockEvent).key);

  constructor(event: 'acquire' | 'busy' = 'acquire') {
    this.#channel = `nestjs-locked:${event}`;
    subscribe(this.#channel, this.#note);
  }

  /** Forgets the keys seen so far. */
  clear(): void {
    this.keys.length = 0;
  }

  end(): void {
    unsubscribe(this.#channel, this.#note);
  }
}
