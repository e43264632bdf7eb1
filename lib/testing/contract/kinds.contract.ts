/** The contract of kinds on one key: which go together, and who is told that they do not. */
import { strict as assert } from 'node:assert';
import type { Answer } from '../../core/store.contract.js';
import { EXCLUSIVE, type LockKind, SHARED, type Sharing } from '../../core/token.js';
import {
  type Guest,
  SHORT,
  type Suite,
  TTL,
  ask,
  attempt,
  busyOf,
  giveUp,
  grantedOf,
  line,
  look,
  queuedOf,
  semaphore,
  take,
} from './world.js';

const KINDS: Record<LockKind, Sharing> = { exclusive: EXCLUSIVE, shared: SHARED, semaphore: semaphore(2) };

const FOREIGNERS: ReadonlyArray<readonly [there: LockKind, asks: LockKind]> = [
  ['exclusive', 'semaphore'],
  ['shared', 'semaphore'],
  ['semaphore', 'exclusive'],
  ['semaphore', 'shared'],
];

export function kindsContract({ describe, test }: Suite): void {
  describe('kinds that do not go together', () => {
    for (const [there, asks] of FOREIGNERS) {
      test(`are named to ${asks} where ${there} holds the key, and leave no trace`, async (world) => {
        const [a, b] = world.guests(2);
        const queues = await world.queues(a, b);
        const holder = await take(a, KINDS[there]);
        const token = b.token(KINDS[asks]);
        for (const mode of ['once', 'queue'] as const) {
          assert.deepEqual((await ask(b, 'k', { token, mode })).answer, { state: 'mixed', kind: there });
        }
        if (queues) assert.equal(await look(b, token), 'gone');
        assert.equal((await giveUp(b, 'k', token)).released, false);
        assert.equal((await giveUp(a, 'k', holder)).released, true);
        assert.equal(b.offers.length, 0);
        if (queues) assert.equal(await look(b, token), 'gone');
        grantedOf(await ask(b, 'k', { token }));
      });

      test(`are named to ${asks} where ${there} queues for the key, which goes to who queues`, async (world) => {
        const [a, b, c] = world.guests(3);
        if (!(await world.queues(a, b))) return;
        await take(a, KINDS[there], { ttl: SHORT });
        if (there === 'semaphore') await take(a, KINDS[there], { ttl: SHORT });
        const waits = there === 'shared' ? await line(b, EXCLUSIVE) : await line(b, KINDS[there]);
        await world.elapse(SHORT + 20);
        const kind = there === 'shared' ? 'exclusive' : there;
        assert.deepEqual((await ask(c, 'k', { token: c.token(KINDS[asks]) })).answer, {
          state: 'mixed',
          kind,
        });
        assert.equal((await world.offer(b)).token, waits);
      });
    }

    test('are free to follow each other', async (world) => {
      const a = world.guest();
      for (const sharing of [SHARED, semaphore(2), EXCLUSIVE, semaphore(1), SHARED, EXCLUSIVE, SHARED]) {
        await giveUp(a, 'k', await take(a, sharing));
        await take(a, sharing, { ttl: SHORT });
        await world.elapse(SHORT + 20);
      }
    });

    test('are told so with what was given up, which goes to who waits', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(a, b))) return;
      const holder = await take(a, EXCLUSIVE);
      const waits = await line(b, SHARED);
      const reply = await a.session.turn({
        key: 'k',
        giveUp: { token: holder },
        ask: { token: a.token(semaphore(2)), ttl: TTL, sections: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.equal(reply.answer?.state, 'mixed');
      assert.equal((await world.offer(b)).token, waits);
    });

    test('follow in one step where nobody waits', async (world) => {
      const a = world.guest();
      let giving = await take(a, EXCLUSIVE);
      for (const sharing of [semaphore(2), SHARED, semaphore(2), EXCLUSIVE]) {
        const token = a.token(sharing);
        const reply = await a.session.turn({
          key: 'k',
          giveUp: { token: giving },
          ask: { token, ttl: TTL, sections: 1, mode: 'once' },
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
        await line(gone, EXCLUSIVE);
        await gone.session.close();
        await world.elapse(SHORT + 20);
        const token = b.token(semaphore(2));
        grantedOf(await ask(b, 'k', { token, mode }));
        await giveUp(b, 'k', token);
      }
    });
  });

  describe("a foreign client's value", () => {
    for (const [kind, sharing] of Object.entries(KINDS)) {
      test(`keeps ${kind} out, is not of another kind, and is waited for`, async (world) => {
        const [a, b] = world.guests(2);
        if (!(await world.occupy('k', 4 * SHORT))) return;
        const busy = busyOf(await ask(a, 'k', { token: a.token(sharing) }));
        assert.ok(busy.remaining > 0 && busy.remaining <= 4 * SHORT, String(busy.remaining));
        assert.notEqual(busy.holder, '');
        if (!(await world.queues(a, b))) return;
        const token = a.token(sharing);
        const queued = queuedOf(await ask(a, 'k', { token, mode: 'queue' }));
        assert.equal(queued.holder, busy.holder);
        await world.elapse(4 * SHORT + 20);
        assert.equal(await stateOfOther(b, sharing), 'mixed');
        assert.equal((await world.offer(a)).token, token);
      });
    }

    test('hides who queues for the key from nobody of another kind', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(a, b)) || !(await world.occupy('k', TTL))) return;
      const waits = await line(a, semaphore(2));
      for (const mode of ['once', 'queue'] as const) {
        const { answer } = await ask(b, 'k', { token: b.token(SHARED), mode });
        assert.deepEqual(answer, { state: 'mixed', kind: 'semaphore' });
      }
      assert.equal(await look(a, waits), 'queued');
    });
  });
}

function stateOfOther(guest: Guest, { kind }: Sharing): Promise<Answer['state'] | undefined> {
  return attempt(guest, kind === 'semaphore' ? SHARED : semaphore(2));
}
