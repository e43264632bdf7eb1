/** Locks and `@Transactional()` of @nestjs-cls/transactional, with its adapter for TypeORM. */
import { afterAll, beforeAll, beforeEach, describe, it } from '@jest/globals';
import { Global, Module } from '@nestjs/common';
import type { TestingModule } from '@nestjs/testing';
import { ClsPluginTransactional } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { ClsModule } from 'nestjs-cls';
import { LockService } from 'nestjs-locked';
import { DataSource } from 'typeorm';
import { Warehouse } from './recipes/typeorm/nestjs-cls.js';
import { EarlyWarehouse } from './recipes/typeorm/nestjs-cls-early.js';
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

  @Global()
  @Module({ providers: [{ provide: DataSource, useValue: source }], exports: [DataSource] })
  class DatabaseModule {}

  const transactions = new ClsPluginTransactional({
    imports: [DatabaseModule],
    adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: DataSource }),
  });
  app = await compileRecipe({
    imports: [ClsModule.forRoot({ plugins: [transactions] })],
    providers: [Warehouse, EarlyWarehouse],
  });
  await app.init();
}, 60_000);
afterAll(async () => {
  await app.close();
  await source.destroy();
  await database.stop();
});
beforeEach(() => database.reset());

describe('@Transactional() of @nestjs-cls/transactional', () => {
  it('given @Locked above it, then the second caller reads what the first has committed', async () => {
    const warehouse = app.get(Warehouse);
    await expectNoLostUpdate(database, app.get(LockService), () => warehouse.take('a', 1));
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
