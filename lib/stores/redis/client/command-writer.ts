/**
 * Sends scripts as prepared text, in place of the client's own `call`.
 *
 * `call` builds a list of arguments, a command and two promises, and escapes nothing that a script of this library needs.
 * For a lock that nobody contends for, that is a third of the CPU time of the process. A written command is one string
 * and one receiver. It passes through the client's own `sendCommand`. So the client's queues, its repetition of commands
 * after a reconnection and its status apply to it as to any other command.
 */
import { tracingChannel } from 'node:diagnostics_channel';
import { CommandTexts, type Parameter } from './command-texts.js';
import { keyPrefixOf } from './key-prefix.js';
import type { RedisLike } from './redis-client.interface.js';

/** Gets the outcome of a command: one of the two is called, once. */
export interface ReplyReceiver {
  onReply(reply: unknown): void;
  onError(error: unknown): void;
}

/** What is used of a client beyond its public types. */
interface Sending {
  readonly sendCommand: (this: unknown, command: object) => unknown;
  readonly call: (this: unknown, ...args: string[]) => unknown;
}

/** The options by which `call` does more for a command than a written command does. */
const OWN_WAYS = ['commandTimeout', 'enableAutoPipelining', 'monitor', 'showFriendlyErrorStack'] as const;

/** Two keys, and an argument outside of ASCII: the text of both ways must be the same. */
const PROBE = ['2', 'a', 'b', 'é'];

/** ioredis 6 traces its commands while this channel has subscribers. Earlier versions of Node do not tell. */
const traced = tracingChannel('ioredis:command') as { readonly hasSubscribers?: boolean };

export class CommandWriter {
  readonly #client: Sending;
  readonly #texts: CommandTexts;
  /** The methods that were examined, and what was found. */
  #sendCommand: unknown;
  #call: unknown;
  #command: WrittenCommandClass | undefined;

  constructor(client: RedisLike) {
    this.#client = client as RedisLike & Sending;
    this.#texts = new CommandTexts(keyPrefixOf(client));
  }

