/** What a session knows of the releases by force of its locks: the messages, and the losses that they may explain. */
import type { LockLossReason } from '../../errors/index.js';
import type { LockEvent } from './events.js';

/** For how long messages and losses are remembered, in ms, and how many of them at most. */
const REMEMBERED = 10_000;
const MOST = 100;

/** What the message of a release by force says. */
export interface RevocationFacts {
  readonly key: string;
  /** The id of the holder. */
  readonly holder: string;
  readonly by: string;
  readonly reason?: string;
}

interface Message extends RevocationFacts {
  readonly at: number;
  /** Whether the event was emitted. */
  emitted: boolean;
}

interface Loss {
  readonly key: string;
  readonly token: string;
  readonly at: number;
}

export interface RevocationsSettings {
  readonly clock: { monotonic(): number };
  /** The id of the holder with this token. */
  readonly idOf: (token: string) => string;
  readonly emit: (event: LockEvent) => void;
}

/**
 * A message may be forged, so a message alone changes nothing. A loss alone does not tell its cause. The two may come in
 * either order: the message may find a lease that is not in use yet, or a lease that is being released.
 */
export class Revocations {
  readonly #settings: RevocationsSettings;
  #messages: Message[] = [];
  #losses: Loss[] = [];

  constructor(settings: RevocationsSettings) {
    this.#settings = settings;
  }

  /** A message has come. */
  noted(facts: RevocationFacts): void {
    const message: Message = { ...facts, at: this.#settings.clock.monotonic(), emitted: false };
    this.#messages = [...this.#recent(this.#messages), message];
    this.#losses = this.#recent(this.#losses);
    if (
      this.#losses.some(({ key, token }) => key === facts.key && this.#settings.idOf(token) === facts.holder)
    )
      this.#explained(message);
  }

  /** The store has said that the holder still holds the key. */
  denied({ key, holder }: RevocationFacts): void {
    this.#messages = this.#messages.filter((each) => each.key !== key || each.holder !== holder);
  }

  /** Why the lock is lost: the store has said that the token does not hold the key any more. */
  lossOf({ key, token }: { readonly key: string; readonly token: string }): LockLossReason {
    this.#messages = this.#recent(this.#messages);
    const ofKey = this.#messages.filter((each) => each.key === key);
    const found = ofKey.find(({ holder }) => holder === this.#settings.idOf(token));
    if (found !== undefined) {
      this.#explained(found);
      return 'revoked';
    }
    this.#losses = [...this.#recent(this.#losses), { key, token, at: this.#settings.clock.monotonic() }];
    return 'not-owner';
  }

  #explained(message: Message): void {
    if (message.emitted) return;
    message.emitted = true;
    const { key, by, reason } = message;
    this.#settings.emit({ name: 'force-release', key, by, why: reason });
  }

  #recent<T extends { readonly at: number }>(all: readonly T[]): T[] {
    const since = this.#settings.clock.monotonic() - REMEMBERED;
    return all.filter(({ at }) => at >= since).slice(-MOST);
  }
}
