/** The contract of the inspection, where a store has one: keys are read, found, and messages arrive. */
import { strict as assert } from 'node:assert';
import { SHARED } from '../../core/contracts/token.js';
import type { StoreInspection } from '../../core/contracts/inspection.contract.js';
import { enqueue, type Participant, release, semaphore, type Suite, take, TTL, type World } from './world.js';

function inspectionOf(participant: Participant): StoreInspection | undefined {
  return participant.session.inspection;
}

async function keysOf(inspection: StoreInspection, pattern = '*', signal?: AbortSignal): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of inspection.keys(pattern, signal)) keys.push(key);
  return keys.sort();
}

async function arrives(world: World, messages: readonly string[], text: string): Promise<void> {
  for (let waited = 0; !messages.includes(text); waited += 5) {
    assert.ok(waited < 900, 'The message did not arrive.');
    await world.elapse(5);
  }
}

export function inspectionContract({ describe, test }: Suite): void {
  describe('the inspection', () => {
    test('reads a key that nobody holds as empty', async (world) => {
      const inspection = inspectionOf(world.participant());
      if (inspection === undefined) return;
      assert.deepEqual(await inspection.readKey('k', 10), { holders: [], queue: [], queued: 0 });
    });

    test('reads the holder with the time left, and the queue in order', async (world) => {
      const [a, b, c] = world.participants(3);
      const inspection = inspectionOf(a);
      if (inspection === undefined || !(await world.canQueue(a, b, c))) return;
      const holder = await take(a, { kind: 'exclusive', limit: 1 });
      const first = await enqueue(b, { kind: 'exclusive', limit: 1 });
      await world.elapse(50);
      const second = await enqueue(c, { kind: 'exclusive', limit: 1 });
      const state = await inspection.readKey('k', 10);
      assert.equal(state.holders.length, 1);
      assert.equal(state.holders[0]?.token, holder);
      assert.ok(state.holders[0].remaining > 0 && state.holders[0].remaining <= TTL);
      assert.deepEqual(
        state.queue.map(({ token }) => token),
        [first, second],
      );
      assert.equal(state.queued, 2);
      const [waited, later] = state.queue.map((place) => place.waited);
      assert.ok(waited !== undefined && later !== undefined && waited >= later + 40);
      const one = await inspection.readKey('k', 1);
      assert.deepEqual([one.queue.length, one.queued], [1, 2]);
      assert.equal((await release(a, 'k', holder)).released, true);
    });

    test('reads each reader and each permit', async (world) => {
      const [a, b] = world.participants(2);
      const inspection = inspectionOf(a);
      if (inspection === undefined) return;
      const readers = [await take(a, SHARED), await take(b, SHARED)];
      const state = await inspection.readKey('k', 10);
      assert.deepEqual(state.holders.map(({ token }) => token).sort(), readers.sort());
      for (const [i, each] of [a, b].entries()) await release(each, 'k', readers[i] ?? '');
      for (const reader of readers) await release(a, 'k', reader);
      const permits = [await take(a, semaphore(2)), await take(b, semaphore(2))];
      const permitted = await inspection.readKey('k', 10);
      assert.deepEqual(permitted.holders.map(({ token }) => token).sort(), permits.sort());
    });

    test('finds each key that is held or waited for, once', async (world) => {
      const [a, b] = world.participants(2);
      const inspection = inspectionOf(a);
      if (inspection === undefined) return;
      const exclusive = { kind: 'exclusive', limit: 1 } as const;
      await take(a, exclusive);
      if (await world.canQueue(a, b)) await enqueue(b, exclusive);
      const other = { token: a.token(), ttl: TTL, fences: 1, mode: 'once' } as const;
      await a.session.exchange({ key: 'other:1', acquire: other });
      assert.deepEqual(await keysOf(inspection), ['k', 'other:1']);
      assert.deepEqual(await keysOf(inspection, 'other:*'), ['other:1']);
      assert.deepEqual(await keysOf(inspection, 'none'), []);
      assert.deepEqual(await keysOf(inspection, '*', AbortSignal.abort()), []);
    });

    test('carries messages to one session, and to all', async (world) => {
      const [a, b] = world.participants(2);
      const [from, to] = [inspectionOf(a), inspectionOf(b)];
      if (from === undefined || to === undefined) return;
      await Promise.all([from.listen(), to.listen(), from.listen()]);
      assert.notEqual(await from.send(b.sessionId, 'to b'), false);
      await arrives(world, b.messages, 'to b');
      assert.deepEqual(a.messages, []);
      const reached = await to.broadcast('to all');
      assert.ok(reached === undefined || reached === 2);
      await arrives(world, a.messages, 'to all');
      await arrives(world, b.messages, 'to all');
      const unknown = await from.send('nobody', 'to nobody');
      assert.ok(unknown === undefined || !unknown);
    });
  });
}