  /**
   * Sends EVALSHA.
   * @param parameters the number of keys, the keys and the arguments.
   * @returns false if nothing was sent, because the client or a parameter is not as expected. `call` must be used then.
   */
  send(sha: string, parameters: readonly Parameter[], receiver: ReplyReceiver): boolean {
    const { sendCommand, call } = this.#client;
    if (sendCommand !== this.#sendCommand || call !== this.#call) this.#examine();
    if (this.#command === undefined || traced.hasSubscribers !== false) return false;
    const text = this.#texts.of(sha, parameters);
    if (text === undefined) return false;
    this.#client.sendCommand(new this.#command(sha, parameters, text, receiver));
    return true;
  }

  /** Decides whether commands can be written, whenever the client's way of sending is another one. */
  #examine(): void {
    this.#sendCommand = this.#client.sendCommand;
    this.#call = this.#client.call;
    this.#command = undefined;
    const client = this.#client as RedisLike & Sending;
    const options = client.options as Record<string, unknown>;
    if (client.isCluster === true || OWN_WAYS.some((option) => Boolean(options[option]))) return;
    // The prefix may be a Buffer.
    if (typeof (options['keyPrefix'] ?? '') !== 'string' || !isOriginal(client)) return;
    const command = commandOf(client);
    if (command === undefined || command.toWritable() !== this.#texts.of('0', PROBE)) return;
    this.#command = writtenCommandOver(Object.getPrototypeOf(command) as object);
  }
}

/** What a client's `call` makes. */
interface ClientCommand {
  toWritable(): unknown;
}

/** The command that the client itself makes of a call. Nothing is sent. */
function commandOf(client: RedisLike & Sending): ClientCommand | undefined {
  let command: unknown;
  const probe = Object.create(client, {
    sendCommand: {
      value: (made: unknown) => {
        command = made;
      },
    },
  }) as RedisLike;
  try {
    void probe.call('EVALSHA', '0', ...PROBE);
  } catch {
    return undefined;
  }
  const { toWritable } = (command ?? {}) as Partial<ClientCommand>;
  return typeof toWritable === 'function' ? (command as ClientCommand) : undefined;
}

/**
 * Whether `sendCommand` and `call` are ioredis's own. A tracer replaces `sendCommand` and expects the promise and the
 * arguments of a command. A subclass or a test may replace `call`, and expects to be called.
 */
function isOriginal(client: RedisLike & Sending): boolean {
  // The names of properties are the same in minified code. A function around the original one has none of them.
  const source = String(client.sendCommand);
  if (!source.includes('.toWritable(') || !source.includes('.commandQueue')) return false;
  const sender = ownerOf(client, 'sendCommand');
  const caller = ownerOf(client, 'call');
  return sender !== undefined && caller !== undefined && caller !== sender && isAbove(caller, sender);
}

function ownerOf(client: object, method: string): object | undefined {
  let at: object | null = client;
  while (at !== null && !Object.hasOwn(at, method)) at = Object.getPrototypeOf(at) as object | null;
  return at ?? undefined;
}

function isAbove(ancestor: object, descendant: object): boolean {
  return Object.prototype.isPrototypeOf.call(ancestor, descendant);
}

interface WrittenCommand {
  readonly name: string;
  resolve(reply: unknown): void;
  reject(error: unknown): void;
}

type WrittenCommandClass = new (
  sha: string,
  parameters: readonly Parameter[],
  text: string,
  receiver: ReplyReceiver,
) => WrittenCommand;

const NONE: readonly Parameter[] = [];

/** What all written commands share. ioredis 6 must not trace such a command, because it has no promise. */
const ALIKE = { name: 'evalsha', inTransaction: false, isTraced: true, promise: undefined };

const classes = new WeakMap<object, WrittenCommandClass>();

/**
 * The class of written commands for the clients of one copy of ioredis.
 * @param prototype of the commands of that copy. A later version may use a method of it that is not known here.
 */
function writtenCommandOver(prototype: object): WrittenCommandClass {
  let written = classes.get(prototype);
  if (written === undefined) {
    written = makeClass();
    Object.setPrototypeOf(written.prototype, prototype);
    Object.assign(written.prototype, ALIKE);
    classes.set(prototype, written);
  }
  return written;
}

function makeClass(): WrittenCommandClass {
  /**
   * A command as the client's queues need it. Its fields end with the command, because these queues may keep a command
   * alive long after its reply.
   */
  class Written implements WrittenCommand {
    declare readonly name: string;
    readonly #sha: string;
    #parameters: readonly Parameter[];
    #text: string;
    #receiver: ReplyReceiver | undefined;

    constructor(sha: string, parameters: readonly Parameter[], text: string, receiver: ReplyReceiver) {
      this.#sha = sha;
      this.#parameters = parameters;
      this.#text = text;
      this.#receiver = receiver;
    }

    /** For the log of ioredis, and for the errors of the server. */
    get args(): readonly Parameter[] {
      return [this.#sha, ...this.#parameters];
    }

    setReplyContext(): void {
      // The replies of the scripts are the same in both protocols.
    }

    toWritable(): string {
      return this.#text;
    }

    resolve(reply: unknown): void {
      this.#end()?.onReply(textOf(reply));
    }

    reject(error: unknown): void {
      this.#end()?.onError(error);
    }

    #end(): ReplyReceiver | undefined {
      const receiver = this.#receiver;
      this.#receiver = undefined;
      this.#parameters = NONE;
      this.#text = '';
      return receiver;
    }
  }
  return Written;
}

/** ioredis leaves it to the command to make text of bytes. */
function textOf(reply: unknown): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString();
  return Array.isArray(reply) ? reply.map(textOf) : reply;
}
