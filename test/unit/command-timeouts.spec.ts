/** The time of commands that a client may write later than they are sent. */
import { expect, it } from '@jest/globals';
import { LockStoreError } from '../../lib/errors/index.js';
import { type Command, CommandTimeouts } from '../../lib/stores/redis/commands/command-timeouts.js';

it('given a command that gets more time after a computation, then a later command is not late because of it', async () => {
  const timeouts = new CommandTimeouts(
    (doing) => new LockStoreError(doing),
    () => undefined,
    1_000,
  );
  const failed: string[] = [];
  const start = performance.now();
  const failing = [60, 600].map(
    (after, i) =>
      new Promise<void>((resolve) => {
        const command: Command = {
          until: start + after,
          doing: String(i),
          key: undefined,
          onReply: () => undefined,
          onFailure: () => resolve(void failed.push(command.doing)),
        };
        timeouts.add(command, false);
      }),
  );
  // The first command is 340 ms late, and gets 440 ms more.
  while (performance.now() < start + 400);
  await Promise.all(failing);
  expect(failed).toEqual(['1', '0']);
});
