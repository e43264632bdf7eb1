/** The contract of kinds on one key: which go together, and who is told that they do not. */
import { strict as assert } from 'node:assert';
import type { AcquireReply } from '../../core/contracts/store.contract.js';
import { EXCLUSIVE, type LockKind, SHARED, type LockAccess } from '../../core/contracts/token.js';
import {
  type Guest,
  SHORT,
  type Suite,
  TTL,
  request,
  attempt,
  busyOf,
  release,
  grantedOf,
  enqueue,
  check,
  queuedOf,
  semaphore,
  take,
} from './world.js';

const KINDS: Record<LockKind, LockAccess> = { exclusive: EXCLUSIVE, shared: SHARED, semaphore: semaphore(2) };

const FOREIGNERS: ReadonlyArray<readonly [there: LockKind, requests: LockKind]> = [
  ['exclusive', 'semaphore'],
  ['shared', 'semaphore'],
  ['semaphore', 'exclusive'],
  ['semaphore', 'shared'],
];

export function kindsContract({ describe, test }: Suite): void {
  describe('kinds that do not go together', () => {
    for (const [there, requests] of FOREIGNERS) {
      test(`are named to ${requests} where ${there} holds the key, and leave no trace`, async (world) => {
        const [a, b] = world.guests(2);
        const queues = await world.queues(a, b);
        const holder = await take(a, KINDS[there]);
        const token = b.token(KINDS[requests]);
        for (const mode of ['once', 'queue'] as const) {
          assert.deepEqual((await request(b, 'k', { token, mode })).acquire, {
            state: 'kind-conflict',
            kind: there,
          });
        }
        if (queues) assert.equal(await check(b, token), 'not-queued');
        assert.equal((await release(b, 'k', token)).released, false);
        assert.equal((await release(a, 'k', holder)).released, true);
        assert.equal(b.offers.length, 0);
        if (queues) assert.equal(await check(b, token), 'not-queued');
        grantedOf(await request(b, 'k', { token }));
      });

      test(`are named to ${requests} where ${there} queues for the key, which goes to who queues`, async (world) => {
        const [a, b, c] = world.guests(3);
        if (!(await world.queues(a, b))) return;
        await take(a, KINDS[there], { ttl: SHORT });
        if (there === 'semaphore') await take(a, KINDS[there], { ttl: SHORT });
        const waits = there === 'shared' ? await enqueue(b, EXCLUSIVE) : await enqueue(b, KINDS[there]);
        await world.elapse(SHORT + 20);
        const kind = there === 'shared' ? 'exclusive' : there;
        assert.deepEqual((await request(c, 'k', { token: c.token(KINDS[requests]) })).acquire, {
          state: 'kind-conflict',
          kind,
        });
        assert.equal((await world.offer(b)).token, waits);
      });
    }

    test('are free to follow each other', async (world) => {
      const a = world.guest();
      for (const access of [SHARED, semaphore(2), EXCLUSIVE, semaphore(1), SHARED, EXCLUSIVE, SHARED]) {
        await release(a, 'k', await take(a, access));
        await take(a, access, { ttl: SHORT });
        await world.elapse(SHORT + 20);
      }
    });

    test('are told so with what was released, which goes to who waits', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(a, b))) return;
      const holder = await take(a, EXCLUSIVE);
      const waits = await enqueue(b, SHARED);
      const reply = await a.session.exchange({
        key: 'k',
        release: { token: holder },
        acquire: { token: a.token(semaphore(2)), ttl: TTL, fences: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.equal(reply.acquire?.state, 'kind-conflict');
      assert.equal((await world.offer(b)).token, waits);
    });

    test('follow in one step where nobody waits', async (world) => {
      const a = world.guest();
      let giving = await take(a, EXCLUSIVE);
      for (const access of [semaphore(2), SHARED, semaphore(2), EXCLUSIVE]) {
        const token = a.token(access);
        const reply = await a.session.exchange({
          key: 'k',
          release: { token: giving },
          acquire: { token, ttl: TTL, fences: 1, mode: 'once' },
        });
        assert.equal(reply.released, true);
        grantedOf(reply);
        giving = token;
      }
    });

    test('are not refused for the sake of who queues, and is gone', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(a, b, c))) return;
      for (const mode of ['once', 'queue'] as const) {
        const gone = world.guest();
        if (!(await world.queues(gone))) return;
        await take(a, EXCLUSIVE, { ttl: SHORT });
        await enqueue(gone, EXCLUSIVE);
        await gone.session.close();
        await world.elapse(SHORT + 20);
        const token = b.token(semaphore(2));
        grantedOf(await request(b, 'k', { token, mode }));
        await release(b, 'k', token);
      }
    });
  });

  describe("a foreign client's value", () => {
    for (const [kind, access] of Object.entries(KINDS)) {
      test(`keeps ${kind} out, is not of another kind, and is waited for`, async (world) => {
        const [a, b] = world.guests(2);
        if (!(await world.occupy('k', 4 * SHORT))) return;
        const busy = busyOf(await request(a, 'k', { token: a.token(access) }));
        assert.ok(busy.remaining > 0 && busy.remaining <= 4 * SHORT, String(busy.remaining));
        assert.notEqual(busy.holder, '');
        if (!(await world.queues(a, b))) return;
        const token = a.token(access);
        const queued = queuedOf(await request(a, 'k', { token, mode: 'queue' }));
        assert.equal(queued.holder, busy.holder);
        await world.elapse(4 * SHORT + 20);
        assert.equal(await stateOfOther(b, access), 'kind-conflict');
        assert.equal((await world.offer(a)).token, token);
      });
    }

    test('hides who queues for the key from nobody of another kind', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(a, b)) || !(await world.occupy('k', TTL))) return;
      const waits = await enqueue(a, semaphore(2));
      for (const mode of ['once', 'queue'] as const) {
        const { acquire: answer } = await request(b, 'k', { token: b.token(SHARED), mode });
        assert.deepEqual(answer, { state: 'kind-conflict', kind: 'semaphore' });
      }
      assert.equal(await check(a, waits), 'queued');
    });
  });
}

function stateOfOther(guest: Guest, { kind }: LockAccess): Promise<AcquireReply['state'] | undefined> {
  return attempt(guest, kind === 'semaphore' ? SHARED : semaphore(2));
}
