/** Reads the state once an interval, however many watch, and never while nobody does. */
import type { BeforeApplicationShutdown, OnModuleDestroy } from '@nestjs/common';
import { type Timer, systemClock } from '../../core/time/clock.js';
import type { EventStream } from '../http/event-stream.js';

export class LiveFeed implements OnModuleDestroy, BeforeApplicationShutdown {
  readonly #streams = new Set<EventStream>();
  #latest: { readonly state: string; readonly at: number } | undefined;
  #reading: Promise<string> | undefined;
  #timer: Timer | undefined;
  #ended = false;

  /** @param refresh in ms. */
  constructor(
    private readonly read: () => Promise<string>,
    private readonly refresh: number,
  ) {}

  /** Whether the application shuts down. Streams are refused then. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The state, which is at most `refresh` old. */
  async current(): Promise<string> {
    const latest = this.#latest;
    if (latest !== undefined && performance.now() - latest.at < this.refresh) return latest.state;
    return this.#readOnce();
  }

  watch(stream: EventStream): void {
    this.#streams.add(stream);
    stream.onEnd(() => this.#left(stream));
    if (!this.#streams.has(stream)) return;
    if (this.#ended) stream.end();
    else if (this.#timer === undefined) this.#start();
    else void this.current().then((state) => stream.send('state', state));
  }

  /** Nest waits for open streams before it ends the servers, so they are ended first. */
  onModuleDestroy(): void {
    this.#ended = true;
    this.#timer?.cancel();
    for (const stream of [...this.#streams]) stream.end();
  }

  /** A request that was under way during `onModuleDestroy` may have opened a stream since. */
  beforeApplicationShutdown(): void {
    this.onModuleDestroy();
  }

  #start(): void {
    this.#schedule(0, () => this.current());
  }

  #schedule(delay: number, next: () => Promise<string>): void {
    const timer = systemClock.schedule(() => void this.#tell(timer, next), delay);
    this.#timer = timer;
  }

  /** A timer that was replaced meanwhile tells nothing more. */
  async #tell(timer: Timer, next: () => Promise<string>): Promise<void> {
    const began = performance.now();
    const state = await next();
    if (this.#timer !== timer) return;
    for (const stream of this.#streams) stream.send('state', state);
    this.#schedule(this.refresh - (performance.now() - began), () => this.#readOnce());
  }

  #left(stream: EventStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #readOnce(): Promise<string> {
    this.#reading ??= this.read()
      .then((state) => {
        this.#latest = { state, at: performance.now() };
        return state;
      })
      .finally(() => (this.#reading = undefined));
    return this.#reading;
  }
}
