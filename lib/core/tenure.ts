/**
 * Serves the callers of this process that stood in line when a lease came, one after the other, from memory: an
 * exclusive lease's, or those of one permit of a semaphore.
 */
import type { LockLossReason } from '../errors/index.js';
import type { FenceSupply } from './fence-supply.js';
import type { Lease, LeaseTenant } from './lease.js';
import type { Party, ReleaseOutcome } from './party.js';
import { Section, type SectionTenure } from './section.js';
import type { Waiter } from './waiter.js';

/** The most sections of one tenure: other processes wait for no more than these. */
export const MOST_SECTIONS = 64;

/** No section but the first starts later than this into a tenure, in ms. */
export const LONGEST_TENURE = 50;

/** Where the callers come from. */
export interface Line {
  readonly first: Waiter | undefined;
  /** Takes the first one off. */
  shift(): Waiter | undefined;
}

export interface TenureSettings {
  readonly party: Party;
  readonly lease: Lease;
  readonly line: Line;
  /** The number of the last caller it may serve: those who stood in line when its fences were asked for, and no others. */
  readonly upTo: number;
  readonly fences: FenceSupply;
  readonly landlord: Landlord;
}

/** Who a tenure gives its lease back to. */
export interface Landlord {
  /** Called once, at the end: gives the lease up, after `keepFor` ms where that is above 0. */
  tenureOver(lease: Lease, keepFor: number): Promise<ReleaseOutcome>;
  /** It took callers off the line. Told only where others may be served at the same time: not by an exclusive lease. */
  sectionsStarted?(): void;
}

/**
 * States: a section runs → the next one, at once or after the lease was renewed → … → over. Invariants: while the lease
 * is held, at most one section of it runs; none starts without its share of the ttl; after `over` none starts.
 */
export class Tenure implements LeaseTenant, SectionTenure {
  readonly lease: Lease;
  readonly #party: Party;
  readonly #line: Line;
  readonly #fences: FenceSupply;
  readonly #landlord: Landlord;
  readonly #until: number;
  readonly #upTo: number;
  #served = false;
  #current: Section | undefined;
  #confirming: Promise<void> | undefined;
  #over: Promise<ReleaseOutcome> | undefined;

  constructor(settings: TenureSettings) {
    this.lease = settings.lease;
    this.#party = settings.party;
    this.#line = settings.line;
    this.#upTo = settings.upTo;
    this.#fences = settings.fences;
    this.#landlord = settings.landlord;
    this.#until = this.lease.since + LONGEST_TENURE;
    this.lease.tenant = this;
    this.#party.keeper.add(this.lease);
  }

  /** Can a newcomer be told "busy" without asking the store? */
  get surelyHeld(): boolean {
    return (
      this.#over === undefined &&
      this.#current !== undefined &&
      this.lease.confirmed &&
      this.lease.remaining > 0
    );
  }

  /** Is its first section still to begin? */
  get entering(): boolean {
    return !this.#served && this.#over === undefined;
  }

  /** Has a section begun? */
  get served(): boolean {
    return this.#served;
  }

  /** The lease was granted by a reply, with fences for those who are to be served. */
  begin(): void {
    const first = this.#line.first;
    if (first === undefined) void this.#end(0);
    else if (this.lease.remaining < (first.options.ttl * 2) / 3) this.#topUp(first);
    else this.#start();
  }

  /**
   * The lease is an offer, or came without a fence that may be used: it is confirmed at once, and the confirmation, which
   * draws `fences`, is on its way before any section starts. With a young offer the first section does not wait for it.
   */
  beginConfirming(fences: number, young: boolean): void {
    this.#confirming = this.#confirm(fences).finally(() => (this.#confirming = undefined));
    if (young && this.#line.first !== undefined) this.#start();
    else this.#resumeAfter(this.#confirming);
    this.#confirming.catch(() => undefined);
  }

  async #confirm(fences: number): Promise<void> {
    const reply = await this.lease.renew(this.lease.ttl, fences);
    if (reply.held) this.#fences.add(reply.fence, reply.drawn ?? fences, this.#upTo);
    this.lease.autoRenew = this.#current?.options.renew ?? true;
  }

