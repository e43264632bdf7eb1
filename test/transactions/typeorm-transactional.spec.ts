/** Locks and `@Transactional()` of typeorm-transactional, on service methods and around a handler. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { LockService } from 'nestjs-locked';
import { DataSource } from 'typeorm';
import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  runInTransaction,
} from 'typeorm-transactional';
import { StockController } from './recipes/typeorm/interceptor.js';
import { EarlyController } from './recipes/typeorm/interceptor-early.js';
import { ApartWarehouse } from './recipes/typeorm/requires-new.js';
import { Warehouse } from './recipes/typeorm/transactional.js';
import { EarlyWarehouse } from './recipes/typeorm/transactional-early.js';
import { type Database, startPostgres } from './support/postgres.js';
import { compileRecipe } from './support/recipe-module.js';
import { expectLostUpdate, expectNoLostUpdate, expectTenUpdates } from './support/two-callers.js';
import { connectTypeOrm } from './support/type-orm.js';

let database: Database;
let source: DataSource;
let app: INestApplication;
let url: string;
let locks: LockService;

beforeAll(async () => {
  database = await startPostgres();
  initializeTransactionalContext();
  source = await connectTypeOrm(database);
  addTransactionalDataSource(source);
  const module = await compileRecipe({
    providers: [{ provide: DataSource, useValue: source }, Warehouse, ApartWarehouse, EarlyWarehouse],
    controllers: [StockController, EarlyController],
  });
  app = module.createNestApplication({ forceCloseConnections: true });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
  locks = app.get(LockService);
}, 60_000);
afterAll(async () => {
  await app.close();
  await source.destroy();
  await database.stop();
});
beforeEach(() => database.reset());

describe('@Transactional() on a method', () => {
  it('given @Locked above it, then the second caller reads what the first has committed', async () => {
    const warehouse = app.get(Warehouse);
    await expectNoLostUpdate(database, locks, () => warehouse.take('a', 1));
  });

  it('given @Locked above it and ten callers at once, then no update is lost', async () => {
    const warehouse = app.get(Warehouse);
    await expectTenUpdates(database, () => warehouse.take('a', 1));
  });

  it('given @Locked below it, then an update is lost', async () => {
    const warehouse = app.get(EarlyWarehouse);
    await expectLostUpdate(database, () => warehouse.take('a', 1));
  });
});

describe('a locked method that is called inside a transaction', () => {
  it('given no propagation, then it joins that transaction, and an update is lost', async () => {
    const warehouse = app.get(Warehouse);
    await expectLostUpdate(database, () => runInTransaction(() => warehouse.take('a', 1)));
  });

  it('given REQUIRES_NEW, then its own transaction is committed before the lock is released', async () => {
    const warehouse = app.get(ApartWarehouse);
    await expectNoLostUpdate(database, locks, () => runInTransaction(() => warehouse.take('a', 1)));
  });
});

describe('an interceptor that opens a transaction around a handler', () => {
  const post = (path: string) => async (): Promise<void> => {
    expect((await fetch(url + path, { method: 'POST' })).status).toBe(201);
  };

  it("given holdUntil: 'response', then the second caller reads what the first has committed", async () => {
    await expectNoLostUpdate(database, locks, post('/stock/a/take'));
  });

  it("given holdUntil: 'response' and ten callers at once, then no update is lost", async () => {
    await expectTenUpdates(database, post('/stock/a/take'));
  });

  it.each(['above', 'below'])(
    'given the interceptor %s @Locked alone, then an update is lost',
    async (order) => {
      await expectLostUpdate(database, post(`/early/a/${order}`));
    },
  );
});
