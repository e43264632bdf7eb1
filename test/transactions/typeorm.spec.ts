/** Locks and the transactions of TypeORM: `dataSource.transaction()`. */
import { afterAll, beforeAll, beforeEach, describe, it } from '@jest/globals';
import type { TestingModule } from '@nestjs/testing';
import { LockService } from 'nestjs-locked';
import { DataSource } from 'typeorm';
import { Stock } from './recipes/typeorm/stock.entity.js';
import { Warehouse } from './recipes/typeorm/transaction.js';
import { EarlyWarehouse } from './recipes/typeorm/transaction-early.js';
import { type Database, startPostgres } from './support/postgres.js';
import { compileRecipe } from './support/recipe-module.js';
import { expectLostUpdate, expectNoLostUpdate, expectTenUpdates } from './support/two-callers.js';
import { connectTypeOrm } from './support/type-orm.js';

let database: Database;
let source: DataSource;
let app: TestingModule;

beforeAll(async () => {
  database = await startPostgres();
  source = await connectTypeOrm(database);
  app = await compileRecipe({
    providers: [{ provide: DataSource, useValue: source }, Warehouse, EarlyWarehouse],
  });
  await app.init();
}, 60_000);
afterAll(async () => {
  await app.close();
  await source.destroy();
  await database.stop();
});
beforeEach(() => database.reset());

describe('dataSource.transaction()', () => {
  it('given a transaction inside the lock, then the second caller reads what the first has committed', async () => {
    const warehouse = app.get(Warehouse);
    await expectNoLostUpdate(database, app.get(LockService), () => warehouse.take('a', 1));
  });

  it('given locks.using() around a transaction, then the second caller reads what the first has committed', async () => {
    const locks = app.get(LockService);
    await expectNoLostUpdate(database, locks, () =>
      locks.using('stock:a', () =>
        source.transaction((manager) => manager.decrement(Stock, { sku: 'a' }, 'units', 1)),
      ),
    );
  });

  it('given ten callers at once, then no update is lost', async () => {
    const warehouse = app.get(Warehouse);
    await expectTenUpdates(database, () => warehouse.take('a', 1));
  });

  it('given a lock inside the transaction, then an update is lost', async () => {
    const warehouse = app.get(EarlyWarehouse);
    await expectLostUpdate(database, () => warehouse.take('a', 1));
  });
});