  #next(): void {
    if (this.#over !== undefined || this.#current !== undefined) return;
    const next = this.#line.first;
    if (next === undefined || next.number > this.#upTo) return void this.#end(0);
    const now = this.#party.clock.monotonic();
    if (this.#served && now >= this.#until) return void this.#end(0);
    if (this.#confirming !== undefined) return this.#resumeAfter(this.#confirming);
    if (!this.#fences.hasFor(next.number)) return void this.#end(0);
    const { ttl, renew } = next.options;
    if (this.lease.remaining < (renew ? (ttl * 2) / 3 : ttl)) this.#topUp(next);
    else this.#start(now);
  }

  /** Renews first: a section must not start on the rest of a lease. */
  #topUp(next: Waiter): void {
    this.lease.renew(Math.max(this.lease.ttl, next.options.ttl)).then(
      () => {
        if (this.#over !== undefined) return;
        // Whoever is first now may have come too late for this tenure's fences, or need more than was topped up.
        if (this.#line.first !== next) this.#next();
        else if (this.lease.remaining === 0) void this.#end(0);
        else this.#start();
      },
      () => void this.#end(0),
    );
  }

  #resumeAfter(work: Promise<void>): void {
    work.then(
      () => this.#next(),
      () => void this.#end(0),
    );
  }

  #start(now = this.#party.clock.monotonic()): void {
    const waiter = this.#line.first;
    // Another permit of the same semaphore may have used it up meanwhile.
    if (waiter === undefined || !this.#fences.hasFor(waiter.number)) return void this.#end(0);
    this.#line.shift();
    this.#served = true;
    const section = new Section({
      party: this.#party,
      lease: this.lease,
      fence: this.#fences.take(),
      options: waiter.options,
      waited: now - waiter.since,
      startedAt: now,
      tenure: this,
    });
    this.#current = section;
    this.lease.autoRenew = waiter.options.renew || !this.lease.confirmed;
    this.lease.alarmAt = Math.min(section.limitAt, section.startedAt + this.#party.longHold);
    this.#party.keeper.touch(this.lease);
    waiter.grant(section);
    this.#landlord.sectionsStarted?.();
  }

  /** Nobody stands in line any more: between two sections nothing is waited for then, whatever is on its way. */
  lineEmptied(): void {
    if (this.#current === undefined) this.#party.errand(this.#end(0));
  }

  sectionEnded(section: Section): ReleaseOutcome | Promise<ReleaseOutcome> {
    if (this.#current !== section) return 'released';
    this.#current = undefined;
    this.lease.alarmAt = Infinity;
    // With several keys its caller used a fence that was drawn after the others of this batch.
    this.#fences.raise(section.usedFence);
    const keepFor = section.minHold > 0 ? section.minHold - section.age : 0;
    if (keepFor > 0) return this.#end(keepFor);
    this.#next();
    return this.#over ?? 'released';
  }

  leaseLost(reason: LockLossReason): void {
    this.#current?.lose(reason);
    this.#current = undefined;
    void this.#end(0);
  }

  leaseAlarmed(): void {
    const section = this.#current;
    this.lease.alarmAt = Infinity;
    if (section === undefined) return;
    const now = this.#party.clock.monotonic();
    if (now >= section.limitAt) {
      section.lose(section.age >= section.options.maxHold ? 'max-hold' : 'expired');
      void this.sectionEnded(section);
      return;
    }
    if (now >= section.startedAt + this.#party.longHold) section.reportLong();
    this.lease.alarmAt = section.limitAt;
  }

  #end(keepFor: number): Promise<ReleaseOutcome> {
    if (this.#over === undefined) {
      this.#party.keeper.remove(this.lease);
      this.lease.tenant = undefined;
      this.#over = this.#landlord.tenureOver(this.lease, keepFor);
    }
    return this.#over;
  }
}
