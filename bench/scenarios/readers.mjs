// Callers that only read: shared locks of one key, against exclusive ones in their place.
import cross from './cross.mjs';
import hot from './hot.mjs';

const readers = {
  kinds: ['shared', 'exclusive'],
  rows: ['nestjs-locked', 'nestjs-locked, shared'],
  // `hot` and `cross` compare the exclusive ones.
  compared: ['nestjs-locked, shared'],
  table: 'together',
  than: 'exclusive',
};

export default [
  {
    ...hot,
    ...readers,
    name: 'readers',
    title: '64 readers, one key, one process',
    keyOf: () => 'readers',
  },
  {
    ...hot,
    ...readers,
    name: 'readers-1ms',
    title: '64 readers, one key, one process, holds of 1 ms',
    keyOf: () => 'readers-1ms',
    holdMs: 1,
  },
  {
    ...cross,
    ...readers,
    name: 'readers-cross',
    title: '4 processes × 16 readers, one key, holds of 1 ms',
    keyOf: () => 'readers-cross',
    callers: 16,
  },
];
