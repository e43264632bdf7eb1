/** The gates of a party, by key: made when somebody waits, forgotten when nobody does and nothing is held. */
import { Gate } from './gate.js';
import type { Party } from './party.js';

/** What a Map's old tables keep alive (see LinkedList) is this, and not the gate. */
interface GateSlot {
  gate: Gate | undefined;
}

export class Gates {
  readonly #party: Party;
  readonly #maxWaiters: number;
  readonly #slots = new Map<string, GateSlot>();

  /** @param maxWaiters of each key; `Infinity` for no bound. */
  constructor(party: Party, maxWaiters: number) {
    this.#party = party;
    this.#maxWaiters = maxWaiters;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The gate of a key, if there is one. */
  find(key: string): Gate | undefined {
    return this.#slots.get(key)?.gate;
  }

  /** The gate of a key. */
  of(key: string): Gate {
    const known = this.find(key);
    if (known !== undefined) return known;
    const gate = new Gate({ key, party: this.#party, maxWaiters: this.#maxWaiters, onIdle: this.#onIdle });
    this.#slots.set(key, { gate });
    return gate;
  }

  all(): Gate[] {
    return [...this.#slots.values()].flatMap(({ gate }) => gate ?? []);
  }

  /** The store hands a key to one of our tokens: if nobody waits any more, it goes back. */
  offered(key: string, token: string, fence: number, doubtful = false): void {
    const gate = this.find(key);
    if (gate === undefined) this.#party.decline(key, token);
    else gate.offered(token, fence, doubtful);
  }

  /** @param counter of which keys; of all of them without it. */
  nudge(counter?: string): void {
    const { session } = this.#party;
    for (const gate of this.all()) {
      if (counter === undefined || session.counterOf(gate.key) === counter) gate.nudge();
    }
  }

  readonly #onIdle = (gate: Gate): void => {
    const slot = this.#slots.get(gate.key);
    if (slot?.gate !== gate) return;
    this.#slots.delete(gate.key);
    slot.gate = undefined;
  };
}
