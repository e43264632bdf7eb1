/** Locks and the interactive transactions of Prisma: `prisma.$transaction(async (tx) => …)`. */
import { afterAll, beforeAll, beforeEach, describe, it } from '@jest/globals';
import type { TestingModule } from '@nestjs/testing';
import { LockService } from 'nestjs-locked';
import { PrismaService } from './recipes/prisma/prisma.service.js';
import { Warehouse } from './recipes/prisma/transaction.js';
import { EarlyWarehouse } from './recipes/prisma/transaction-early.js';
import { type Database, startPostgres } from './support/postgres.js';
import { compileRecipe } from './support/recipe-module.js';
import { expectLostUpdate, expectNoLostUpdate, expectTenUpdates } from './support/two-callers.js';

let database: Database;
let prisma: PrismaService;
let app: TestingModule;

beforeAll(async () => {
  database = await startPostgres();
  prisma = new PrismaService(database.url);
  app = await compileRecipe({
    providers: [{ provide: PrismaService, useValue: prisma }, Warehouse, EarlyWarehouse],
  });
  await app.init();
}, 60_000);
afterAll(async () => {
  await app.close();
  await prisma.$disconnect();
  await database.stop();
});
beforeEach(() => database.reset());

describe('prisma.$transaction()', () => {
  it('given a transaction inside the lock, then the second caller reads what the first has committed', async () => {
    const warehouse = app.get(Warehouse);
    await expectNoLostUpdate(database, app.get(LockService), () => warehouse.take('a', 1));
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
