import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { LockModule, LockService, getLockServiceToken, getLockStoreToken, memoryStore } from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { ShopModule, Stock } from './shop';

describe('a Stock made by hand', () => {
  it('given provideLocks, then its locked method runs under the lock', async () => {
    const locks = memoryLocks();
    const stock = provideLocks(new Stock(locks, locks), locks);
    const sold = await Promise.all([1, 2, 3].map(() => stock.take('a', 1)));
    expect(sold.map(({ left }) => left)).toEqual([9, 8, 7]);
    expect(sold.every(({ held }) => held)).toBe(true);
  });
});

describe('the application without Redis', () => {
  let app: INestApplication;
  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [ShopModule] })
      .overrideProvider(getLockStoreToken())
      .useValue(memoryStore())
      .overrideProvider(getLockStoreToken('own'))
      .useValue(memoryStore())
      .compile();
    app = module.createNestApplication();
    await app.init();
  });
  afterAll(() => app.close());

  it('given both entry points, then they share one LockService class', () => {
    expect(app.get(LockService)).toBeInstanceOf(LockService);
    expect(memoryLocks()).toBeInstanceOf(LockService);
    expect(app.get(getLockServiceToken('own'))).toBeInstanceOf(LockService);
  });

  it('given the module class, then it has its name', () => expect(LockModule.name).toBe('LockModule'));

  it('given a store in memory, then every method locks', async () => {
    expect(await app.get(Stock).check()).toEqual({ busy: true, code: 'LOCK_BUSY', several: 2, own: true });
  });
});
