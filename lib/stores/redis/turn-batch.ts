/** Gathers the turns of one tick into one command. */
import type { Command } from './command-watch.js';
import type { LockNames } from './key-names.js';
import type { RedisLink } from './redis-link.js';
import {
  BATCH,
  type ExchangeCall,
  MOST_EXCHANGES,
  batchParametersOf,
  parametersOf,
} from './scripts/scripts.js';

interface Turn {
  readonly command: Command;
  readonly keys: LockNames;
  readonly call: ExchangeCall;
}

/**
 * Turns leave in the order in which they came. One that finds the connection idle leaves at once: a lone caller has nothing
 * to gather, and whoever waits for a hand-off would wait for the rest of our tick. The others leave when the promise jobs
 * at hand are done; a single one as it is. In a Cluster each goes by itself: they may be of different nodes.
 */
export class TurnBatch {
  readonly #link: RedisLink;
  #turns: Turn[] = [];

  constructor(link: RedisLink) {
    this.#link = link;
  }

  send(command: Command, keys: LockNames, call: ExchangeCall): void {
    const turn = { command, keys, call };
    if (this.#link.cluster) return this.#sendOne(turn);
    if (this.#turns.length === 0 && this.#link.idle) return this.#sendOne(turn);
    if (this.#turns.length === 0) process.nextTick(() => this.#flush());
    this.#turns.push(turn);
  }

  #flush(): void {
    const turns = this.#turns;
    this.#turns = [];
    for (let i = 0; i < turns.length; i += MOST_EXCHANGES) {
      const some = turns.slice(i, i + MOST_EXCHANGES);
      const [first] = some;
      if (first !== undefined && some.length === 1) this.#sendOne(first);
      else this.#sendAll(some);
    }
  }

  #sendOne({ command, keys, call }: Turn): void {
    this.#link.send(command, call.script, parametersOf(call, keys));
  }

  #sendAll(turns: readonly Turn[]): void {
    const commands = turns.map(({ command }) => command);
    this.#link.sendAll(commands, BATCH, batchParametersOf(turns));
  }
}
