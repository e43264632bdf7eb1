/** Lets in, side by side, the readers of this process who stood together at the front of the line when a lease came. */
import type { LockLossReason } from '../errors/index.js';
import type { FenceSupply } from './fence-supply.js';
import type { Lease, LeaseTenant } from './lease.js';
import type { Party, ReleaseOutcome } from './party.js';
import { Section, type SectionTenure } from './section.js';
import type { Landlord, Line, TenureSettings } from './tenure.js';
import type { Waiter } from './waiter.js';

/** The most readers of one lease. The others, who ask with the next, are let in as soon as that is granted. */
export const MOST_READERS = 1000;

/**
 * States: letting in (`#entering`) → running → over, when the last one has left. Invariants: a reader is let in only
 * while the lease is held, with a fence of its own, and with its share of the ttl left; none after `#entering`: who
 * comes later asks anew, so that a writer who queues meanwhile waits for no more than those who are in.
 */
export class ReadersTenure implements LeaseTenant, SectionTenure {
  readonly lease: Lease;
  readonly #party: Party;
  readonly #line: Line;
  readonly #fences: FenceSupply;
  readonly #landlord: Landlord;
  readonly #upTo: number;
  /** Those who are in, each with when its lease's alarm is to ring for it, on the monotonic clock. */
  readonly #running = new Map<Section, number>();
  /** How many of them want the lease renewed. */
  #renewing = 0;
  #entering = true;
  #served = false;
  /** Until when others are to be kept out after the last one has left, on the monotonic clock. */
  #keepUntil = -Infinity;
  #over: Promise<ReleaseOutcome> | undefined;

  constructor(settings: TenureSettings) {
    this.lease = settings.lease;
    this.#party = settings.party;
    this.#line = settings.line;
    this.#upTo = settings.upTo;
    this.#fences = settings.fences;
    this.#landlord = settings.landlord;
    this.lease.tenant = this;
    this.#party.keeper.add(this.lease);
  }

  /** Are there some still to be let in? Whom they are is not to be asked for again. */
  get entering(): boolean {
    return this.#entering;
  }

  /** Has one been let in? */
  get served(): boolean {
    return this.#served;
  }

  /** The lease was granted by a reply, with fences for those who are to be let in. */
  begin(): void {
    if (this.#over !== undefined) return;
    // Its ttl is the longest among them.
    if (this.lease.remaining >= (this.lease.ttl * 2) / 3) this.#letIn();
    else this.#topUp();
  }

  /** Renews first: a section must not start on the rest of a lease. */
  #topUp(): void {
    this.lease.renew(this.lease.ttl).then(
      () => this.#letIn(),
      () => this.#allIn(),
    );
  }

  /**
   * The lease is an offer, or came without fences that may be used. As of an exclusive one, only the first section may run
   * unconfirmed, of a young offer, whose fence it takes; the others have theirs from the confirmation.
   */
  beginConfirming(fences: number, young: boolean): void {
    const confirming = this.lease.renew(this.lease.ttl, fences).then((reply) => {
      if (reply.held) this.#fences.add(reply.fence, reply.drawn ?? fences, this.#upTo);
      this.#setRenewal();
    });
    if (young && this.#line.first !== undefined) this.#start(this.#party.clock.monotonic());
    confirming.then(
      () => this.begin(),
      () => this.#allIn(),
    );
  }

  #letIn(): void {
    if (this.#over !== undefined) return;
    const now = this.#party.clock.monotonic();
    if (this.lease.remaining > 0) while (this.#mayEnter()) this.#start(now);
    this.#allIn();
  }

  /** Whoever was not let in, for want of a fence or because a renewal failed, stays in line and asks anew. */
  #allIn(): void {
    if (this.#over !== undefined) return;
    this.#entering = false;
    this.#setRenewal();
    if (this.#running.size === 0) void this.#end();
    else this.#landlord.sectionsStarted?.();
  }

  /** Nobody stands in line any more: those whom a command on its way was to let in have left. */
  lineEmptied(): void {
    if (!this.#entering) return;
    this.#allIn();
    if (this.#over !== undefined) this.#party.errand(this.#over);
  }

  #mayEnter(): boolean {
    const { first } = this.#line;
    return (
      first !== undefined &&
      first.number <= this.#upTo &&
      first.options.sharing.kind === 'shared' &&
      this.#fences.hasFor(first.number)
    );
  }

  #start(now: number): void {
    const waiter = this.#line.shift() as Waiter;
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
    const alarm = Math.min(section.limitAt, now + this.#party.longHold);
    this.#running.set(section, alarm);
    if (waiter.options.renew) this.#renewing += 1;
    this.#setRenewal();
    this.lease.alarmAt = Math.min(this.lease.alarmAt, alarm);
    this.#party.keeper.touch(this.lease);
    waiter.grant(section);
  }

  #setRenewal(): void {
    this.lease.autoRenew = this.#renewing > 0 || this.#entering || !this.lease.confirmed;
  }

  sectionEnded(section: Section): ReleaseOutcome | Promise<ReleaseOutcome> {
    if (!this.#running.delete(section)) return 'released';
    if (section.options.renew) this.#renewing -= 1;
    this.#setRenewal();
    if (section.minHold > 0) this.#keepUntil = Math.max(this.#keepUntil, section.startedAt + section.minHold);
    if (this.#running.size > 0 || this.#entering) return 'released';
    return this.#end();
  }

  leaseLost(reason: LockLossReason): void {
    const sections = [...this.#running.keys()];
    this.#running.clear();
    this.#entering = false;
    for (const section of sections) section.lose(reason);
    void this.#end();
  }

  leaseAlarmed(): void {
    const now = this.#party.clock.monotonic();
    for (const [section, alarm] of [...this.#running]) {
      if (now < alarm) continue;
      if (now >= section.limitAt) {
        section.lose(section.age >= section.options.maxHold ? 'max-hold' : 'expired');
        void this.sectionEnded(section);
        continue;
      }
      if (now >= section.startedAt + this.#party.longHold) section.reportLong();
      this.#running.set(section, section.limitAt);
    }
    let next = Infinity;
    for (const alarm of this.#running.values()) next = Math.min(next, alarm);
    this.lease.alarmAt = next;
  }

  #end(): Promise<ReleaseOutcome> {
    if (this.#over === undefined) {
      this.#party.keeper.remove(this.lease);
      this.lease.tenant = undefined;
      const keepFor = this.#keepUntil - this.#party.clock.monotonic();
      this.#over = this.#landlord.tenureOver(this.lease, Math.max(0, keepFor));
    }
    return this.#over;
  }
}
