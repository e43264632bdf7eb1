// What a hold costs as more wait for it: callers of one process, then processes. Each is one table, with a row for each size.
import hot from './hot.mjs';
import pingpong from './pingpong.mjs';

const TIMES = { rounds: 1, seconds: 0.5, warmup: 0.7 };

/** Of raw: 1,000 callers that try again every 10 ms need ten seconds to be served once each. More would take ages. */
const MOST_POLLING = 100;

const waiters = [10, 100, 1_000, 10_000].map((size) => ({
  ...hot,
  name: `waiters-${size}`,
  keyOf: () => 'waiters',
  callers: size,
  rows: size > MOST_POLLING ? ['nestjs-locked'] : ['nestjs-locked', 'raw'],
  // All of them send a request at a round's beginning. That takes a while, which is to be a small part of the round.
  times: { ...TIMES, seconds: size > MOST_POLLING ? 2 : 0.5 },
  series: { name: 'waiters', title: 'N callers, one key, one process', unit: 'callers', size },
}));

const processes = [2, 4, 8, 16].map((size) => ({
  ...pingpong,
  name: `processes-${size}`,
  keyOf: () => 'processes',
  processes: size,
  rows: ['bare publish', 'nestjs-locked', 'raw'],
  times: TIMES,
  series: {
    name: 'processes',
    title: 'N processes × 1 caller, one key, holds of 1 ms',
    unit: 'processes',
    size,
  },
}));

export default [...waiters, ...processes];
