/** The contract of shared locks: many readers or one writer. */
import { strict as assert } from 'node:assert';
import { EXCLUSIVE, SHARED } from '../../core/contracts/token.js';
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
  take,
} from './world.js';

export function sharedContract({ describe, test }: Suite): void {
  describe('a shared lock', () => {
    test('is granted to all readers, and to a writer after the last reader', async (world) => {
      const [a, b, c] = world.participants(3);
      const [tokenA, tokenB] = [await take(a, SHARED), await take(b, SHARED)];
      const own = await take(a, SHARED);
      assert.equal(await attempt(c, EXCLUSIVE), 'busy');
      assert.equal((await release(a, 'k', tokenA)).released, true);
      assert.equal((await release(a, 'k', tokenA)).released, false);
      assert.equal((await release(a, 'k', own)).released, true);
      assert.equal(await attempt(c, EXCLUSIVE), 'busy');
      assert.equal((await release(b, 'k', tokenB)).released, true);
      const writer = await take(c, EXCLUSIVE);
      assert.equal(busyOf(await request(a, 'k', { token: a.token(SHARED) })).holder, writer);
    });

    test('is busy with the reader that ends last as the holder, because a writer has to wait for that reader', async (world) => {
      const [a, b, c] = world.participants(3);
      await take(b, SHARED, { ttl: TTL / 4 });
      const last = await take(a, SHARED);
      const middle = await take(b, SHARED, { ttl: TTL / 2 });
      const before = busyOf(await request(c, 'k'));
      assert.equal(before.holder, last);
      assert.ok(before.remaining > TTL / 2 && before.remaining <= TTL, String(before.remaining));
      await release(a, 'k', last);
      const after = busyOf(await request(c, 'k'));
      assert.equal(after.holder, middle);
      assert.ok(after.remaining > TTL / 4 && after.remaining <= TTL / 2, String(after.remaining));
    });

    test('gives each reader a lease of its own, which ends and is renewed separately', async (world) => {
      const [a, b, c] = world.participants(3);
      const ended = await take(a, SHARED, { ttl: SHORT });
      const renewed = await take(b, SHARED, { ttl: SHORT });
      const long = await take(c, SHARED, { ttl: TTL / 2 });
      assert.equal((await renew(b, 'k', renewed)).held, true);
      assert.equal((await renew(b, 'k', renewed, { ttl: 1 })).held, true);
      await world.elapse(SHORT + 20);
      assert.equal(busyOf(await request(a, 'k')).holder, renewed);
      assert.deepEqual(await renew(a, 'k', ended), { held: false, fence: 0 });
      assert.equal((await release(a, 'k', ended)).released, false);
      assert.equal((await renew(b, 'k', renewed, { fences: 1 })).held, true);
      assert.equal((await release(c, 'k', long)).released, true);
      assert.equal((await release(b, 'k', renewed)).released, true);
      await take(a, EXCLUSIVE);
    });

    test('is free when the last lease ends, and no former reader has a share in the next one', async (world) => {
      const [a, b] = world.participants(2);
      const former = [await take(a, SHARED, { ttl: SHORT }), await take(b, SHARED, { ttl: SHORT / 2 })];
      await world.elapse(SHORT + 20);
      const writer = await take(b, EXCLUSIVE);
      for (const token of former) assert.equal((await renew(a, 'k', token)).held, false);
      await release(b, 'k', writer);
      await take(b, SHARED);
      for (const token of former) {
        assert.equal((await renew(a, 'k', token)).held, false);
        assert.equal((await release(a, 'k', token)).released, false);
      }
      assert.equal(await attempt(a, EXCLUSIVE), 'busy');
    });

    test('counts a repeated request once, extends its lease, and gives each grant new fences', async (world) => {
      const [a, b] = world.participants(2);
      const token = a.token(SHARED);
      const first = grantedOf(await request(a, 'k', { token, ttl: SHORT, fences: 3 }));
      const other = grantedOf(await request(b, 'k', { token: b.token(SHARED), ttl: SHORT }));
      const again = grantedOf(await request(a, 'k', { token }));
      assert.ok(other.fence > lastOf(first) && again.fence > lastOf(other));
      assert.ok((await renew(a, 'k', token, { fences: 2 })).fence > lastOf(again));
      await world.elapse(SHORT + 20);
      assert.equal(await attempt(b, EXCLUSIVE), 'busy');
      assert.equal((await release(a, 'k', token)).released, true);
      await take(b, EXCLUSIVE);
    });

    test('keeps a reader for its minimum hold, and changes no other reader', async (world) => {
      const [a, b] = world.participants(2);
      const [kept, other] = [await take(a, SHARED), await take(b, SHARED, { ttl: TTL / 2 })];
      assert.equal(
        (await a.session.exchange({ key: 'k', release: { token: kept, releaseAfter: SHORT } })).released,
        true,
      );
      assert.equal(busyOf(await request(b, 'k')).holder, other);
      assert.equal((await release(b, 'k', other)).released, true);
      assert.equal(busyOf(await request(b, 'k')).holder, kept);
      await world.elapse(SHORT + 20);
      await take(b, EXCLUSIVE);
    });

    test('keeps a reader longer than the rest of its lease', async (world) => {
      const [a, b] = world.participants(2);
      const kept = await take(a, SHARED, { ttl: SHORT });
      await a.session.exchange({ key: 'k', release: { token: kept, releaseAfter: TTL } });
      await world.elapse(SHORT + 20);
      assert.equal(await attempt(b, EXCLUSIVE), 'busy');
      await take(b, SHARED);
    });
  });
}
