/** `@Interval` and `@Timeout` jobs under their locks. `@Cron` is in cron-machines.spec.ts. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { Locked, LockModule, LockService, memoryStore } from 'nestjs-locked';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { Acquisitions } from './support/acquisitions.js';

@Injectable()
class Jobs {
  readonly ran: string[] = [];
  step: Deferred = deferred();

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Interval('above', 20)
  @Locked('above', { onBusy: 'skip' })
  async above(): Promise<void> {
    this.ran.push(`above under ${this.locks.current().keys.join()}`);
    await this.step.promise;
  }

  @Locked('below', { wait: 0 })
  @Interval('below', 20)
  async below(): Promise<void> {
    this.ran.push(`below under ${this.locks.current().keys.join()}`);
  }

  @Timeout('once', 1)
  @Locked('once')
  async once(): Promise<void> {
    this.ran.push(`once under ${this.locks.current().keys.join()}`);
  }
}

let module: TestingModule;
let jobs: Jobs;
let acquired: Acquisitions;

beforeEach(async () => {
  acquired = new Acquisitions();
  module = await Test.createTestingModule({
    imports: [LockModule.forRoot({ store: memoryStore() }), ScheduleModule.forRoot()],
    providers: [Jobs],
  }).compile();
  Logger.overrideLogger(false);
  jobs = module.get(Jobs);
});
afterEach(async () => {
  jobs.step.resolve();
  acquired.end();
  await module.close();
  jest.restoreAllMocks();
});

const count = (job: string): number => jobs.ran.filter((each) => each === `${job} under ${job}`).length;

describe('a scheduled job', () => {
  it('given @Interval, then a run holds the lock, and occasions that come while it runs are skipped', async () => {
    await module.init();
    // The other job has the same interval: its runs show that the interval has passed.
    await eventually(() => expect(count('below')).toBeGreaterThan(5));
    expect(count('above')).toBe(1);
    jobs.step.resolve();
    await eventually(() => expect(count('above')).toBeGreaterThan(3));
    module.get(SchedulerRegistry).deleteInterval('above');
    module.get(SchedulerRegistry).deleteInterval('below');
    await eventually(() => expect(acquired.keys).toHaveLength(jobs.ran.length));
    expect(acquired.keys.filter((key) => key === 'above')).toHaveLength(count('above'));
  });

  it('given @Timeout, then the job runs once under its lock', async () => {
    await module.init();
    await eventually(() => expect(count('once')).toBe(1));
    expect(acquired.keys.filter((key) => key === 'once')).toHaveLength(1);
  });

  it("given a busy key, then the error is logged as any job's error is, and the next occasion tries again", async () => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const held = await module.get(LockService).acquire('below');
    await module.init();
    await eventually(() =>
      expect(log.mock.calls.flat().some((each) => /The lock "below" is busy/.test(String(each)))).toBe(true),
    );
    expect(count('below')).toBe(0);
    await held.release();
    await eventually(() => expect(count('below')).toBeGreaterThan(0));
  });
});
