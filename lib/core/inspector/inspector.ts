/** Inspects locks, answers the questions of other processes, and releases locks by force. */
import { LockOptionsError } from '../../errors/index.js';
import type { StoreInspection } from '../contracts/inspection.contract.js';
import type { LockEvent } from '../events/events.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { WaitGraph } from '../deadlock/wait-for-graph.js';
import { ForcedReleases } from './forced-releases.js';
import { Inquiry } from './inquiry.js';
import { Overviews } from './overviews.js';
import { WaitReport } from './wait-report.js';
import type { CallerFacts } from '../options/origin.js';
import { Listening, type InspectionMode } from './listening.js';
import type {
  ForceReleaseOptions,
  ForceReleaseResult,
  LockInfo,
  LockOverview,
} from '../inspection/lock-info.js';
import { lockInfoOf, sessionsOf } from '../inspection/merge-facts.js';
import { type Answer, decodeMessage, encodeMessage } from '../inspection/messages.js';
import { type FactSource, OwnFacts } from '../inspection/own-facts.js';
import { Pieces } from '../time/pieces.js';
import { Troubles } from '../inspection/troubles.js';

export interface InspectorSettings {
  readonly context: EngineContext;
  readonly sessionId: string;
  readonly mode: InspectionMode;
  readonly source: FactSource;
  readonly graph: WaitGraph;
}

/** How many places of a queue are read. */
const MOST_PLACES = 100;
/** For how long a report of a failed wait waits for answers, in ms. */
const REPORT_PATIENCE = 250;

export class Inspector {
  readonly #context: EngineContext;
  readonly #sessionId: string;
  readonly #facts: OwnFacts;
  readonly #troubles: Troubles;
  readonly #inquiry: Inquiry | undefined;
  readonly #overviews: Overviews | undefined;
  /** Undefined if this process does not inspect locks on its own. */
  readonly #report: WaitReport | undefined;
  readonly #pieces = new Pieces();
  readonly #forced: ForcedReleases;
  readonly #listening: Listening | undefined;

  constructor({ context, sessionId, mode, source, graph }: InspectorSettings) {
    this.#context = context;
    this.#sessionId = sessionId;
    this.#forced = new ForcedReleases(context, sessionId);
    this.#troubles = new Troubles(context.clock);
    this.#facts = new OwnFacts(source, graph, this.#troubles);
    const { session, clock, holds, subscriptions } = context;
    const { inspection } = session;
    if (inspection === undefined) return;
    this.#inquiry = new Inquiry({
      inspection,
      sessionId,
      clock,
      own: (id, key) => this.#answer(id, key),
      settled: () => this.#pieces.settled(),
    });
    this.#overviews = new Overviews({
      inspection,
      inquiry: this.#inquiry,
      pieces: this.#pieces,
      now: () => this.#now(),
    });
    this.#listening = new Listening({ inspection, mode, clock, holds, subscriptions });
    if (mode === 'off') return;
    this.#report = new WaitReport({
      clock,
      inspect: (key) => this.inspect(key, REPORT_PATIENCE),
      emit: (event) => context.events.emit(event.name, () => event),
    });
  }

  /** @returns null if nobody holds the key, and nobody waits for it. */
  async inspect(key: string, patience: number): Promise<LockInfo | null> {
    const { inspection, inquiry } = this.#parts('inspect');
    const state = await inspection.readKey(key, MOST_PLACES);
    const sessions = sessionsOf(state);
    const answers =
      sessions.length === 0
        ? new Map<string, Answer>()
        : (await inquiry.about(key, sessions, patience)).answers;
    return lockInfoOf(key, state, answers, this.#now());
  }

  async overview(patience: number): Promise<LockOverview> {
    return this.#parts('overview').overviews.read(patience);
  }

  /** @param details whether the processes are sent a question about each key. */
  async *list(
    pattern: string,
    {
      details,
      patience,
      signal,
    }: { readonly details: boolean; readonly patience: number; readonly signal: AbortSignal | undefined },
  ): AsyncGenerator<LockInfo> {
    const { inspection } = this.#parts('list');
    for await (const key of inspection.keys(pattern, signal)) {
      if (signal?.aborted) return;
      const info = details
        ? await this.inspect(key, patience)
        : lockInfoOf(key, await inspection.readKey(key, MOST_PLACES), new Map(), this.#now());
      if (info !== null) yield info;
    }
  }

  forceRelease(key: string, options: ForceReleaseOptions): Promise<ForceReleaseResult> {
    return this.#forced.release(this.#parts('forceRelease').inspection, key, options);
  }

  /** A caller has waited in vain. @param waited in ms. */
  refused(key: string, waited: number, caller: CallerFacts): void {
    if (waited > 0) this.#troubles.note({ name: 'busy', key, waited, ...caller });
    this.#report?.refused(key, waited, caller);
  }

  /** An event of this process, which an overview may report. */
  note(event: LockEvent): void {
    this.#troubles.note(event);
  }

  /** Hears the questions of other processes from now on, as with the mode `always`. With the mode `off`, nothing happens. */
  listen(): void {
    this.#listening?.always();
  }

  onMessage(text: string): void {
    this.#pieces.add(text.length, () => this.#read(text));
  }

  #read(text: string): void {
    const message = decodeMessage(text);
    switch (message?.kind) {
      case 'question': {
        const { inspection } = this.#context.session;
        if (inspection === undefined || message.from === this.#sessionId) return;
        const answer = encodeMessage(this.#answer(message.id, message.key));
        inspection.send(message.from, answer).catch(() => undefined);
        return;
      }
      case 'answer':
        return this.#inquiry?.answered(message);
      case 'revocation':
        return this.#forced.revoked(message);
      case undefined:
    }
  }

  #answer(id: string, key: string | undefined): Answer {
    const facts = key === undefined ? this.#facts.digest() : this.#facts.about(key);
    return { kind: 'answer', id, from: this.#sessionId, facts };
  }

  #parts(verb: string): { inspection: StoreInspection; inquiry: Inquiry; overviews: Overviews } {
    const { inspection } = this.#context.session;
    const [inquiry, overviews] = [this.#inquiry, this.#overviews];
    if (inspection !== undefined && inquiry !== undefined && overviews !== undefined)
      return { inspection, inquiry, overviews };
    throw new LockOptionsError(
      'store',
      undefined,
      `${verb}() needs a store whose sessions have "inspection", and this store's sessions have none. ` +
        'Use the Redis store or the memory store, or add the verbs of StoreInspection to your store.',
    );
  }

  #now(): Date {
    return new Date(this.#context.clock.wall());
  }
}
