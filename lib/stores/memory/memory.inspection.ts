/** The inspection of the memory store: it reads keys, and carries messages between the sessions of this process. */
import type { KeyState, StoreInspection } from '../../core/contracts/inspection.contract.js';
import type { LockStoreListener } from '../../core/contracts/store.contract.js';
import type { Clock } from '../../core/time/clock.js';
import { runOutside } from '../../core/time/outside.js';
import { globPattern } from '../../core/util/glob.js';
import type { MemoryFences } from './memory.fences.js';
import type { MemoryKey } from './memory.key.js';

export interface MemoryInspectionSettings {
  readonly clock: Clock;
  readonly fences: MemoryFences;
  readonly listeners: ReadonlyMap<string, LockStoreListener>;
  /** The keys that are known, without holders that have expired. */
  readonly keys: () => Iterable<string>;
  readonly find: (key: string) => MemoryKey;
}

export class MemoryInspection implements StoreInspection {
  constructor(private readonly settings: MemoryInspectionSettings) {}

  readKey(key: string, most: number): Promise<KeyState> {
    const { clock, fences, find } = this.settings;
    const state = find(key);
    return Promise.resolve({
      holders: state.holders(clock.monotonic()),
      queue: state.waiters(most, fences.now),
      queued: state.length,
    });
  }

  async *keys(pattern: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
    const matches = globPattern(pattern);
    for (const key of [...this.settings.keys()]) {
      if (signal?.aborted) return;
      if (matches.test(key) && !this.settings.find(key).unused) yield key;
    }
  }

  listen(): Promise<void> {
    return Promise.resolve();
  }

  broadcast(message: string): Promise<number> {
    const { listeners } = this.settings;
    for (const sessionId of listeners.keys()) this.#deliver(sessionId, message);
    return Promise.resolve(listeners.size);
  }

  send(sessionId: string, message: string): Promise<boolean> {
    this.#deliver(sessionId, message);
    return Promise.resolve(this.settings.listeners.has(sessionId));
  }

  #deliver(sessionId: string, message: string): void {
    const { listeners } = this.settings;
    runOutside(() => void Promise.resolve().then(() => listeners.get(sessionId)?.onMessage?.(message)));
  }
}
