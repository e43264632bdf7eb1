/** The channel of one slot of a Cluster, from which a session hears of hand-offs of the slot's keys. */
import { systemClock, type Timer } from '../../../core/time/clock.js';
import { runOutside } from '../../../core/time/outside.js';
import { SharedPromise } from './shared-promise.js';
import type { NodeListener, ShardNode } from './shard-node.js';
import type { ShardNodes } from './shard-nodes.js';
import { isMoved, isRefusal, isUnknownCommand, storeError } from '../errors/redis-errors.js';
import { TRY_TIMEOUT, WANTED_FOR } from './grant-notifications.interface.js';

/** Between two tries at a slot that is not where the client believes it to be, in ms: twice as long each time. */
const RETRY = { first: 50, longest: 1_000 };

export interface ShardChannelSettings {
  readonly slot: number;
  readonly name: string;
  readonly nodes: ShardNodes;
  /** Publishes the message where hand-offs are published, and tells how many it reached. */
  readonly publish: (message: string) => Promise<number>;
  /** Called after every subscription: what was published before it is lost. */
  readonly onReconnected: () => void;
  /** The server has no such command. */
  readonly onUnknown: () => void;
}

interface Trial {
  readonly message: string;
  heard: boolean;
  timer?: Timer;
}

/**
 * States: asleep → subscribing (at the slot's node, once that is connected) → awake → asleep (the connection is down, or
 * the slot is elsewhere). Invariant: while somebody waits, what is asleep has a node that is being connected to, or a timer.
 */
export class ShardChannel implements NodeListener {
  readonly name: string;
  readonly #settings: ShardChannelSettings;
  readonly #listening = new SharedPromise();
  #state: 'asleep' | 'subscribing' | 'awake' = 'asleep';
  #node: ShardNode | undefined;
  #wantedUntil = -Infinity;
  /** Numbers the tries to subscribe: what comes of an earlier one is of no interest. */
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

  /** Did the server refuse it, the last time? */
  get refused(): boolean {
    return this.#refused;
  }

  /** Somebody waits from now on. */
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

  /** It turned out that it cannot work: nobody needs to wait for it. */
  abandon(): void {
    this.#listening.resolve();
  }

  /** Goes where the slot is, if it is not there already, and subscribes. */
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

  // ---- what the node tells

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
   * Publishes to itself, the way hand-offs are: that is what tells a slot that was moved, a master that became a replica
   * (which accepts subscriptions), and a connection that is half open, from one that is quiet.
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
      // The other connection's trouble, or a missing right: tells nothing of this one.
      () => {
        if (this.#trial === trial) this.#trial = undefined;
      },
    );
  }

  // ---- moves between the states

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
      current(() => this.#notifications()),
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

  #notifications(): void {
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

  /** Seeks again after a while, if somebody still waits then. */
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
