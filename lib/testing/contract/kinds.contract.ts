/** The contract of kinds on one key: which kinds are compatible, and which requests get a kind conflict. */
import { strict as assert } from 'node:assert';
import type { AcquireReply } from '../../core/contracts/store.contract.js';
import { EXCLUSIVE, type LockKind, SHARED, type LockAccess } from '../../core/contracts/token.js';
import {
  type Participant,
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

const CONFLICTS: ReadonlyArray<readonly [present: LockKind, requested: LockKind]> = [
  ['exclusive', 'semaphore'],
  ['shared', 'semaphore'],
  ['semaphore', 'exclusive'],
  ['semaphore', 'shared'],
];

export function kindsContract({ describe, test }: Suite): void {
  describe('incompatible kinds', () => {
    for (const [present, requested] of CONFLICTS) {
      test(`give a ${requested} request a kind conflict while the key is held as ${present}, and it leaves no trace`, async (world) => {
        const [a, b] = world.participants(2);
        const canQueue = await world.canQueue(a, b);
        const holder = await take(a, KINDS[present]);
        const token = b.token(KINDS[requested]);
        for (const mode of ['once', 'queue'] as const) {
          assert.deepEqual((await request(b, 'k', { token, mode })).acquire, {
            state: 'kind-conflict',
            kind: present,
          });
        }
        if (canQueue) assert.equal(await check(b, token), 'not-queued');
        assert.equal((await release(b, 'k', token)).released, false);
        assert.equal((await release(a, 'k', holder)).released, true);
        assert.equal(b.offers.length, 0);
        if (canQueue) assert.equal(await check(b, token), 'not-queued');
        grantedOf(await request(b, 'k', { token }));
      });

      test(`give a ${requested} request a kind conflict while a ${present} lock is queued for, and the key goes to the queue`, async (world) => {
        const [a, b, c] = world.participants(3);
        if (!(await world.canQueue(a, b))) return;
        await take(a, KINDS[present], { ttl: SHORT });
        if (present === 'semaphore') await take(a, KINDS[present], { ttl: SHORT });
        const waiting = present === 'shared' ? await enqueue(b, EXCLUSIVE) : await enqueue(b, KINDS[present]);
        await world.elapse(SHORT + 20);
        const kind = present === 'shared' ? 'exclusive' : present;
        assert.deepEqual((await request(c, 'k', { token: c.token(KINDS[requested]) })).acquire, {
          state: 'kind-conflict',
          kind,
        });
        assert.equal((await world.offer(b)).token, waiting);
      });
    }

    test('may follow each other on one key', async (world) => {
      const a = world.participant();
      for (const access of [SHARED, semaphore(2), EXCLUSIVE, semaphore(1), SHARED, EXCLUSIVE, SHARED]) {
        await release(a, 'k', await take(a, access));
        await take(a, access, { ttl: SHORT });
        await world.elapse(SHORT + 20);
      }
    });

    test('give a kind conflict together with a release, and the key goes to the waiter', async (world) => {
      const [a, b] = world.participants(2);
      if (!(await world.canQueue(a, b))) return;
      const holder = await take(a, EXCLUSIVE);
      const waiting = await enqueue(b, SHARED);
      const reply = await a.session.exchange({
        key: 'k',
        release: { token: holder },
        acquire: { token: a.token(semaphore(2)), ttl: TTL, fences: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.equal(reply.acquire?.state, 'kind-conflict');
      assert.equal((await world.offer(b)).token, waiting);
    });

    test('may follow each other in one exchange while the queue is empty', async (world) => {
      const a = world.participant();
      let held = await take(a, EXCLUSIVE);
      for (const access of [semaphore(2), SHARED, semaphore(2), EXCLUSIVE]) {
        const token = a.token(access);
        const reply = await a.session.exchange({
          key: 'k',
          release: { token: held },
          acquire: { token, ttl: TTL, fences: 1, mode: 'once' },
        });
        assert.equal(reply.released, true);
        grantedOf(reply);
        held = token;
      }
    });

    test('give no kind conflict because of a queued request of a closed session', async (world) => {
      const [a, b, c] = world.participants(3);
      if (!(await world.canQueue(a, b, c))) return;
      for (const mode of ['once', 'queue'] as const) {
        const departed = world.participant();
        if (!(await world.canQueue(departed))) return;
        await take(a, EXCLUSIVE, { ttl: SHORT });
        await enqueue(departed, EXCLUSIVE);
        await departed.session.close();
        await world.elapse(SHORT + 20);
        const token = b.token(semaphore(2));
        grantedOf(await request(b, 'k', { token, mode }));
        await release(b, 'k', token);
      }
    });
  });

  describe("a foreign client's value", () => {
    for (const [kind, access] of Object.entries(KINDS)) {
      test(`makes the key busy for a ${kind} request, is no kind conflict, and is waited for`, async (world) => {
        const [a, b] = world.participants(2);
        if (!(await world.occupy('k', 4 * SHORT))) return;
        const busy = busyOf(await request(a, 'k', { token: a.token(access) }));
        assert.ok(busy.remaining > 0 && busy.remaining <= 4 * SHORT, String(busy.remaining));
        assert.notEqual(busy.holder, '');
        if (!(await world.canQueue(a, b))) return;
        const token = a.token(access);
        const queued = queuedOf(await request(a, 'k', { token, mode: 'queue' }));
        assert.equal(queued.holder, busy.holder);
        await world.elapse(4 * SHORT + 20);
        assert.equal(await stateOfOther(b, access), 'kind-conflict');
        assert.equal((await world.offer(a)).token, token);
      });
    }

    test('does not hide a queued request from requests of another kind', async (world) => {
      const [a, b] = world.participants(2);
      if (!(await world.canQueue(a, b)) || !(await world.occupy('k', TTL))) return;
      const waiting = await enqueue(a, semaphore(2));
      for (const mode of ['once', 'queue'] as const) {
        const { acquire: reply } = await request(b, 'k', { token: b.token(SHARED), mode });
        assert.deepEqual(reply, { state: 'kind-conflict', kind: 'semaphore' });
      }
      assert.equal(await check(a, waiting), 'queued');
    });
  });
}

function stateOfOther(
  participant: Participant,
  { kind }: LockAccess,
): Promise<AcquireReply['state'] | undefined> {
  return attempt(participant, kind === 'semaphore' ? SHARED : semaphore(2));
}
