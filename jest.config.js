// Native ES modules: run it by `npm test`, which gives node the flag for them.
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test', '<rootDir>/verification'],
  testMatch: ['**/*.spec.ts'],
  // Applications of their own, with their own jest: test/package/check.ts runs them.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/package/apps/', '<rootDir>/test/transactions/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^nestjs-locked$': '<rootDir>/lib/index.ts',
    '^nestjs-locked/(.*)$': '<rootDir>/lib/$1/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }] },
  // For two cores: each runs servers of its own beside it, and most of a chaos test is waiting.
  maxWorkers: 3,
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  // Against hanging only: what a test waits for has bounds of its own.
  testTimeout: 60_000,
  collectCoverageFrom: ['lib/**/*.ts'],
  // By the engine's own counters: counters in the code double the time of the tests that compute.
  coverageProvider: 'v8',
  coverageReporters: ['text-summary'],
};
