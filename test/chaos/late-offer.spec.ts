/**
 * The message of an offer is late, and its token is in the queue a second time. The connection broke before the reply
 * to the request. The client then sent the request again, after the offer had ended. The waiter must recognise the
 * offer as old.
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

/** Calls `act` when the next request that queues passes the proxy, before its reply. */
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

describe('given an offer that ended before its token was queued again', () => {
  it.each(['before the reply to the second request', 'after that reply, and after a check'])(
    'then the offer is ignored if its message comes %s: the waiter keeps its queueScore, and the others wait no longer',
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

      // The request of B is queued, and B does not get the reply.
      const first = await a.service.acquire('k', LONG);
      const unanswered = atNextRequest(commands, () => commands.dropReplies());
      let served = false;
      const waiting = b.service.acquire('k', LONG).finally(() => (served = true));
      await unanswered;
      await queue.holds(1);
      const [token] = await queue.tokens();

      // B is offered the key and does not get the message. The offer ends, and C acquires the key.
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
        // Measured from that check, the offer would count as young.
        await checked;
        await b.client.ping();
      }
      expect(served).toBe(false);
      expect(handOffs.held).toBeGreaterThan(0);
      handOffs.release();
      await b.heard();
      commands.release();
      // The commands that B sends in reaction have run by then, and so have commands that follow from their replies.
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
