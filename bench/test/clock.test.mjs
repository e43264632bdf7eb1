// Two processes read the same clock, and a pause lasts as long as it says.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pause, systemNow, toLocal } from '../support/clock.mjs';

const SELF = fileURLToPath(import.meta.url);

if (process.argv[2] === 'echo') {
  process.on('message', () => process.send(systemNow()));
} else {
  describe('the shared clock', () => {
    it("another process's reading lies between two of ours", async () => {
      const child = fork(SELF, ['echo']);
      try {
        for (let i = 0; i < 20; i += 1) {
          const before = systemNow();
          child.send('?');
          const theirs = await new Promise((resolve) => child.once('message', resolve));
          assert.ok(before <= theirs && theirs <= systemNow(), `${before} ${theirs} ${systemNow()}`);
        }
      } finally {
        child.kill();
      }
    });

    it('goes back and forth to the clock of the process', () => {
      const local = performance.now();
      const there = local + (systemNow() - performance.now());
      assert.ok(Math.abs(toLocal(there) - local) < 1);
    });

    it('a pause is never shorter than it says', async () => {
      for (let i = 0; i < 100; i += 1) {
        const began = performance.now();
        await pause(1);
        assert.ok(performance.now() - began >= 1);
      }
    });
  });
}
