/** The coordinators of a session, by key: made when somebody waits, forgotten when nobody does and nothing is held. */
import type { EngineContext } from '../runtime/engine-context.js';
import { KeyCoordinator } from './key-coordinator.js';
import type { KeyParts } from './key-parts.js';

/** What a Map's old tables keep alive (see LinkedList) is this, and not the coordinator. */
interface CoordinatorSlot {
  coordinator: KeyCoordinator | undefined;
}

export class KeyRegistry {
  readonly #context: EngineContext;
  readonly #maxWaiters: number;
  readonly #slots = new Map<string, CoordinatorSlot>();

  /** @param maxWaiters of each key; `Infinity` for no bound. */
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

  /** The coordinator of a key. */
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

  /** The store hands a key to one of our tokens: if nobody waits any more, it goes back. */
  onGrant(key: string, token: string, fence: number, unverified = false): void {
    const coordinator = this.find(key);
    if (coordinator === undefined) this.#context.commands.decline(key, token);
    else coordinator.onGrant(token, fence, unverified);
  }

  /** @param counter of which keys; of all of them without it. */
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
