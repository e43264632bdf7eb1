/** Gathers the exchanges of one tick into one command. */
import type { Command } from './command-timeouts.js';
import type { LockNames } from '../naming/key-names.js';
import type { CommandSender } from './command-sender.js';
import {
  BATCH,
  type ExchangeCall,
  MOST_EXCHANGES,
  batchParametersOf,
  parametersOf,
} from '../scripts/scripts.js';

interface Exchange {
  readonly command: Command;
  readonly keys: LockNames;
  readonly call: ExchangeCall;
}

/**
 * Exchanges leave in the order in which they came. An exchange that finds the connection idle leaves at once: a lone caller
 * has nothing to gather, and the next waiter of a hand-off would wait for the rest of this tick. The other exchanges leave
 * when the present promise jobs are done, or as soon as they fill a command. So the server works on a full command while
 * this process prepares the next one. A single exchange is sent as a command of its own. In a Cluster each exchange is sent
 * alone, because two keys may belong to two nodes.
 */
export class ExchangeBatch {
  readonly #sender: CommandSender;
  #exchanges: Exchange[] = [];
  #full = false;

  constructor(sender: CommandSender) {
    this.#sender = sender;
  }

  /** True while a full command is being sent, within the call that sends the last of its exchanges. */
  get full(): boolean {
    return this.#full;
  }

  send(command: Command, keys: LockNames, call: ExchangeCall): void {
    const exchange = { command, keys, call };
    if (this.#sender.cluster) return this.#sendOne(exchange);
    if (this.#exchanges.length === 0 && this.#sender.idle) return this.#sendOne(exchange);
    if (this.#exchanges.length === 0) process.nextTick(() => this.#flush());
    this.#exchanges.push(exchange);
    if (this.#exchanges.length < MOST_EXCHANGES) return;
    this.#full = true;
    this.#flush();
    this.#full = false;
  }

  #flush(): void {
    const exchanges = this.#exchanges;
    const [first] = exchanges;
    if (first === undefined) return;
    this.#exchanges = [];
    if (exchanges.length === 1) this.#sendOne(first);
    else this.#sendAll(exchanges);
  }

  #sendOne({ command, keys, call }: Exchange): void {
    this.#sender.send(command, call.script, parametersOf(call, keys));
  }

  #sendAll(exchanges: readonly Exchange[]): void {
    const commands = exchanges.map(({ command }) => command);
    this.#sender.sendAll(commands, BATCH, batchParametersOf(exchanges));
  }
}
