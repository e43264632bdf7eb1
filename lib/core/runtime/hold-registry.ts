/** The holds that run in this engine, oldest first. A shutdown waits for them. */
import type { LockLossReason } from '../../errors/index.js';
import type { Clock } from '../time/clock.js';
import { LinkedList, type ListNode } from '../util/linked-list.js';

/** The part of a hold that a shutdown needs, and its age. */
export interface ActiveHold {
  /** In ms. */
  readonly age: number;
  lose(reason: LockLossReason): void;
  release(): Promise<boolean>;
}

export class HoldRegistry {
  readonly #clock: Clock;
  readonly #holds = new LinkedList<ActiveHold>();
  #onIdle: (() => void) | undefined;
  /** Called when a hold begins while no other one runs. */
  onBusy: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns the node that `ended` takes. */
  started(hold: ActiveHold): ListNode<ActiveHold> {
    const node = this.#holds.push(hold);
    if (this.onBusy !== undefined && this.#holds.size === 1) this.onBusy();
    return node;
  }

  /** The hold was released or lost. Idempotent. */
  ended(node: ListNode<ActiveHold>): void {
    if (!node.listed) return;
    this.#holds.remove(node);
    if (this.#holds.size === 0) this.#onIdle?.();
  }

  get oldest(): ActiveHold | undefined {
    return this.#holds.first;
  }

  all(): readonly ActiveHold[] {
    return [...this.#holds];
  }

  /** Resolves when no hold runs, or after `ms`. */
  async idle(ms: number): Promise<void> {
    if (this.#holds.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.schedule(() => resolve(), ms);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#onIdle = undefined;
  }
}
