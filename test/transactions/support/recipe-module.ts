/** The module that a recipe runs in. */
import type { ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { LockModule, memoryStore } from 'nestjs-locked';

/** A module with locks in memory. */
export function compileRecipe({ imports = [], ...metadata }: ModuleMetadata): Promise<TestingModule> {
  const locks = LockModule.forRoot({ store: memoryStore() });
  return Test.createTestingModule({ imports: [locks, ...imports], ...metadata }).compile();
}
