/** CQRS: handlers of commands, queries and events, each under its lock. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Inject, Logger, SetMetadata } from '@nestjs/common';
import {
  CommandBus,
  CommandHandler,
  CqrsModule,
  EventBus,
  EventsHandler,
  type ICommandHandler,
  type IEventHandler,
  type IQueryHandler,
  QueryBus,
  QueryHandler,
  UnhandledExceptionBus,
} from '@nestjs/cqrs';
import { Test, type TestingModule } from '@nestjs/testing';
import { isLockError, Locked, LockModule, LockService, memoryStore } from 'nestjs-locked';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { Acquisitions } from './support/acquisitions.js';

class Pay {
  constructor(readonly id: number) {}
}
class Find {
  constructor(readonly id: number) {}
}
class Paid {
  constructor(readonly id: number) {}
}

const ran: string[] = [];
let step: Deferred;

@CommandHandler(Pay)
class PayHandler implements ICommandHandler<Pay, string> {
  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Locked('order:{0.id}', { wait: 0 })
  @SetMetadata('own', 'kept')
  async execute(_command: Pay): Promise<string> {
    ran.push(`pay under ${this.locks.current().keys.join()}`);
    await step.promise;
    return 'paid';
  }
}

@QueryHandler(Find)
class FindHandler implements IQueryHandler<Find, readonly string[]> {
  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Locked('order:{0.id}', { wait: 0 })
  async execute(_query: Find): Promise<readonly string[]> {
    return this.locks.current().keys;
  }
}

@EventsHandler(Paid)
class PaidHandler implements IEventHandler<Paid> {
  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Locked('order:{0.id}', { wait: 0 })
  async handle(_event: Paid): Promise<void> {
    ran.push(`paid under ${this.locks.current().keys.join()}`);
  }
}

class Settled {
  constructor(readonly id: number) {}
}

/** Publishes an event under its lock. The handler of the event acquires the same key. */
@CommandHandler(Find)
class SettleHandler implements ICommandHandler<Find, string> {
  constructor(@Inject(EventBus) private readonly events: EventBus) {}

  @Locked('order:{0.id}', { wait: 0 })
  async execute({ id }: Find): Promise<string> {
    this.events.publish(new Settled(id));
    this.events.publish(new Paid(id));
    await step.promise;
    ran.push('settled');
    return 'settled';
  }
}

@EventsHandler(Settled)
class SettledHandler implements IEventHandler<Settled> {
  @Locked('order:{0.id}', { reentry: 'wait' })
  async handle(_event: Settled): Promise<void> {
    ran.push('heard');
  }
}

let module: TestingModule;
let acquired: Acquisitions;

beforeEach(async () => {
  ran.length = 0;
  step = deferred();
  module = await Test.createTestingModule({
    imports: [LockModule.forRoot({ store: memoryStore() }), CqrsModule.forRoot()],
    providers: [PayHandler, FindHandler, PaidHandler, SettleHandler, SettledHandler],
  }).compile();
  Logger.overrideLogger(false);
  await module.init();
  acquired = new Acquisitions();
});
afterEach(async () => {
  step.resolve();
  acquired.end();
  await module.close();
});

describe('a CQRS handler', () => {
  it('given a command, then its handler runs once under the lock, and a second command of that key is refused', async () => {
    const paying = module.get(CommandBus).execute(new Pay(1));
    await eventually(() => expect(ran).toEqual(['pay under order:1']));
    const busy: unknown = await module
      .get(CommandBus)
      .execute(new Pay(1))
      .catch((thrown: unknown) => thrown);
    expect(isLockError(busy, 'LOCK_BUSY')).toBe(true);
    step.resolve();
    expect(await paying).toBe('paid');
    expect(Reflect.getMetadata('own', PayHandler.prototype.execute)).toBe('kept');
    expect(ran).toHaveLength(1);
    expect(acquired.keys).toEqual(['order:1']);
  });

  it('given a query, then its handler runs once under the lock', async () => {
    expect(await module.get(QueryBus).execute(new Find(2))).toEqual(['order:2']);
    expect(acquired.keys).toEqual(['order:2']);
  });

  it('given an event, then its handler runs once under the lock, and a busy key reaches UnhandledExceptionBus', async () => {
    module.get(EventBus).publish(new Paid(3));
    await eventually(() => expect(ran).toEqual(['paid under order:3']));
    expect(acquired.keys).toEqual(['order:3']);
    const errors: unknown[] = [];
    const subscription = module
      .get(UnhandledExceptionBus)
      .subscribe(({ exception }) => errors.push(exception));
    const held = await module.get(LockService).acquire('order:4');
    module.get(EventBus).publish(new Paid(4));
    await eventually(() => expect(errors).toHaveLength(1));
    await held.release();
    subscription.unsubscribe();
    expect(isLockError(errors[0], 'LOCK_BUSY')).toBe(true);
    expect(ran).toHaveLength(1);
  });

  it("given an event published under its own key, then reentry: 'wait' waits for the publisher, and the default refuses", async () => {
    const errors: unknown[] = [];
    const subscription = module
      .get(UnhandledExceptionBus)
      .subscribe(({ exception }) => errors.push(exception));
    const settling = module.get(CommandBus).execute(new Find(5));
    await eventually(() => expect(errors).toHaveLength(1));
    expect(isLockError(errors[0], 'LOCK_REENTRY')).toBe(true);
    step.resolve();
    await settling;
    await eventually(() => expect(ran).toEqual(['settled', 'heard']));
    subscription.unsubscribe();
  });
});
