/** The contract of semaphores: a request is granted while there are fewer holders than its limit. */
import { strict as assert } from 'node:assert';
import {
  SHORT,
  type Suite,
  TTL,
  request,
  attempt,
  busyOf,
  release,
  grantedOf,
  lastOf,
  renew,
  semaphore,
  take,
} from './world.js';

export function semaphoreContract({ describe, test }: Suite): void {
  describe('a semaphore', () => {
    test('has as many holders as its limit, over all sessions', async (world) => {
      const [a, b] = world.participants(2);
      const tokens = [await take(a, semaphore(3)), await take(b, semaphore(3)), await take(a, semaphore(3))];
      assert.equal(await attempt(b, semaphore(3)), 'busy');
      assert.equal((await release(a, 'k', tokens[0])).released, true);
      assert.equal((await release(a, 'k', tokens[0])).released, false);
      await take(b, semaphore(3));
      assert.equal(await attempt(b, semaphore(3)), 'busy');
    });

    test('with a limit of one has one holder', async (world) => {
      const [a, b] = world.participants(2);
      const token = await take(a, semaphore(1));
      assert.equal(await attempt(b, semaphore(1)), 'busy');
      await release(a, 'k', token);
      await take(b, semaphore(1));
    });

    test('grants as many requests as its limit when many arrive at once', async (world) => {
      const participants = world.participants(2);
      const states = await Promise.all(
        Array.from({ length: 40 }, (_, i) => attempt(participants[i % 2], semaphore(3))),
      );
      assert.equal(states.filter((state) => state === 'granted').length, 3);
      assert.equal(states.filter((state) => state === 'busy').length, 37);
    });

    test('is busy with the permit that ends first as the holder', async (world) => {
      const [a, b] = world.participants(2);
      await take(a, semaphore(2));
      const first = await take(b, semaphore(2), { ttl: TTL / 2 });
      const busy = busyOf(await request(a, 'k', { token: a.token(semaphore(2)) }));
      assert.equal(busy.holder, first);
      assert.ok(busy.remaining > TTL / 4 && busy.remaining <= TTL / 2, String(busy.remaining));
    });

    test('has permits that end one by one and are renewed one by one', async (world) => {
      const [a, b, c] = world.participants(3);
      const ended = await take(a, semaphore(3), { ttl: SHORT });
      const renewed = await take(b, semaphore(3), { ttl: SHORT });
      const long = await take(c, semaphore(3));
      assert.equal((await renew(b, 'k', renewed, { ttl: TTL / 2 })).held, true);
      assert.equal(await attempt(a, semaphore(3)), 'busy');
      await world.elapse(SHORT + 20);
      assert.deepEqual(await renew(a, 'k', ended), { held: false, fence: 0 });
      assert.equal((await release(a, 'k', ended)).released, false);
      await take(a, semaphore(3));
      assert.equal(await attempt(a, semaphore(3)), 'busy');
      assert.equal((await renew(b, 'k', renewed)).held, true);
      assert.equal((await release(c, 'k', long)).released, true);
    });

    test('uses the limit of each request', async (world) => {
      const [a, b] = world.participants(2);
      const tokens = [await take(a, semaphore(2)), await take(a, semaphore(2))];
      assert.equal(await attempt(b, semaphore(2)), 'busy');
      tokens.push(await take(b, semaphore(3)));
      assert.equal(await attempt(b, semaphore(3)), 'busy');
      assert.equal(await attempt(b, semaphore(1)), 'busy');
      await release(a, 'k', tokens[0]);
      assert.equal(await attempt(b, semaphore(2)), 'busy');
      await release(a, 'k', tokens[1]);
      assert.equal(await attempt(b, semaphore(1)), 'busy');
      tokens.push(await take(b, semaphore(2)));
      await release(b, 'k', tokens[2]);
      await release(b, 'k', tokens[3]);
      await take(a, semaphore(1));
    });

    test('counts a repeated request once, and gives each grant new fences', async (world) => {
      const [a, b] = world.participants(2);
      const token = a.token(semaphore(2));
      const first = grantedOf(await request(a, 'k', { token, fences: 3 }));
      const again = grantedOf(await request(a, 'k', { token }));
      const other = grantedOf(await request(b, 'k', { token: b.token(semaphore(2)) }));
      assert.ok(again.fence > lastOf(first) && other.fence > lastOf(again));
      assert.equal(await attempt(b, semaphore(2)), 'busy');
      assert.equal((await release(a, 'k', token)).released, true);
      await take(b, semaphore(2));
    });

    test('keeps a permit for its minimum hold', async (world) => {
      const [a, b] = world.participants(2);
      await take(b, semaphore(2));
      const kept = await take(a, semaphore(2));
      assert.equal(
        (await a.session.exchange({ key: 'k', release: { token: kept, releaseAfter: SHORT } })).released,
        true,
      );
      assert.equal(busyOf(await request(b, 'k', { token: b.token(semaphore(2)) })).holder, kept);
      await world.elapse(SHORT + 20);
      await take(b, semaphore(2));
      assert.equal(await attempt(b, semaphore(2)), 'busy');
    });
  });
}
