/**
 * The coordinators of a session, by key. A coordinator is made when a caller waits for the key. It is forgotten when no
 * caller waits and no lease is left.
 */
import type { Hold } from '../holds/hold.js';
import type { FactSource } from '../inspection/own-facts.js';
import type { Caller } from '../queue/caller.js';
import type { EngineContext } from '../runtime/engine-context.js';
import { KeyCoordinator } from './key-coordinator.js';
import type { KeyParts } from './key-parts.js';
import { LoneCaller, type LoneCallerHost } from './lone-caller.js';

/** Old tables of a Map may keep values in memory (see LinkedList). They then keep this object, not what it refers to. */
class KeySlot {
  /** The only caller of the key until now. */
  lone: LoneCaller | undefined;
  coordinator: KeyCoordinator | undefined;
}

export class KeyRegistry {
  readonly #context: EngineContext;
  readonly #maxWaiters: number;
  readonly #slots = new Map<string, KeySlot>();

  readonly #loneHost: LoneCallerHost;

  /** @param maxWaiters the limit of waiters for each key. `Infinity` for no limit. */
  constructor(context: EngineContext, maxWaiters: number) {
    this.#context = context;
    this.#maxWaiters = maxWaiters;
    this.#loneHost = {
      context,
      promote: (lone) => {
        const coordinator = this.#make(lone.key, lone);
        const slot = this.#slots.get(lone.key);
        if (slot?.lone === lone) {
          slot.coordinator = coordinator;
          slot.lone = undefined;
        }
        return coordinator;
      },
      onIdle: ({ key }) => {
        const slot = this.#slots.get(key);
        this.#slots.delete(key);
        if (slot !== undefined) slot.lone = undefined;
      },
    };
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Waits for a hold. The only caller of a key needs no coordinator, unless it shares the key. */
  acquire<T>(key: string, caller: Caller<T>, wait: number): Promise<T> {
    if (this.#slots.has(key) || caller.options.access.kind !== 'exclusive' || this.#maxWaiters < 1)
      return this.of(key).acquire(caller, wait);
    const slot = new KeySlot();
    this.#slots.set(key, slot);
    try {
      slot.lone = new LoneCaller(key, this.#loneHost, caller, wait);
    } catch (error) {
      this.#slots.delete(key);
      return caller.rejected(error);
    }
    return slot.lone.run() as Promise<T>;
  }

  /** The coordinator of a key, if the key has a waiter or a lease here. */
  find(key: string): KeyCoordinator | undefined {
    const slot = this.#slots.get(key);
    slot?.lone?.promoted();
    return slot?.coordinator;
  }

  /** The coordinator of a key. It is made if there is none. */
  of(key: string): KeyCoordinator {
    const known = this.find(key);
    if (known !== undefined) return known;
    const slot = new KeySlot();
    this.#slots.set(key, slot);
    return (slot.coordinator = this.#make(key));
  }

  all(): KeyCoordinator[] {
    return [...this.#slots.keys()].flatMap((key) => this.find(key) ?? []);
  }

  #make(key: string, lone?: LoneCaller): KeyCoordinator {
    const settings = { key, context: this.#context, maxWaiters: this.#maxWaiters, onIdle: this.#onIdle };
    return new KeyCoordinator(settings, lone);
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
