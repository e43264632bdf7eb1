/** What the parts of one engine share. The properties never change. */
import type { LockStoreSession } from '../contracts/store.contract.js';
import type { TokenGenerator } from '../contracts/token.js';
import type { LockEvent, LockEventSink } from '../events/events.js';
import { Revocations } from '../events/revocations.js';
import type { Clock } from '../time/clock.js';
import { holderId } from '../util/holder-id.js';
import { AlarmTimer } from '../time/alarm.js';
import { BackgroundTasks } from './background-tasks.js';
import { DeadlineTimer } from './deadline-timer.js';
import { EventPublisher } from './event-publisher.js';
import { HoldRegistry } from './hold-registry.js';
import { RenewalTimer } from './renewal-timer.js';
import { SessionCommands } from './session-commands.js';
import { Subscriptions } from './subscriptions.js';

export interface EngineContextSettings {
  readonly session: LockStoreSession;
  readonly tokens: TokenGenerator;
  readonly clock: Clock;
  readonly longHold: number;
  readonly sink: LockEventSink;
}

export class EngineContext {
  readonly session: LockStoreSession;
  readonly tokens: TokenGenerator;
  readonly clock: Clock;
  /** The age at which a hold is reported as long, in ms. */
  readonly longHold: number;
  readonly events: EventPublisher;
  readonly tasks: BackgroundTasks;
  readonly holds: HoldRegistry;
  /** The timer of the renewals and the deadlines. */
  readonly timer: AlarmTimer;
  readonly renewals: RenewalTimer;
  /** The deadlines of the waiters. */
  readonly deadlines: DeadlineTimer;
  readonly subscriptions: Subscriptions;
  readonly revocations: Revocations;
  readonly commands: SessionCommands;

  constructor({ session, tokens, clock, longHold, sink }: EngineContextSettings) {
    this.session = session;
    this.tokens = tokens;
    this.clock = clock;
    this.longHold = longHold;
    this.events = new EventPublisher(sink);
    this.tasks = new BackgroundTasks(clock);
    this.holds = new HoldRegistry(clock);
    this.timer = new AlarmTimer(clock);
    this.renewals = new RenewalTimer(this.timer);
    this.deadlines = new DeadlineTimer(clock, this.timer);
    const emit = (event: LockEvent): void => this.events.emit(event.name, () => event);
    this.revocations = new Revocations({ clock, idOf: holderId, emit });
    this.subscriptions = new Subscriptions(session);
    this.commands = new SessionCommands(session, this.events, this.tasks, this.renewals);
  }
}
