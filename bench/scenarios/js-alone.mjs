// The CPU time of the JavaScript alone: ioredis on a stream that replies from memory. Without the kernel and the server, a
// figure repeats to about a microsecond. The fake stream's own part is in every row alike.
import hot from './hot.mjs';
import parallel from './parallel.mjs';
import sequential from './sequential.mjs';

const alone = {
  kernel: false,
  group: 'js-alone',
  table: 'alone',
  // The stream learns during the warm-up, and the compiler goes on for long.
  times: { rounds: 8, seconds: 0.1, warmup: 3 },
  against: { rounds: 12 },
};
const rows = [
  'raw',
  'raw, fenced',
  'nestjs-locked',
  'nestjs-locked, telemetry',
  'nestjs-locked, telemetry, SDK',
];

export default [
  { ...sequential, ...alone, rows, name: 'js-alone-sequential', title: 'sequential, no kernel' },
  {
    ...parallel,
    ...alone,
    rows,
    name: 'js-alone-batch',
    title: 'parallel, no kernel: many acquire requests in one command',
  },
  // A caller of raw that finds the key taken sleeps: there is nothing to compare with.
  {
    ...hot,
    ...alone,
    warmers: undefined,
    rows: ['nestjs-locked'],
    name: 'js-alone-hot',
    title: 'hot, no kernel',
  },
];
