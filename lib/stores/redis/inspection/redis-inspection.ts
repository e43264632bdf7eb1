/** The inspection of locks in Redis: it reads keys, and carries messages between the processes. */
import type { KeyHolder, KeyState, StoreInspection } from '../../../core/contracts/inspection.contract.js';
import type { ClusterLike } from '../client/redis-client.interface.js';
import type { CommandSender } from '../commands/command-sender.js';
import { tokenOfBytes } from '../naming/foreign-value.js';
import type { KeyNames } from '../naming/key-names.js';
import { MARKERS, PUBLISH, READ_KEY } from '../scripts/scripts.js';
import { scanKeys } from './key-scan.js';
import { orSplit } from './split-read.js';
import { SubscriberCount } from './subscriber-count.js';
import { within } from './within.js';

export interface RedisInspectionSettings {
  readonly sender: CommandSender;
  readonly names: KeyNames;
  readonly sessionId: string;
  /** Makes the messages of these channels arrive. */
  readonly listenTo: (channels: readonly string[]) => Promise<void>;
}

export class RedisInspection implements StoreInspection {
  readonly #settings: RedisInspectionSettings;
  /** Undefined unless the client is a Cluster. */
  readonly #subscribers: SubscriberCount | undefined;

  constructor(settings: RedisInspectionSettings) {
    this.#settings = settings;
    const { cluster, client, commandTimeout } = settings.sender;
    if (cluster) this.#subscribers = new SubscriberCount(client as ClusterLike, commandTimeout);
  }

  async readKey(key: string, most: number): Promise<KeyState> {
    const { sender, names } = this.#settings;
    const { lock, queue } = names.of(key);
    const holders = names.holdersOf(key);
    const parameters = ['3', lock, queue, holders, String(most)];
    const whole = sender.run(sender.until(), 'inspecting', key, READ_KEY, parameters);
    const reply = sender.cluster ? orSplit(whole, sender, { lock, queue, holders }, most) : whole;
    return stateOf((await reply) as Reply);
  }

  keys(pattern: string, signal: AbortSignal | undefined): AsyncIterable<string> {
    const { sender, names } = this.#settings;
    const { client, commandTimeout } = sender;
    return scanKeys({ client, names, commandTimeout }, pattern, signal);
  }

  async listen(): Promise<void> {
    const { names, sessionId, sender, listenTo } = this.#settings;
    const channels = [names.questions, names.messagesOf(sessionId)];
    await within(sender.commandTimeout, 'subscribing to messages', listenTo(channels));
  }

  async broadcast(message: string): Promise<number | undefined> {
    const { questions } = this.#settings.names;
    const listening = await this.#subscribers?.of(questions);
    const reached = await this.#publish(questions, message);
    return this.#subscribers === undefined ? reached : listening;
  }

  async send(sessionId: string, message: string): Promise<boolean | undefined> {
    const channel = this.#settings.names.messagesOf(sessionId);
    const listening = await this.#subscribers?.of(channel);
    const reached = await this.#publish(channel, message);
    if (this.#subscribers === undefined) return reached > 0;
    return listening === undefined || listening > 0;
  }

  async #publish(channel: string, message: string): Promise<number> {
    const { sender } = this.#settings;
    return Number(
      await sender.run(sender.until(), 'publishing on', channel, PUBLISH, ['0', channel, message]),
    );
  }
}

/** The reply of PTTL for a key that does not exist. */
const ABSENT = -2;

type Reply = [
  now: string,
  value: string | [bytes: string],
  remaining: unknown,
  queued: unknown,
  queue: string[],
  holders: string[],
];

function stateOf([now, value, remaining, queued, queue, holders]: Reply): KeyState {
  return {
    holders: holdersOf(
      Array.isArray(value) ? tokenOfBytes(value[0]) : value,
      Number(remaining),
      pairsOf(holders),
      Number(now) / 1_000,
    ),
    queue: pairsOf(queue).map(([token, score]) => ({
      token,
      waited: Math.max(0, Number(now) - score) / 1_000,
    })),
    queued: Number(queued),
  };
}

/** @param now in ms */
function holdersOf(value: string, remaining: number, holders: [string, number][], now: number): KeyHolder[] {
  if (remaining === ABSENT) return []; // the value alone does not tell: it may be an empty string
  if (value !== MARKERS.shared && value !== MARKERS.semaphore) {
    return [{ token: value, remaining: remaining < 0 ? Infinity : remaining }];
  }
  return holders
    .filter(([, ends]) => ends >= Math.floor(now))
    .map(([token, ends]) => ({ token, remaining: Math.max(0, ends - now) }));
}

function pairsOf(list: readonly string[]): [string, number][] {
  return Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i], Number(list[2 * i + 1])]);
}
