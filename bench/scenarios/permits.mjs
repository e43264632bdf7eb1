// So many at a time: the permits of one semaphore.
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
    title: '4 processes × 8 callers, a semaphore of 8, sections of 1 ms',
    keyOf: () => 'permits-cross',
  },
];
