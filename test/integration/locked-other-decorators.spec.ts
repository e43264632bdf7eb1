/** `@Locked` beside other decorators of a method. Wrappers that inherit metadata are in locked-above-wrappers.spec.ts. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Inject, Injectable, SetMetadata } from '@nestjs/common';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { LockBusyError, Locked, LockService } from 'nestjs-locked';
import { eventually } from '../support/eventually.js';
import { endAfterTest, endAll, startInMemory } from '../support/module-apps.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await endAll();
});

describe('other decorators', () => {
  const Tag = (tag: string): MethodDecorator => SetMetadata('tag', tag);
  /** Replaces the method, as a logging or caching decorator does. */
  const Wrap = (_target: object, _name: string | symbol, descriptor: PropertyDescriptor): void => {
    const original = descriptor.value as () => unknown;
    const wrapper = function (this: unknown, ...args: unknown[]): unknown {
      return Reflect.apply(original, this, args);
    };
    for (const key of Reflect.getMetadataKeys(original)) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapper);
    }
    descriptor.value = wrapper;
  };

  it('given decorators above and below, then name, length, metadata and properties of the method stay', () => {
    const Mark: MethodDecorator = (_target, _name, descriptor) => {
      Object.assign(descriptor.value as object, { mark: true });
    };
    class Service {
      @Tag('above') @Locked('a') async above(_a: number, _b: number): Promise<void> {}
      @Locked('a') @Tag('below') @Mark async below(_a: number, _b: number, _c = 1): Promise<void> {}
    }
    const { above, below } = Service.prototype;
    expect([above.name, above.length, below.name, below.length]).toEqual(['above', 2, 'below', 2]);
    expect([above, below].map((method) => Reflect.getMetadata('tag', method) as unknown)).toEqual([
      'above',
      'below',
    ]);
    expect(below).toHaveProperty('mark', true);
    expect(Reflect.getMetadata('design:paramtypes', Service.prototype, 'below')).toEqual([
      Number,
      Number,
      Object,
    ]);
  });

  it('given two locks on one method, or wrappers above and below, then every lock is held', async () => {
    class Service {
      constructor(@Inject(LockService) private readonly service: LockService) {}
      @Locked('outer') @Locked('inner') async both(): Promise<unknown> {
        return [this.service.current().keys, this.service.current('outer').keys];
      }
      @Wrap @Locked('a') async wrapped(): Promise<unknown> {
        return this.service.current().keys;
      }
      @Locked('a') @Wrap async wrapping(): Promise<unknown> {
        return this.service.current().keys;
      }
    }
    const service = (await startInMemory({ providers: [Service] })).get(Service);
    expect(await service.both()).toEqual([['inner'], ['outer']]);
    expect(await service.wrapped()).toEqual(['a']);
    expect(await service.wrapping()).toEqual(['a']);
  });

  it('given @Cron above or below, then the job that Nest captured at its start locks', async () => {
    const ran: string[] = [];
    @Injectable()
    class Jobs {
      constructor(@Inject(LockService) private readonly service: LockService) {}
      @Cron('0 0 1 1 *', { name: 'above' })
      @Locked('job')
      async above(): Promise<void> {
        ran.push(`above under ${this.service.current().keys.join()}`);
      }
      @Locked('job', { onBusy: 'skip' })
      @Cron('0 0 1 1 *', { name: 'below' })
      async below(): Promise<void> {
        ran.push(`below under ${this.service.current().keys.join()}`);
      }
    }
    const app = await startInMemory({ imports: [ScheduleModule.forRoot()], providers: [Jobs] });
    const jobs = app.get(SchedulerRegistry);
    const using = jest.spyOn(app.get(LockService), 'using');
    // A job does not wait for its callback.
    await jobs.getCronJob('above').fireOnTick();
    await eventually(() => expect(ran).toEqual(['above under job']));
    await Promise.all(using.mock.results.map(({ value }) => value));
    await jobs.getCronJob('below').fireOnTick();
    await eventually(() => expect(ran).toEqual(['above under job', 'below under job']));
    await Promise.all(using.mock.results.map(({ value }) => value));
    const held = await app.get(LockService).acquire('job');
    endAfterTest(() => held.release());
    await jobs.getCronJob('below').fireOnTick();
    await eventually(() => expect(using.mock.results).toHaveLength(3));
    await expect(using.mock.results[2].value).rejects.toThrow(LockBusyError);
    await held.release();
    expect(ran).toHaveLength(2);
  });
});
