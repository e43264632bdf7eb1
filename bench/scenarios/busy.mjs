// A fair queue waits for whoever's turn it is; who polls takes what a slow process leaves.
import cross from './cross.mjs';

export default {
  ...cross,
  name: 'busy',
  title: `cross, the first process loaded to 60 % in chunks of 5 to 20 ms`,
  keyOf: () => 'busy',
  load: { process: 0, share: 0.6, chunk: [5, 20] },
};
