/** The inspection of locks in Redis: it reads keys, and carries messages between the processes. */
import type { KeyHolder, KeyState, StoreInspection } from '../../../core/contracts/inspection.contract.js';
import type { ClusterLike } from '../client/redis-client.interface.js';
import type { CommandSender } from '../commands/command-sender.js';
import { tokenOfBytes } from '../naming/foreign-value.js';
import type { KeyNames } from '../naming/key-names.js';
import { MARKERS, PUBLISH, READ_KEY } from '../scripts/scripts.js';
import { scanKeys } from './key-scan.js';
import { orSplit } from './split-read.js';
import { within } from './within.js';

/** How long the nodes of a Cluster may take to count the listeners, in ms. Without the count, answers take the whole patience. */
const COUNTING = 500;

export interface RedisInspectionSettings {
  readonly sender: CommandSender;
  readonly names: KeyNames;
  readonly sessionId: string;
  /** Makes the messages of these channels arrive. */
  readonly listenTo: (channels: readonly string[]) => Promise<void>;
}

export class RedisInspection implements StoreInspection {
  readonly #settings: RedisInspectionSettings;

  constructor(settings: RedisInspectionSettings) {
    this.#settings = settings;
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
    const { sender, names } = this.#settings;
    const listening = sender.cluster ? await this.#listening(names.questions) : undefined;
    const reached = await this.#publish(names.questions, message);
    return sender.cluster ? listening : reached;
  }

  async send(sessionId: string, message: string): Promise<boolean | undefined> {
    const { sender, names } = this.#settings;
    const channel = names.messagesOf(sessionId);
    const listening = sender.cluster ? await this.#listening(channel) : undefined;
    const reached = await this.#publish(channel, message);
    return sender.cluster ? listening === undefined || listening > 0 : reached > 0;
  }

  async #publish(channel: string, message: string): Promise<number> {
    const { sender } = this.#settings;
    return Number(
      await sender.run(sender.until(), 'publishing on', channel, PUBLISH, ['0', channel, message]),
    );
  }

  /** PUBLISH counts the subscribers of its own node only. */
  async #listening(channel: string): Promise<number | undefined> {
    const { client, commandTimeout } = this.#settings.sender;
    const nodes = (client as ClusterLike).nodes('master');
    const counting = Promise.all(nodes.map((node) => node.call('PUBSUB', 'NUMSUB', channel)));
    try {
      const counts = await within(Math.min(commandTimeout, COUNTING), 'counting listeners', counting);
      return counts.reduce<number>((sum, count) => sum + Number((count as unknown[])[1]), 0);
    } catch {
      return undefined; // a right is missing, or a node does not answer
    }
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
