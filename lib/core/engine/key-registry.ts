/**
 * The coordinators of a session, by key. A coordinator is made when a caller waits for the key. It is forgotten when no
 * caller waits and no lease is left.
 */
import type { Hold } from '../holds/hold.js';
import type { FactSource } from '../inspection/own-facts.js';
import type { EngineContext } from '../runtime/engine-context.js';
import { KeyCoordinator } from './key-coordinator.js';
import type { KeyParts } from './key-parts.js';

/** Old tables of a Map may keep values in memory (see LinkedList). They then keep this object, not the coordinator. */
interface CoordinatorSlot {
  coordinator: KeyCoordinator | undefined;
}

export class KeyRegistry {
  readonly #context: EngineContext;
  readonly #maxWaiters: number;
  readonly #slots = new Map<string, CoordinatorSlot>();

  /** @param maxWaiters the limit of waiters for each key. `Infinity` for no limit. */
  constructor(context: EngineContext, maxWaiters: number) {
    this.#context = context;
    this.#maxWaiters = maxWaiters;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The coordinator of a key, if there is one. */
  find(key: string): KeyCoordinator | undefined {
    return this.#slots.get(key)?.coordinator;
  }

  /** The coordinator of a key. It is made if there is none. */
  of(key: string): KeyCoordinator {
    const known = this.find(key);
    if (known !== undefined) return known;
    const coordinator = new KeyCoordinator({
      key,
      context: this.#context,
      maxWaiters: this.#maxWaiters,
      onIdle: this.#onIdle,
    });
    this.#slots.set(key, { coordinator });
    return coordinator;
  }

  all(): KeyCoordinator[] {
    return [...this.#slots.values()].flatMap(({ coordinator }) => coordinator ?? []);
  }

  /** What this process tells about its locks. @param owner the label of the process. */
  factSource(owner: string): FactSource {
    return {
      owner,
      holds: () => this.#context.holds.all() as readonly Hold[], // Each of them is a Hold.
      keys: () => this.all(),
    };
  }

  /** The store has handed a key to a token of this session. If no caller waits any more, the token is released. */
  onGrant(key: string, token: string, fence: number, unverified = false): void {
    const coordinator = this.find(key);
    if (coordinator === undefined) this.#context.commands.decline(key, token);
    else coordinator.onGrant(token, fence, unverified);
  }

  /** @param fenceDomain only keys of this fence domain are concerned. Without it, all keys are. */
  onReconnected(fenceDomain?: string): void {
    const { session } = this.#context;
    for (const coordinator of this.all()) {
      if (fenceDomain === undefined || session.fenceDomainOf(coordinator.key) === fenceDomain)
        coordinator.onReconnected();
    }
  }

  readonly #onIdle = (parts: KeyParts): void => {
    const slot = this.#slots.get(parts.key);
    if (slot?.coordinator !== parts) return;
    this.#slots.delete(parts.key);
    slot.coordinator = undefined;
  };
}
