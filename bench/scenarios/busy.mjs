// A fair queue waits for its first process, however slow. A library that polls uses what a slow process leaves.
import cross from './cross.mjs';

export default {
  ...cross,
  name: 'busy',
  title: `cross, the first process loaded to 60 % in chunks of 5 to 20 ms`,
  keyOf: () => 'busy',
  load: { process: 0, share: 0.6, chunk: [5, 20] },
};
