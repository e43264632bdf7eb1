// The tests of transports and handlers on Nest 11: the root's configuration, with every package of Nest taken from this folder. Its
// own lock file installs them (`npm run test:nest11`); the repository itself is on Nest 12.
import base from '../../jest.config.js';

export default {
  ...base,
  globals: { NEST_MAJOR: 11 },
  rootDir: '../..',
  testMatch: [
    '<rootDir>/test/transports/*.spec.ts',
    '<rootDir>/test/integration/http-{errors,keys,streams,unusable-keys}.spec.ts',
    '<rootDir>/test/integration/{keys-checked-at-start,locked-streams,message-keys-and-errors,openapi}.spec.ts',
  ],
  // Its processes are the repository's own, on Nest 12.
  testPathIgnorePatterns: ['/cron-machines'],
  moduleNameMapper: { '^(@nestjs/.*)$': '<rootDir>/test/nest-11/node_modules/$1', ...base.moduleNameMapper },
};
