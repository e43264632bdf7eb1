/** Publishes what happens to locks: on the diagnostics channels, and to the log. */
import type { LockStoreError } from '../../errors/index.js';
import { observed, publish } from '../events/diagnostics.js';
import type { LockEvent, LockEventName, LockEventSink } from '../events/events.js';

/** Events that are worth a log line. They are built even if no channel is observed. */
const LOGGED: ReadonlySet<LockEventName> = new Set(['lost', 'store-error', 'long-hold']);

export class EventPublisher {
  readonly #sink: LockEventSink;

  constructor(sink: LockEventSink) {
    this.#sink = sink;
  }

  storeFailed(key: string, error: LockStoreError): void {
    this.emit('store-error', () => ({ name: 'store-error', key, error }));
  }

  /** `build` is called only if the event is observed or logged. */
  emit(name: LockEventName, build: () => LockEvent): void {
    const heard = observed(name);
    const logged = LOGGED.has(name);
    if (!heard && !logged) return;
    const event = build();
    if (heard) publish(event);
    if (!logged) return;
    // A log that fails must not keep a holder from hearing of its loss, nor other leases from being renewed.
    try {
      this.#sink(event);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      process.emitWarning(`The log failed at the event "${name}": ${message}`, 'NestjsLockedWarning');
    }
  }
}
