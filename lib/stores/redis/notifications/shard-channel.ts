/** The channel of one slot of a Cluster, on which a session hears of hand-offs of the slot's keys. */
import { systemClock, type Timer } from '../../../core/time/clock.js';
import { runOutside } from '../../../core/time/outside.js';
import { SharedPromise } from './shared-promise.js';
import type { NodeListener, ShardNode } from './shard-node.js';
import type { ShardNodes } from './shard-nodes.js';
import { isMoved, isRefusal, isUnknownCommand, storeError } from '../errors/redis-errors.js';
import { TRY_TIMEOUT, WANTED_FOR } from './grant-notifications.interface.js';

/** The pause between two tries if a slot is not where the client believes it to be, in ms. It doubles each time. */
const RETRY = { first: 50, longest: 1_000 };

export interface ShardChannelSettings {
  readonly slot: number;
  readonly name: string;
  readonly nodes: ShardNodes;
  /** Publishes the message as hand-offs are published. Resolves with the number of subscribers that it reached. */
  readonly publish: (message: string) => Promise<number>;
  /** Called after each subscription: hand-offs that were published before it are lost. */
  readonly onReconnected: () => void;
  /** The server does not know the command SSUBSCRIBE. */
  readonly onUnknown: () => void;
}

interface Trial {
  readonly message: string;
  heard: boolean;
  timer?: Timer;
}

/**
 * States: asleep → subscribing (at the slot's node, once the node is connected) → awake → asleep (the connection is
 * down, or another node serves the slot).
 *
 * Invariant: while a caller waits, a channel that is asleep has a node that is being connected, or a timer.
 */
export class ShardChannel implements NodeListener {
  readonly name: string;
  readonly #settings: ShardChannelSettings;
  readonly #listening = new SharedPromise();
  #state: 'asleep' | 'subscribing' | 'awake' = 'asleep';
  #node: ShardNode | undefined;
  #wantedUntil = -Infinity;
  /** The number of the latest try to subscribe. The outcome of an earlier try is ignored. */
  #attempt = 0;
  #failures = 0;
  #refused = false;
  #timeout: Timer | undefined;
  #retry: NodeJS.Timeout | undefined;
  #trial: Trial | undefined;
  #trials = 0;

  constructor(settings: ShardChannelSettings) {
    this.#settings = settings;
    this.name = settings.name;
  }

  get awake(): boolean {
    return this.#state === 'awake' && this.#inPlace;
  }

  get wanted(): boolean {
    return performance.now() < this.#wantedUntil;
  }

  /** Whether the server refused the latest subscription. */
  get refused(): boolean {
    return this.#refused;
  }

  /** A caller waits from now on. */
  want(): void {
    this.#wantedUntil = performance.now() + WANTED_FOR;
    this.seek();
  }

  listen(): Promise<void> {
    this.want();
    return this.awake ? Promise.resolve() : this.#listening.get();
  }

  end(): void {
    this.#sleep();
    this.#wantedUntil = -Infinity;
  }

  /** Notifications proved to be impossible: callers stop waiting for the subscription. */
  abandon(): void {
    this.#listening.resolve();
  }

  /** Subscribes at the node of the slot, unless that is done or under way already. */
  seek(): void {
    if (this.#inPlace && (this.#state !== 'asleep' || this.#retry !== undefined)) return;
    runOutside(() => this.#seek());
  }

  #seek(): void {
    this.#sleep();
    const { nodes, slot } = this.#settings;
    const node = nodes.of(slot);
    if (node !== this.#node) {
      const former = this.#node;
      former?.delete(this);
      if (former !== undefined) nodes.tidy(former);
      this.#node = node;
      node?.add(this);
    }
    if (node === undefined) this.#later();
    else if (node.ready) this.#subscribe(node);
  }

  // ---- events of the node

  onReady(): void {
    this.seek();
  }

  onDown(): void {
    this.#sleep();
  }

  onMoved(): void {
    this.#settings.nodes.refresh();
    if (this.#state === 'subscribing') this.#later();
    else this.try();
  }

  onRefused(error: unknown): void {
    this.#sleep();
    this.#refused = true;
    this.#listening.reject(storeError(`subscribing to the channel "${this.name}"`, error));
  }

  heard(node: ShardNode, message: string): void {
    const trial = this.#trial;
    if (trial?.message !== message || node !== this.#node) return;
    trial.heard = true;
    trial.timer?.cancel();
    if (trial.timer !== undefined) this.#trial = undefined;
  }

  /**
   * Tests the subscription: publishes a message to this channel, as hand-offs are published. The test finds a slot that
   * was moved, a master that became a replica (a replica accepts subscriptions), and a connection that is half open.
   */
  try(): void {
    if (!this.awake || this.#trial !== undefined) return;
    const node = this.#node;
    const trial: Trial = { message: `try ${(this.#trials += 1)}`, heard: false };
    this.#trial = trial;
    void runOutside(() => this.#publish(trial, node));
  }

  #publish(trial: Trial, node: ShardNode | undefined): Promise<void> {
    return this.#settings.publish(trial.message).then(
      (receivers) => {
        if (this.#trial !== trial) return;
        if (receivers > 0 && !trial.heard) {
          trial.timer = systemClock.schedule(() => node?.reconnect(), TRY_TIMEOUT);
          return;
        }
        this.#trial = undefined;
        if (receivers > 0) this.#failures = 0;
        else this.#later();
      },
      // The client's own connection failed, or a right is missing. This says nothing about the subscription.
      () => {
        if (this.#trial === trial) this.#trial = undefined;
      },
    );
  }

  // ---- changes of the state

  get #inPlace(): boolean {
    return (
      this.#node !== undefined && this.#node.address === this.#settings.nodes.ownerOf(this.#settings.slot)
    );
  }

  #subscribe(node: ShardNode): void {
    this.#state = 'subscribing';
    this.#refused = false;
    const attempt = (this.#attempt += 1);
    const current =
      <T>(act: (value: T) => void) =>
      (value: T): void => {
        if (attempt === this.#attempt) act(value);
      };
    this.#timeout = systemClock.schedule(
      current(() => node.reconnect()),
      TRY_TIMEOUT,
    );
    node.subscribe(this.name).then(
      current(() => this.#wake()),
      current((error: unknown) => {
        if (isUnknownCommand(error)) this.#settings.onUnknown();
        else if (isRefusal(error)) this.onRefused(error);
        else {
          if (isMoved(error)) this.#settings.nodes.refresh();
          this.#later();
        }
      }),
    );
  }

  #wake(): void {
    this.#sleep();
    this.#state = 'awake';
    this.#listening.resolve();
    this.#settings.onReconnected();
  }

  #sleep(): void {
    this.#attempt += 1;
    this.#state = 'asleep';
    this.#timeout?.cancel();
    clearTimeout(this.#retry);
    this.#trial?.timer?.cancel();
    this.#retry = undefined;
    this.#trial = undefined;
  }

  /** Seeks again after a pause, if a caller still waits then. */
  #later(): void {
    this.#sleep();
    const pause = Math.min(RETRY.first * 2 ** this.#failures, RETRY.longest);
    this.#failures += 1;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.wanted || this.#listening.pending) this.seek();
    }, pause).unref();
  }
}
