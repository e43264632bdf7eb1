// The recipes of docs/transactions.md on PostgreSQL: the root's configuration, with the libraries of this folder. Its own
// lock file installs them (`npm run test:transactions`).
import base from '../../jest.config.js';

export default {
  ...base,
  globals: { NEST_MAJOR: 11 },
  rootDir: '../..',
  roots: ['<rootDir>/test/transactions'],
  testPathIgnorePatterns: ['/node_modules/'],
  // The libraries are CommonJS. Jest lets them require Nest 11, and Nest 12, which is ESM, from Node 24.9 on.
  moduleNameMapper: {
    '^(@nestjs/.*)$': '<rootDir>/test/transactions/node_modules/$1',
    ...base.moduleNameMapper,
  },
  globalSetup: '<rootDir>/test/transactions/support/generate-prisma.js',
  transform: {
    '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: '<rootDir>/test/transactions/tsconfig.json' }],
  },
};
