/** The metrics of locks. Holds are followed by the diagnostics channels, callers by the hook of the service. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createNoopMeter, type Meter, metrics } from '@opentelemetry/api';
import type { LockEvent } from '../core/events/events.js';
import { safely } from '../core/events/tracer.js';
import { type Instruments, instrumentsOf } from './instruments.js';
import type { KeyTemplates } from './key-templates.js';
import type { Series, SeriesTable, Since } from './series.js';
import { ATTRIBUTES as A, SCOPE } from './telemetry.names.js';

/** One hold that runs. */
interface RunningHold {
  readonly series: Series;
  readonly since: Since;
}

type Listener = (message: unknown) => void;

export class LockMetrics {
  /** @returns undefined without an SDK for metrics: a meter that was made without one never gets one. */
  static of(templates: KeyTemplates, table: SeriesTable): LockMetrics | undefined {
    const meter = metrics.getMeter(SCOPE);
    if (meter.constructor === createNoopMeter().constructor) return undefined;
    return new LockMetrics(meter, templates, table);
  }

  readonly #instruments: Instruments;
  readonly #table: SeriesTable;
  readonly #templates: KeyTemplates;
  /** The holds that run, by module, key and fence. */
  readonly #holds = new Map<string, RunningHold>();
  readonly #listeners: ReadonlyArray<readonly [channel: string, listener: Listener]>;
  readonly #stopObserving: () => void;

  private constructor(meter: Meter, templates: KeyTemplates, table: SeriesTable) {
    this.#instruments = instrumentsOf(meter);
    this.#templates = templates;
    this.#table = table;
    this.#stopObserving = this.#instruments.observe(table);
    this.#listeners = [
      ['acquire', (event: LockEvent) => this.#began(event)] as const,
      ['release', (event: LockEvent) => this.#ended(event)] as const,
      ['lost', (event: LockEvent) => this.#lost(event)] as const,
      ['store-error', () => this.#instruments.storeErrors.add(1)] as const,
    ].map(([name, listener]) => [
      `nestjs-locked:${name}`,
      // An error in a listener of a diagnostics channel ends the process.
      (event: unknown) => void safely(() => (listener as Listener)(event)),
    ]);
    for (const [channel, listener] of this.#listeners) subscribe(channel, listener);
  }

  stop(): void {
    for (const [channel, listener] of this.#listeners) unsubscribe(channel, listener);
    this.#stopObserving();
  }

  acquiring({ waits }: Series): Since {
    const since: Since = { at: performance.now() };
    waits.add(since);
    return since;
  }

  /** @param error the type of the error. Undefined if the lock was acquired. */
  settled(series: Series, since: Since, contended: boolean, error?: string): void {
    series.waits.delete(since);
    const plain = contended ? series.contended : series.uncontended;
    const attributes = error === undefined ? plain : { ...plain, [A.errorType]: error };
    this.#instruments.acquireDuration.record((performance.now() - since.at) / 1000, attributes);
  }

  #began(event: LockEvent): void {
    const { kind = 'exclusive', module, template, key = '' } = event;
    const series = this.#table.of(this.#templates.of([key], template), kind, module);
    const since: Since = { at: performance.now() };
    series.holds.add(since);
    this.#holds.set(idOf(event), { series, since });
  }

  /** A hold that its caller never got has no `acquire` event, and is not counted. */
  #ended(event: LockEvent, error?: string): void {
    const id = idOf(event);
    const hold = this.#holds.get(id);
    if (hold === undefined) return;
    this.#holds.delete(id);
    const { series, since } = hold;
    series.holds.delete(since);
    const attributes =
      error === undefined ? series.attributes : { ...series.attributes, [A.errorType]: error };
    this.#instruments.holdDuration.record((event.held ?? 0) / 1000, attributes);
  }

  #lost(event: LockEvent): void {
    this.#ended(event, 'LOCK_LOST');
    const { key = '', template, module, reason } = event;
    this.#instruments.losses.add(1, {
      [A.template]: this.#templates.of([key], template),
      [A.lossReason]: reason,
      ...(module === undefined ? {} : { [A.module]: module }),
    });
  }
}

function idOf({ module = '', key = '', fence = 0 }: LockEvent): string {
  return `${module}\0${key}\0${fence}`;
}
