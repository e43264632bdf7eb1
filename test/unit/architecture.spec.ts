/** Imports point one way, and never in a cycle. */
import { describe, expect, it } from '@jest/globals';
import { type Sources, breaches, readLib } from '../support/architecture.js';

describe('lib', () => {
  it('has files in every layer that is checked', () => {
    const files = [...readLib().keys()];
    for (const layer of [
      'errors',
      'core',
      'stores/redis',
      'stores/memory',
      'decorators',
      'interceptors',
      'testing',
    ]) {
      expect(files.some((file) => file.startsWith(`lib/${layer}/`))).toBe(true);
    }
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
        'lib/core/one.ts': `import { two } from './two.js';`,
        'lib/core/two.ts': `export { three } from './three.js';`,
        'lib/core/three.ts': `import type { one } from './one.js';`,
      }),
    ).toEqual(['a cycle: lib/core/one.ts → lib/core/two.ts → lib/core/three.ts → lib/core/one.ts']);
  });

  it.each([
    ['core', 'lib/core/x.ts', '../lock.service.js'],
    ['a store', 'lib/stores/redis/x.ts', '../../lock.service.js'],
    ['the quorum', 'lib/stores/quorum/x.ts', '../redis/redis.store.js'],
    ['an interceptor', 'lib/interceptors/x.ts', '../decorators/locked.decorator.js'],
    ['the service', 'lib/lock.service.ts', './lock.module.js'],
    ['the module', 'lib/lock.module.ts', './testing/index.js'],
    ['the index', 'lib/index.ts', './testing/index.js'],
    ['errors', 'lib/errors/x.ts', '../core/clock.js'],
  ])('sees an upward import of %s', (_, file, specifier) => {
    const [from] = planted({ [file]: `import {} from '${specifier}';` });
    expect(from).toContain(`${file} imports upwards: lib/`);
  });

  it.each([
    ['lib/stores/redis/x.ts', `import '../memory/memory.store.js';`, 'sideways'],
    ['lib/core/x.ts', `import '@nestjs/common';`, 'core may not'],
    ['lib/core/x.ts', `import type { Redis } from 'ioredis';`, 'core may not'],
    ['lib/core/x.ts', `type R = import('ioredis').Redis;`, 'core may not'],
    ['lib/stores/quorum/x.ts', `await import('@nestjs/core');`, 'quorum may not'],
    ['lib/stores/quorum/x.ts', `import type { Redis } from 'ioredis';`, 'quorum may not'],
    ['lib/stores/redis/x.ts', `import { Redis, type Cluster } from 'ioredis';`, 'as a value'],
    ['lib/stores/redis/x.ts', `import '@nestjs/common';`, 'stores may not'],
    ['lib/lock.x.ts', `const { Redis } = require('ioredis');`, 'as a value'],
    ['lib/lock.x.ts', `import { LockService } from 'nestjs-locked';`, 'by its name'],
    ['lib/core/x.ts', `import './nowhere.js';`, 'not there'],
    ['lib/elsewhere/x.ts', ``, 'no layer'],
  ])('sees, in %s, %s', (file, text, breach) => {
    expect(planted({ [file]: text })).toEqual([expect.stringContaining(breach)]);
  });

  it('lets a type of ioredis pass', () => {
    expect(planted({ 'lib/stores/redis/x.ts': `import { type Redis } from 'ioredis';` })).toEqual([]);
  });
});
