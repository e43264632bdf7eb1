/** What was locked while a test ran, or refused, by the package's own channels: one entry an acquisition. */
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

  /** Forgets what was seen. */
  clear(): void {
    this.keys.length = 0;
  }

  end(): void {
    unsubscribe(this.#channel, this.#note);
  }
}
