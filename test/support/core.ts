/** The engine on a memory store and a clock that the test advances. */
import { LockEngine } from '../../lib/core/engine/lock-engine.js';
import type { InspectionMode } from '../../lib/core/inspector/listening.js';
import type { LockEvent, LockEventSink } from '../../lib/core/events/events.js';
import type { ResolvedAcquire } from '../../lib/core/options/acquire.options.js';
import type { LockStore } from '../../lib/core/contracts/store.contract.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { EXCLUSIVE } from '../../lib/core/contracts/token.js';
import { FakeClock } from './fake-clock.js';

export interface CoreSettings {
  clock?: FakeClock;
  store?: LockStore;
  maxWaiters?: number;
  longHold?: number;
  /** @default 'off', so that no timer runs but those of locks */
  inspection?: InspectionMode;
  /** Receives the events. Default: they are gathered in `events`. */
  emit?: LockEventSink;
}

export interface Core {
  readonly clock: FakeClock;
  readonly store: LockStore;
  readonly engine: LockEngine;
  readonly events: LockEvent[];
}

export function core(settings: CoreSettings = {}): Core {
  const clock = settings.clock ?? new FakeClock();
  const store = settings.store ?? memoryStore({ clock });
  const events: LockEvent[] = [];
  const engine = new LockEngine({
    store,
    owner: 'test',
    maxWaiters: settings.maxWaiters ?? Infinity,
    longHold: settings.longHold ?? 60_000,
    emit: settings.emit ?? ((event) => void events.push(event)),
    inspection: settings.inspection ?? 'off',
    clock,
  });
  return { clock, store, engine, events };
}

/** Resolved acquire options, with the defaults of the module. */
export function acquiring(options: Partial<ResolvedAcquire> = {}): ResolvedAcquire {
  return {
    ttl: 30_000,
    wait: 10_000,
    renew: true,
    maxHold: Infinity,
    minHold: 0,
    reentry: 'throw',
    within: undefined,
    signal: undefined,
    access: EXCLUSIVE,
    ...options,
  };
}
