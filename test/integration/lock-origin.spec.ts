/** Events name the decorated method that took the lock, the template of its key, the kind, and the module. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  InjectLockService,
  LockModule,
  LockService,
  Locked,
  lockKey,
  memoryStore,
  type LockEvent,
} from 'nestjs-locked';
import { endAll, start, startInMemory } from '../support/module-apps.js';

const NAMES = ['wait', 'acquire', 'release', 'lost', 'busy'];
const seen: LockEvent[] = [];
const listener = (message: unknown): void => void seen.push(message as LockEvent);

beforeEach(() => NAMES.forEach((name) => subscribe(`nestjs-locked:${name}`, listener)));
afterEach(async () => {
  for (const name of NAMES) unsubscribe(`nestjs-locked:${name}`, listener);
  seen.length = 0;
  await endAll();
});

@Injectable()
class Orders {
  constructor(private readonly locks: LockService) {}

  @Locked('order:{0}', { mode: 'shared' })
  async read(_id: string): Promise<void> {}

  @Locked(['order:{0}', 'stock:{1}'])
  async take(_id: string, _sku: string): Promise<void> {}

  @Locked((id: string) => lockKey`order:${id}`)
  async made(_id: string): Promise<void> {}

  @Locked('order:{0}', { wait: 0 })
  async outer(id: string): Promise<void> {
    await this.inner(id).catch(() => undefined);
  }

  @Locked('order:{0}', { wait: 20, reentry: 'wait' })
  async inner(_id: string): Promise<void> {}

  async plain(): Promise<void> {
    await this.locks.using('plain', async () => undefined);
  }
}

const factsOf = ({ name, kind, template, label }: LockEvent): unknown => [name, kind, template, label];

describe('the origin of a lock', () => {
  it('given a template, then the events of the hold have kind, template and label', async () => {
    const app = await startInMemory({ providers: [Orders] });
    await app.get(Orders).read('1');
    expect(seen.map(factsOf)).toEqual([
      ['acquire', 'shared', 'order:{0}', 'Orders.read'],
      ['release', 'shared', 'order:{0}', 'Orders.read'],
    ]);
  });

  it('given several templates, then each event has all of them', async () => {
    const app = await startInMemory({ providers: [Orders] });
    await app.get(Orders).take('1', 'a');
    expect(seen.map(({ key, template }) => [key, template])).toContainEqual([
      'stock:a',
      'order:{0}, stock:{1}',
    ]);
  });

  it('given a function that makes the key, then the events have the label alone', async () => {
    const app = await startInMemory({ providers: [Orders] });
    await app.get(Orders).made('1');
    expect(seen.map(factsOf)).toContainEqual(['acquire', 'exclusive', undefined, 'Orders.made']);
  });

  it('given a caller that waits and is refused, then its events name the caller and not the holder', async () => {
    const app = await startInMemory({ providers: [Orders] });
    await app.get(Orders).outer('1');
    expect(seen.map(factsOf)).toContainEqual(['wait', 'exclusive', 'order:{0}', 'Orders.inner']);
    expect(seen.map(factsOf)).toContainEqual(['busy', 'exclusive', 'order:{0}', 'Orders.inner']);
    expect(seen.at(-1)).toMatchObject({ name: 'release', label: 'Orders.outer' });
  });

  it('given a caller without decorator, then the events have the kind alone', async () => {
    const app = await startInMemory({ providers: [Orders] });
    await app.get(Orders).plain();
    expect(seen.map(factsOf)).toContainEqual(['acquire', 'exclusive', undefined, undefined]);
  });

  it('given a named module, then the events have its name', async () => {
    @Injectable()
    class Bills {
      constructor(@InjectLockService('billing') readonly locks: LockService) {}

      @Locked('bill:{0}', { service: 'billing' })
      async send(_id: string): Promise<void> {}
    }
    class Billing {}
    const app = await start(LockModule.forRoot({ name: 'billing', store: memoryStore() }), {
      module: Billing,
      providers: [Bills],
    });
    await app.get(Bills, { strict: false }).send('1');
    await app.get(Bills, { strict: false }).locks.using('plain', { wait: 0 }, async () => undefined);
    expect(seen.map(({ name, module }) => [name, module])).toEqual(
      ['acquire', 'release', 'acquire', 'release'].map((name) => [name, 'billing']),
    );
  });
});
