import { describe, it } from '@jest/globals';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { storeContract } from '../../lib/testing/store-contract.js';
import { FakeClock } from '../support/fake-clock.js';

storeContract({ describe, it }, 'memoryStore', () => {
  const clock = new FakeClock();
  return Promise.resolve({ store: memoryStore({ clock }), elapse: (ms) => clock.advance(ms) });
});
