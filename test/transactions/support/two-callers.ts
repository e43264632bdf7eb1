/** Two callers of one method, driven so that the second one starts while the COMMIT of the first one is held back. */
import { expect } from '@jest/globals';
import type { LockService } from 'nestjs-locked';
import type { Database } from './postgres.js';

type Take = () => Promise<unknown>;

/** Expects that the key is free before COMMIT, so that the second caller reads the old row: one update is lost. */
export async function expectLostUpdate(database: Database, take: Take): Promise<void> {
  const commit = database.holdCommit();
  const first = take();
  await commit.arrived;
  const written = database.nextUpdate();
  const second = take();
  await written;
  commit.release();
  await Promise.all([first, second]);
  expect(await database.units()).toBe(9);
}

/** Expects that the key is busy until COMMIT has ended, so that the second caller reads the new row. */
export async function expectNoLostUpdate(database: Database, locks: LockService, take: Take): Promise<void> {
  const commit = database.holdCommit();
  const first = take();
  await commit.arrived;
  const second = take();
  expect(await locks.tryAcquire('stock:a')).toBeNull();
  commit.release();
  await Promise.all([first, second]);
  expect(await database.units()).toBe(8);
}

/** Expects that no update of ten callers at once is lost. */
export async function expectTenUpdates(database: Database, take: Take): Promise<void> {
  await Promise.all(Array.from({ length: 10 }, take));
  expect(await database.units()).toBe(0);
}
