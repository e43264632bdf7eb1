// `npm run lua:compare -- [--programs N] [--seed S]`: compares fast paths, the general case and the reference model over N random
// programs (10,000), and plants the faults that are rare to find as well.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

let values;
try {
  ({ values } = parseArgs({
    options: { programs: { type: 'string', default: '10000' }, seed: { type: 'string' } },
  }));
} catch (error) {
  console.error(error.message);
  process.exit(2);
}
if (![values.programs, values.seed ?? '0'].every((each) => /^\d+$/.test(each))) {
  console.error('Give --programs and --seed a whole number.');
  process.exit(2);
}
const { status } = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    'test/scripts',
  ],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      LUA_PROGRAMS: values.programs,
      LUA_FAULTS: '1',
      LUA_SHOW: '1',
      ...(values.seed === undefined ? {} : { LUA_SEED: values.seed }),
    },
  },
);
process.exitCode = status ?? 1;
