/** One machine of several: an application with a job that is due every few seconds, by a clock with a given skew. */
import { subscribe } from 'node:diagnostics_channel';
import { type INestApplicationContext, Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { LockModule } from '../../../lib/lock.module.js';
import { Locked } from '../../../lib/decorators/locked.decorator.js';
import { serve } from '../child-worker.js';

export type CronHandlers = typeof handlers;

export interface CronOptions {
  readonly url: string;
  /** The period, in seconds. If absent, the job runs by {@link CronHandlers.fire} only. */
  readonly every?: number;
  readonly ttl?: string;
  readonly minHold?: string;
  /** Whether the job never ends. */
  readonly hang?: boolean;
}

/** The outcome of the job on one occasion. */
export interface Attempt {
  readonly ran: boolean;
  /** The occasion, by the clock of this machine. */
  readonly tick: number;
  /** The delay by the clock of this machine, in ms. */
  readonly late: number;
  /** The time on the clock of all processes, in ms. */
  readonly at: number;
}

let attempts: Attempt[] = [];
let period = 1_000;
let app: INestApplicationContext | undefined;

function note(ran: boolean): void {
  const now = Date.now();
  const tick = Math.round(now / period);
  attempts.push({ ran, tick, late: now - tick * period, at: Number(process.hrtime.bigint() / 1_000_000n) });
}

/** Skews the time of this process, for the scheduler and for the locks. */
function skewClock(skew: number): void {
  const Right = Date;
  globalThis.Date = class extends Right {
    constructor(...args: []) {
      if (args.length === 0) super(Right.now() + skew);
      else super(...args);
    }
    static override now(): number {
      return Right.now() + skew;
    }
  } as DateConstructor;
}

export const handlers = serve({
  /** @param skew how far the clock of this machine is ahead, in ms. */
  boot(skew: number): void {
    skewClock(skew);
    subscribe('nestjs-locked:busy', () => note(false));
  },
  /** Starts the application, and ends the application before. */
  async start({ url, every, ttl = '30s', minHold = '0s', hang = false }: CronOptions): Promise<void> {
    await app?.close();
    [attempts, period] = [[], (every ?? 1) * 1000];

    @Injectable()
    class Report {
      @Cron(every === undefined ? '0 0 1 1 *' : `*/${every} * * * * *`, { name: 'report' })
      @Locked('report', { onBusy: 'skip', ttl: ttl as '30s', minHold: minHold as '30s' })
      async report(): Promise<void> {
        note(true);
        if (hang) await new Promise(() => undefined);
      }
    }
    @Module({
      imports: [LockModule.forRoot({ redis: url }), ScheduleModule.forRoot()],
      providers: [Report],
    })
    class Machine {}

    Logger.overrideLogger(false);
    app = await NestFactory.createApplicationContext(Machine, { logger: false });
  },
  /** Runs the job now, as the scheduler does. Resolves to whether the job ran. */
  async fire(): Promise<boolean> {
    const before = attempts.length;
    void app?.get(SchedulerRegistry).getCronJob('report').fireOnTick();
    while (attempts.length === before) await new Promise((resolve) => setTimeout(resolve, 2));
    return attempts[before].ran;
  },
  attempts: (): Attempt[] => attempts,
});
