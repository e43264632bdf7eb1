/** Imports point one way, and never in a cycle. */
import { describe, expect, it } from '@jest/globals';
import { CORE_ROOMS, type Sources, breaches, readLib } from '../support/architecture.js';

/** The files of each folder, and of its room in the core. */
const folders = new Map<string, string[]>();
for (const file of readLib().keys()) {
  const folder = file.slice(0, file.lastIndexOf('/'));
  folders.set(folder, [...(folders.get(folder) ?? []), file]);
}

describe('lib', () => {
  it('has at most 10 files in a folder, and at most 8 in a room of the core', () => {
    const crowded = [...folders].filter(
      ([folder, files]) => files.length > (folder.startsWith('lib/core') ? 8 : 10),
    );
    expect(crowded.map(([folder, files]) => `${folder}: ${files.length}`)).toEqual([]);
  });

  it('has no file of more than 250 lines', () => {
    const long = [...readLib()].filter(([, text]) => text.split('\n').length - 1 > 250);
    expect(long.map(([file]) => file)).toEqual([]);
  });

  it('has a layer for each room of the core, on at most 8 levels', () => {
    const rooms = [...folders.keys()].filter((folder) => folder.startsWith('lib/core/'));
    expect(rooms.map((room) => room.slice('lib/core/'.length)).sort()).toEqual(CORE_ROOMS.flat().sort());
    expect(CORE_ROOMS.length).toBeLessThanOrEqual(8);
  });

  it('has no upward import and no cycle', () => {
    expect(breaches(readLib())).toEqual([]);
  });

  it('imports by a literal name, which bundlers follow, and builds in both formats', () => {
    const wrong = [...readLib()].filter(([, text]) => /\bimport\(\s*[^'"\s]|\bimport\.meta\b/.test(text));
    expect(wrong.map(([file]) => file)).toEqual([]);
  });
});

describe('the checker', () => {
  /** The library with some files planted. */
  function planted(files: Record<string, string>): string[] {
    const sources: Sources = new Map([...readLib(), ...Object.entries(files)]);
    const before = new Set(breaches(readLib()));
    return breaches(sources).filter((breach) => !before.has(breach));
  }

  it('sees a cycle, of types too', () => {
    expect(
      planted({
        'lib/core/time/one.ts': `import { two } from './two.js';`,
        'lib/core/time/two.ts': `export { three } from './three.js';`,
        'lib/core/time/three.ts': `import type { one } from './one.js';`,
      }),
    ).toEqual([
      'a cycle: lib/core/time/one.ts → lib/core/time/two.ts → lib/core/time/three.ts → lib/core/time/one.ts',
    ]);
  });

  it.each([
    ['core', 'lib/core/time/x.ts', '../../lock.service.js'],
    ['a room of the core', 'lib/core/leases/x.ts', '../engine/lock-engine.js'],
    ['a store', 'lib/stores/redis/x.ts', '../../lock.service.js'],
    ['the quorum', 'lib/stores/quorum/x.ts', '../redis/redis.store.js'],
    ['error mapping', 'lib/error-mapping/x.ts', '../decorators/locked.decorator.js'],
    ['the service', 'lib/lock.service.ts', './lock.module.js'],
    ['the module', 'lib/lock.module.ts', './testing/index.js'],
    ['the index', 'lib/index.ts', './testing/index.js'],
    ['errors', 'lib/errors/x.ts', '../core/time/clock.js'],
  ])('sees an upward import of %s', (_, file, specifier) => {
    const [from] = planted({ [file]: `import {} from '${specifier}';` });
    expect(from).toContain(`${file} imports upwards: lib/`);
  });

  it.each([
    ['lib/stores/redis/x.ts', `import '../memory/memory.store.js';`, 'sideways'],
    ['lib/core/requests/x.ts', `import '../batches/lease-batch.js';`, 'sideways'],
    ['lib/core/time/x.ts', `import '@nestjs/common';`, 'time may not'],
    ['lib/core/time/x.ts', `import type { Redis } from 'ioredis';`, 'time may not'],
    ['lib/core/time/x.ts', `type R = import('ioredis').Redis;`, 'time may not'],
    ['lib/stores/quorum/x.ts', `await import('@nestjs/core');`, 'quorum may not'],
    ['lib/stores/quorum/x.ts', `import type { Redis } from 'ioredis';`, 'quorum may not'],
    ['lib/stores/redis/x.ts', `import { Redis, type Cluster } from 'ioredis';`, 'as a value'],
    ['lib/stores/redis/x.ts', `import '@nestjs/common';`, 'redis may not'],
    ['lib/lock.x.ts', `const { Redis } = require('ioredis');`, 'as a value'],
    ['lib/lock.x.ts', `import { LockService } from 'nestjs-locked';`, 'by its name'],
    ['lib/core/time/x.ts', `import './nowhere.js';`, 'not there'],
    ['lib/elsewhere/x.ts', ``, 'no layer'],
  ])('sees, in %s, %s', (file, text, breach) => {
    expect(planted({ [file]: text })).toEqual([expect.stringContaining(breach)]);
  });

  it('lets a type of ioredis pass', () => {
    expect(planted({ 'lib/stores/redis/x.ts': `import { type Redis } from 'ioredis';` })).toEqual([]);
  });
});
