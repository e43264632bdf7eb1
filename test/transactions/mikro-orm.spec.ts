/** Locks and the transactions of MikroORM: `em.transactional()` and `@Transactional()`. */
import { EntityManager, MikroORM, RequestContext } from '@mikro-orm/core';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestingModule } from '@nestjs/testing';
import { LockService } from 'nestjs-locked';
import { deferred } from '../support/deferred.js';
import { Stock } from './recipes/mikro-orm/stock.entity.js';
import { Warehouse } from './recipes/mikro-orm/transactional.js';
import { EarlyWarehouse } from './recipes/mikro-orm/transactional-early.js';
import { type Database, startPostgres } from './support/postgres.js';
import { compileRecipe } from './support/recipe-module.js';
import { expectLostUpdate, expectNoLostUpdate, expectTenUpdates } from './support/two-callers.js';

let database: Database;
let orm: MikroORM;
let app: TestingModule;

beforeAll(async () => {
  database = await startPostgres();
  orm = await MikroORM.init({ driver: PostgreSqlDriver, clientUrl: database.url, entities: [Stock] });
  app = await compileRecipe({
    providers: [{ provide: EntityManager, useValue: orm.em }, Warehouse, EarlyWarehouse],
  });
  await app.init();
}, 60_000);
afterAll(async () => {
  await app.close();
  await orm.close();
  await database.stop();
});
beforeEach(() => database.reset());

/** Calls with an EntityManager of its own, as each request of an application has. */
function inRequest<T>(work: () => Promise<T>): () => Promise<T> {
  return () => RequestContext.create(orm.em, work);
}

/** Two requests that both read the row, and then call the method. */
async function twoReaders(take: () => Promise<void>): Promise<void> {
  const bothRead = deferred();
  let readers = 0;
  const request = inRequest(async () => {
    await RequestContext.getEntityManager()?.findOneOrFail(Stock, { sku: 'a' });
    readers += 1;
    if (readers === 2) bothRead.resolve();
    await bothRead.promise;
    await take();
  });
  await Promise.all([request(), request()]);
}

describe('em.transactional()', () => {
  it('given a transaction inside the lock, then the second caller reads what the first has committed', async () => {
    const warehouse = app.get(Warehouse);
    await expectNoLostUpdate(
      database,
      app.get(LockService),
      inRequest(() => warehouse.take('a', 1)),
    );
  });

  it('given ten callers at once, then no update is lost', async () => {
    const warehouse = app.get(Warehouse);
    await expectTenUpdates(
      database,
      inRequest(() => warehouse.take('a', 1)),
    );
  });

  it('given two callers that have read the row before, then no update is lost', async () => {
    const warehouse = app.get(Warehouse);
    await twoReaders(() => warehouse.take('a', 1));
    expect(await database.units()).toBe(8);
  });

  it('given two callers that have read the row before, and no `clear`, then an update is lost', async () => {
    const warehouse = app.get(EarlyWarehouse);
    await twoReaders(() => warehouse.takeCached('a', 1));
    expect(await database.units()).toBe(9);
  });

  it('given a lock inside the transaction, then an update is lost', async () => {
    const warehouse = app.get(EarlyWarehouse);
    await expectLostUpdate(
      database,
      inRequest(() => warehouse.take('a', 1)),
    );
  });
});

describe('@Transactional() of MikroORM', () => {
  it('given @Locked above it, then the second caller reads what the first has committed', async () => {
    const warehouse = app.get(Warehouse);
    await expectNoLostUpdate(
      database,
      app.get(LockService),
      inRequest(() => warehouse.takeDecorated('a', 1)),
    );
  });

  it('given two callers that have read the row before, then no update is lost', async () => {
    const warehouse = app.get(Warehouse);
    await twoReaders(() => warehouse.takeDecorated('a', 1));
    expect(await database.units()).toBe(8);
  });

  it('given @Locked below it, then an update is lost', async () => {
    const warehouse = app.get(EarlyWarehouse);
    await expectLostUpdate(
      database,
      inRequest(() => warehouse.takeDecorated('a', 1)),
    );
  });
});
