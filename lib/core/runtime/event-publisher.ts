/** Publishes the events of locks, on the diagnostics channels and to the log. */
import type { LockStoreError } from '../../errors/index.js';
import { observed, publish } from '../events/diagnostics.js';
import type { LockEvent, LockEventName, LockEventSink } from '../events/events.js';

/** Events that are logged. They are built even if their channel has no subscriber. */
const LOGGED: ReadonlySet<LockEventName> = new Set([
  'lost',
  'store-error',
  'long-hold',
  'force-release',
  'wait-failed',
]);

export class EventPublisher {
  readonly #sink: LockEventSink;

  constructor(sink: LockEventSink) {
    this.#sink = sink;
  }

  storeFailed(key: string, error: LockStoreError): void {
    this.emit('store-error', () => ({ name: 'store-error', key, error }));
  }

  /** `build` is called only if the event has a subscriber, or is logged. */
  emit(name: LockEventName, build: () => LockEvent): void {
    const heard = observed(name);
    const logged = LOGGED.has(name);
    if (!heard && !logged) return;
    const event = build();
    if (heard) publish(event);
    if (!logged) return;
    // If the log fails, holders must still learn of a loss, and other leases must still be renewed.
    try {
      this.#sink(event);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      process.emitWarning(`The log failed at the event "${name}": ${message}`, 'NestjsLockedWarning');
    }
  }
}
