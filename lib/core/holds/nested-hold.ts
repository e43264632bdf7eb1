/** A share in a hold that an outer call of the same async context holds. */
import { LockLostError } from '../../errors/index.js';
import { LinkedList, type ListNode } from '../util/linked-list.js';
import type { HoldView } from './lock.handle.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { Hold, HoldListener } from './hold.js';

/**
 * A nested hold has the lease and the fence of the outer hold. Its release does not release the outer hold. When the
 * outer hold ends, the nested hold is lost.
 */
export class NestedHold implements HoldView, HoldListener {
  readonly root: Hold;
  readonly fence: number;
  usedFence: number;
  listener: HoldListener | undefined;

  readonly #context: EngineContext;
  readonly #since: number;
  readonly #node: ListNode<HoldListener>;
  #lost: LockLostError | undefined;
  #over = false;

  constructor(root: Hold, context: EngineContext) {
    this.root = root;
    this.fence = root.usedFence;
    this.usedFence = root.usedFence;
    this.#context = context;
    this.#since = context.clock.monotonic();
    root.nested ??= new LinkedList();
    this.#node = root.nested.push(this);
  }

  get key(): string {
    return this.root.key;
  }

  get token(): string {
    return this.root.token;
  }

  /** The options of the outer call, because the hold is that call's. */
  get options(): Hold['options'] {
    return this.root.options;
  }

  get lost(): LockLostError | undefined {
    return this.#lost;
  }

  /** How long ago the outer hold was joined, in ms. */
  get age(): number {
    return this.#context.clock.monotonic() - this.#since;
  }

  get remaining(): number {
    return this.#over ? 0 : this.root.remaining;
  }

  get expiresAt(): Date {
    return this.root.expiresAt;
  }

  get inDoubt(): boolean {
    return !this.#over && this.#lost === undefined && this.root.inDoubt;
  }

  loseIfOver(): void {
    if (!this.#over) this.root.loseIfOver();
  }

  extend(ttl: number): Promise<void> {
    return this.root.extend(ttl);
  }

  /** Resolves to whether the outer call still holds the key. */
  async release(): Promise<boolean> {
    if (this.inDoubt) await this.root.settled();
    this.loseIfOver();
    this.#over = true;
    this.root.nested?.remove(this.#node);
    return this.#lost === undefined;
  }

  holdLost(error: LockLostError): void {
    if (this.#over || this.#lost !== undefined) return;
    this.#lost = error;
    this.listener?.holdLost(error);
  }

  holdReleased(): void {
    if (this.#over || this.#lost !== undefined) return;
    const { key, fence } = this;
    const held = this.age;
    const error = new LockLostError(key, 'released', held);
    this.#context.events.emit('lost', () => ({ name: 'lost', key, held, fence, reason: 'released', error }));
    this.holdLost(error);
  }
}
