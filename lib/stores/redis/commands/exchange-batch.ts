/** Gathers the exchanges of one tick into one command. */
import type { Command } from './command-timeouts.js';
import type { LockNames } from '../naming/key-names.js';
import type { CommandSender } from './command-sender.js';
import { TURN } from '../scripts/turn.script.js';
import { MOST_TURNS, TURNS } from '../scripts/turns.script.js';

interface Turn {
  readonly command: Command;
  readonly names: LockNames;
  /** The set of holders, where it is declared. */
  readonly holders: string | undefined;
  readonly parameters: readonly string[];
}

/**
 * Turns leave in the order in which they came. One that finds the connection idle leaves at once: a lone caller has nothing
 * to gather, and whoever waits for a hand-off would wait for the rest of our tick. The others leave when the promise jobs
 * at hand are done; a single one as it is. In a Cluster each goes by itself: they may be of different nodes.
 */
export class ExchangeBatch {
  readonly #sender: CommandSender;
  #exchanges: Turn[] = [];

  constructor(sender: CommandSender) {
    this.#sender = sender;
  }

  /** @param parameters the arguments of `exchange`. */
  send(command: Command, names: LockNames, holders: string | undefined, parameters: readonly string[]): void {
    const exchange = { command, names, holders, parameters };
    if (this.#sender.cluster) return this.#sendOne(exchange);
    if (this.#exchanges.length === 0 && this.#sender.idle) return this.#sendOne(exchange);
    if (this.#exchanges.length === 0) process.nextTick(() => this.#flush());
    this.#exchanges.push(exchange);
  }

  #flush(): void {
    const exchanges = this.#exchanges;
    this.#exchanges = [];
    for (let i = 0; i < exchanges.length; i += MOST_TURNS) {
      const some = exchanges.slice(i, i + MOST_TURNS);
      const [first] = some;
      if (first !== undefined && some.length === 1) this.#sendOne(first);
      else this.#sendAll(some);
    }
  }

  #sendOne({ command, names: { lock, queue, fences }, holders, parameters }: Turn): void {
    const keys = holders === undefined ? ['3', lock, queue, fences] : ['4', lock, queue, fences, holders];
    this.#sender.send(command, TURN, keys.concat(parameters));
  }

  #sendAll(exchanges: readonly Turn[]): void {
    const keys = [exchanges[0]?.names.fences ?? ''];
    const all: string[] = [];
    for (const { names, holders, parameters } of exchanges) {
      keys.push(names.lock, names.queue);
      if (holders === undefined) all.push(String(parameters.length), ...parameters);
      else {
        keys.push(holders);
        all.push(String(-parameters.length), ...parameters);
      }
    }
    const commands = exchanges.map(({ command }) => command);
    this.#sender.sendAll(commands, TURNS, [String(keys.length), ...keys, ...all]);
  }
}
