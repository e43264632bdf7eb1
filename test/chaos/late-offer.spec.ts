/**
 * An offer whose message is late, for a token that stands in the queue once more: the connection broke before the request was
 * answered, and the client sent the request again after that offer had ended. It must be known for an old one.
 */
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventuallyTrue } from '../support/eventually.js';
import { locksOn } from '../support/locks.js';
import { queueOf } from '../support/queue.js';
import { startRedis } from '../support/redis-server.js';
import { splitLocks } from '../support/split-locks.js';
import { type TcpProxy, startProxy } from '../support/tcp-proxy.js';

const LONG = { ttl: '60s', wait: '60s' } as const;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const isCheck = (chunk: string): boolean => chunk.includes('\r\ncheck\r\n');
const isRequest = (chunk: string): boolean =>
  chunk.includes('lock:~nl:q:k') && !isCheck(chunk) && !chunk.includes('\r\nonce\r\n');

/** Does something in the moment in which the next request a place in the queue passes, before it is answered. */
function atNextRequest(proxy: TcpProxy, act: () => void): Promise<void> {
  return new Promise((resolve) => {
    const unwatch = proxy.watch((chunk, direction) => {
      if (direction !== 'request' || !isRequest(chunk)) return;
      unwatch();
      act();
      resolve();
    });
  });
}

describe('an offer that ended before its token was queued again', () => {
  it.each(['before the answer to the second ask', 'after it, and after a look'])(
    'is not believed when it comes %s: the place is kept, and the others wait for nothing',
    async (when) => {
      const server = await startRedis();
      const commands = await startProxy(server);
      const handOffs = await startProxy(server);
      const [a, c] = [locksOn(server), locksOn(server)];
      const b = splitLocks({ commands, handOffs }, { commandTimeout: 15_000 });
      ends.push(
        () => server.stop(),
        () => Promise.all([commands.stop(), handOffs.stop()]),
        () => Promise.all([a, b, c].map((each) => each.close())),
      );
      const client = server.client();
      const queue = queueOf(client);

      // The request of B is queued, and B does not learn it.
      const first = await a.service.acquire('k', LONG);
      const unanswered = atNextRequest(commands, () => commands.dropReplies());
      let served = false;
      const waiting = b.service.acquire('k', LONG).finally(() => (served = true));
      await unanswered;
      await queue.holds(1);
      const [token] = await queue.tokens();

      // It is offered the key, does not hear of it, and the offer ends. C has the key then.
      handOffs.holdReplies();
      await first.release();
      expect(await queue.holder()).toBe(token);
      await eventuallyTrue(async () => (await queue.holder()) === null);
      const second = await c.service.acquire('k', LONG);

      // The connection breaks, and the client sends the request again: its token is queued once more.
      const checked = commands.waitFor((chunk, direction) => direction === 'request' && isCheck(chunk));
      const again = atNextRequest(commands, () => {
        if (when.startsWith('before')) commands.holdReplies();
      });
      commands.cut();
      commands.release();
      await again;
      await queue.holds(1);
      if (when.startsWith('after')) {
        // By the time of that check, the offer would be a young one.
        await checked;
        await b.client.ping();
      }
      expect(served).toBe(false);
      expect(handOffs.held).toBeGreaterThan(0);
      handOffs.release();
      await b.heard();
      commands.release();
      // What it does about it has run by then, a command that follows from another's reply too.
      for (let i = 0; i < 5; i += 1) await b.client.ping();
      expect(served).toBe(false);
      expect(await queue.tokens()).toEqual([token]);
      expect(await queue.holder()).toBe(second.token);

      await second.release();
      const lock = await waiting;
      expect(lock.token).toBe(token);
      expect(lock.fence).toBeGreaterThan(second.fence);
      expect(await lock.release()).toBe(true);
      await queue.nothingLeft();
    },
  );
});
