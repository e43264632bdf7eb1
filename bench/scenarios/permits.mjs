// The permits of one semaphore: several holds at a time.
import cross from './cross.mjs';
import hot from './hot.mjs';

const permits = { kinds: ['semaphore'], limit: 8, table: 'together', than: 'redis-semaphore' };

export default [
  {
    ...hot,
    ...permits,
    name: 'permits',
    title: '64 callers, a semaphore of 8, one process',
    keyOf: () => 'permits',
  },
  {
    ...cross,
    ...permits,
    name: 'permits-cross',
    title: '4 processes × 8 callers, a semaphore of 8, holds of 1 ms',
    keyOf: () => 'permits-cross',
  },
];
