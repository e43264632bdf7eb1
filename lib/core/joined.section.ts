/** A share in a section that an outer call of the same async context holds. */
import { LockLostError } from '../errors/index.js';
import { LinkedList, type Place } from './linked-list.js';
import type { HandleSection } from './lock.handle.js';
import type { Party } from './party.js';
import type { Section, SectionGuest, SectionHolder } from './section.js';

/** The same lease and fence, and none of its end: its release gives nothing back, and the outer one's ends it. */
export class JoinedSection implements HandleSection, SectionGuest {
  readonly root: Section;
  readonly fence: number;
  usedFence: number;
  holder: SectionHolder | undefined;

  readonly #party: Party;
  readonly #since: number;
  readonly #place: Place<SectionGuest>;
  #lost: LockLostError | undefined;
  #over = false;

  constructor(root: Section, party: Party) {
    this.root = root;
    this.fence = root.usedFence;
    this.usedFence = root.usedFence;
    this.#party = party;
    this.#since = party.clock.monotonic();
    root.guests ??= new LinkedList();
    this.#place = root.guests.push(this);
  }

  get key(): string {
    return this.root.key;
  }

  get token(): string {
    return this.root.token;
  }

  /** Those of the outer call: it is its hold. */
  get options(): Section['options'] {
    return this.root.options;
  }

  get lost(): LockLostError | undefined {
    return this.#lost;
  }

  /** How long ago it was joined, in ms. */
  get age(): number {
    return this.#party.clock.monotonic() - this.#since;
  }

  get remaining(): number {
    return this.#over ? 0 : this.root.remaining;
  }

  get expiresAt(): Date {
    return this.root.expiresAt;
  }

  get inDoubt(): boolean {
    return !this.#over && this.#lost === undefined && this.root.inDoubt;
  }

  settleOverdue(): void {
    if (!this.#over) this.root.settleOverdue();
  }

  extend(ttl: number): Promise<void> {
    return this.root.extend(ttl);
  }

  /** Resolves to whether the outer call still holds it. */
  async release(): Promise<boolean> {
    if (this.inDoubt) await this.root.settled();
    this.settleOverdue();
    this.#over = true;
    this.root.guests?.remove(this.#place);
    return this.#lost === undefined;
  }

  sectionLost(error: LockLostError): void {
    if (this.#over || this.#lost !== undefined) return;
    this.#lost = error;
    this.holder?.sectionLost(error);
  }

  sectionReleased(): void {
    if (this.#over || this.#lost !== undefined) return;
    const { key, fence } = this;
    const held = this.age;
    const error = new LockLostError(key, 'released', held);
    this.#party.emit('lost', () => ({ name: 'lost', key, held, fence, reason: 'released', error }));
    this.sectionLost(error);
  }
}
