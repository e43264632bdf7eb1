/** What was locked while a test ran, by the package's own channel: one entry an acquisition. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { LockEvent } from '../../../lib/core/events.js';

const CHANNEL = 'nestjs-locked:acquire';

export class Acquisitions {
  readonly keys: Array<string | undefined> = [];
  readonly #note = (event: unknown): void => void this.keys.push((event as LockEvent).key);

  constructor() {
    subscribe(CHANNEL, this.#note);
  }

  /** Forgets what was seen. */
  clear(): void {
    this.keys.length = 0;
  }

  end(): void {
    unsubscribe(CHANNEL, this.#note);
  }
}
