/** The contract of a LockStore as a test suite, for any runner with `describe` and `it`. */
import { strict as assert } from 'node:assert';
import {
  type Answer,
  type Ask,
  type LockStore,
  type LockStoreSession,
  OFFER_MS,
  type RenewReply,
  type TurnReply,
} from '../core/store.contract.js';
import { TokenMint, newParty } from '../core/token.js';

/** What the suite needs of the test runner: jest's, vitest's and node:test's own will do. */
export interface ContractRunner {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
}

/** A store to test, made anew for each test. */
export interface ContractSubject {
  readonly store: LockStore;
  /** Lets `ms` pass for the store. */
  elapse(ms: number): Promise<void>;
  /** Ends what was made for the test; the store is closed by the suite. */
  dispose?(): Promise<void>;
}

interface Offer {
  readonly key: string;
  readonly token: string;
  readonly fence: number;
}

/** A party of the suite: a session, its tokens, and what it was offered. */
interface Guest {
  readonly session: LockStoreSession;
  readonly offers: Offer[];
  token(): string;
}

const TTL = 10_000;
/** Short enough to wait for, on a store with a real clock. */
const SHORT = 150;

/**
 * Registers the suite.
 * @param name what the store is called in the report.
 */
export function storeContract(
  { describe, it }: ContractRunner,
  name: string,
  create: () => Promise<ContractSubject>,
): void {
  const test = (title: string, body: (world: World) => Promise<void>): void =>
    it(title, async () => {
      const subject = await create();
      const world = new World(subject);
      try {
        await body(world);
      } finally {
        await world.end();
      }
    });

  describe(`${name} keeps the store contract`, () => {
    describe('a key', () => {
      test('is granted when free, with safe fences, as many as asked for at the most', async (world) => {
        const a = world.guest();
        const granted = grantedOf(await ask(a, 'k', { sections: 3 }));
        assert.ok(Number.isSafeInteger(granted.fence) && granted.fence > 0);
        assert.ok(granted.drawn >= 1 && granted.drawn <= 3);
      });

      test('is busy while held, names the holder and the time left, and a busy ask leaves no trace', async (world) => {
        const [a, b] = [world.guest(), world.guest()];
        const held = a.token();
        grantedOf(await ask(a, 'k', { token: held }));
        const { answer } = await ask(b, 'k');
        assert.ok(answer?.state === 'busy');
        assert.equal(answer.holder, held);
        assert.ok(answer.remaining > TTL / 2 && answer.remaining <= TTL, String(answer.remaining));
        assert.equal((await giveUp(a, 'k', held)).released, true);
        await world.elapse(10);
        grantedOf(await ask(a, 'k'));
      });

      test('is given back by its owner only', async (world) => {
        const [a, b] = [world.guest(), world.guest()];
        const held = a.token();
        grantedOf(await ask(a, 'k', { token: held }));
        assert.equal((await giveUp(b, 'k', b.token())).released, false);
        assert.equal((await ask(b, 'k')).answer?.state, 'busy');
        assert.equal((await giveUp(a, 'k', held)).released, true);
        assert.equal((await giveUp(a, 'k', held)).released, false);
        grantedOf(await ask(b, 'k'));
      });

      test('is free again when its lease ends, and the former owner can neither renew nor release it', async (world) => {
        const [a, b] = [world.guest(), world.guest()];
        const stale = a.token();
        grantedOf(await ask(a, 'k', { token: stale, ttl: SHORT }));
        await world.elapse(SHORT + 20);
        const fresh = b.token();
        grantedOf(await ask(b, 'k', { token: fresh }));
        assert.deepEqual(await renew(a, 'k', stale), { held: false, fence: 0 });
        assert.equal((await giveUp(a, 'k', stale)).released, false);
        assert.equal((await renew(b, 'k', fresh)).held, true);
      });

      test('is granted anew to a repeated ask of its owner, with higher fences', async (world) => {
        const a = world.guest();
        const token = a.token();
        const first = grantedOf(await ask(a, 'k', { token, sections: 2 }));
        const second = grantedOf(await ask(a, 'k', { token }));
        assert.ok(second.fence > lastOf(first));
      });

      test('goes to one of many that ask at once', async (world) => {
        const guests = [world.guest(), world.guest()];
        const asks = Array.from({ length: 40 }, (_, i) => ask(guests[i % 2], 'k'));
        const states = (await Promise.all(asks)).map((reply) => reply.answer?.state);
        assert.equal(states.filter((state) => state === 'granted').length, 1);
        assert.equal(states.filter((state) => state === 'busy').length, 39);
      });

      test('has any name, and is apart from every other', async (world) => {
        const a = world.guest();
        const names = [
          'k',
          'K',
          'k ',
          ' ',
          '{k}',
          '}{',
          'k}x',
          '{}x',
          'ключ',
          '🔒',
          'a:b:c',
          '*',
          'a\nb',
          '%00',
        ];
        for (const name of names) grantedOf(await ask(a, name));
        for (const name of names) assert.equal((await ask(a, name)).answer?.state, 'busy', name);
      });
    });

    describe('a renewal', () => {
      test('makes the remaining time at least its ttl and never shortens it', async (world) => {
        const [a, b] = [world.guest(), world.guest()];
        const token = a.token();
        grantedOf(await ask(a, 'k', { token, ttl: SHORT }));
        assert.equal((await renew(a, 'k', token, { ttl: TTL })).held, true);
        assert.equal((await renew(a, 'k', token, { ttl: 1 })).held, true);
        await world.elapse(SHORT + 20);
        assert.equal((await ask(b, 'k')).answer?.state, 'busy');
      });

      test('draws as many fences as asked for at the most, above all before', async (world) => {
        const a = world.guest();
        const token = a.token();
        const granted = grantedOf(await ask(a, 'k', { token, sections: 5 }));
        assert.equal((await renew(a, 'k', token, { sections: 0 })).fence, 0);
        const more = await renew(a, 'k', token, { sections: 7 });
        const drawn = more.drawn ?? 7;
        assert.ok(drawn >= 1 && drawn <= 7);
        assert.ok(more.fence > lastOf(granted));
        const last = grantedOf(await ask(a, 'other'));
        assert.ok(last.fence > lastOf({ ...more, drawn }));
      });

      test('of a key that is free, or was never asked for, is refused', async (world) => {
        const a = world.guest();
        assert.equal((await renew(a, 'k', a.token())).held, false);
      });
    });

    describe('fences', () => {
      test('increase over keys and parties that share a counter', async (world) => {
        const guests = [world.guest(), world.guest()];
        let last = 0;
        for (let i = 0; i < 50; i += 1) {
          const guest = guests[i % 2];
          const sections = (i % 3) + 1;
          const token = guest.token();
          const granted = grantedOf(await ask(guest, '{k}' + (i % 5), { sections, token }));
          assert.ok(granted.fence > last);
          last = lastOf(granted);
          await giveUp(guest, '{k}' + (i % 5), token);
        }
        assert.equal(guests[0]?.session.counterOf('{k}0'), guests[1]?.session.counterOf('{k}4'));
      });
    });

    describe('a minimum hold', () => {
      test('keeps the key busy for its time and frees it then', async (world) => {
        const [a, b] = [world.guest(), world.guest()];
        const token = a.token();
        grantedOf(await ask(a, 'k', { token, ttl: 2 * SHORT }));
        const reply = await a.session.turn({ key: 'k', giveUp: { token, keepFor: SHORT } });
        assert.equal(reply.released, true);
        assert.equal((await ask(b, 'k')).answer?.state, 'busy');
        await world.elapse(SHORT + 20);
        grantedOf(await ask(b, 'k'));
      });

      test('may be longer than what was left of the lease', async (world) => {
        const [a, b] = [world.guest(), world.guest()];
        const token = a.token();
        grantedOf(await ask(a, 'k', { token, ttl: SHORT }));
        await a.session.turn({ key: 'k', giveUp: { token, keepFor: TTL } });
        await world.elapse(SHORT + 20);
        assert.equal((await ask(b, 'k')).answer?.state, 'busy');
      });
    });

    describe('the queue', () => {
      queueContract(test);
    });
  });
}

function queueContract(test: (title: string, body: (world: World) => Promise<void>) => void): void {
  test('hands the key over in the order of asking, with a fence above the former', async (world) => {
    const [a, b, c] = [world.guest(), world.guest(), world.guest()];
    if (!(await world.queues(a, b, c))) return;
    const [ta, tb, tc] = [a.token(), b.token(), c.token()];
    const first = grantedOf(await ask(a, 'k', { token: ta }));
    const qb = queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    const qc = queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
    assert.deepEqual([qb.length, qb.first, qc.length, qc.first], [1, true, 2, false]);
    assert.ok(qc.place > qb.place);
    assert.equal(qb.holder, ta);

    assert.equal((await giveUp(a, 'k', ta)).released, true);
    const toB = await world.offer(b);
    assert.deepEqual([toB.key, toB.token], ['k', tb]);
    assert.ok(toB.fence > first.fence && toB.fence > qb.fence && qb.fence >= first.fence);
    assert.equal(c.offers.length, 0);
    const confirmed = await renew(b, 'k', tb, { sections: 2 });
    assert.ok(confirmed.held && confirmed.fence > toB.fence);

    assert.equal((await giveUp(b, 'k', tb)).released, true);
    assert.equal((await world.offer(c)).token, tc);
    assert.equal((await giveUp(c, 'k', tc)).released, true);
    grantedOf(await ask(a, 'k'));
  });

  test('puts who gives up and asks again behind those who wait', async (world) => {
    const [a, b] = [world.guest(), world.guest()];
    if (!(await world.queues(a, b))) return;
    const [ta, tb, again] = [a.token(), b.token(), a.token()];
    grantedOf(await ask(a, 'k', { token: ta }));
    queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    const reply = await a.session.turn({
      key: 'k',
      giveUp: { token: ta },
      ask: { token: again, ttl: TTL, sections: 1, mode: 'queue' },
    });
    assert.equal(reply.released, true);
    assert.equal(queuedOf(reply).holder, tb);
    assert.equal((await world.offer(b)).token, tb);
    await giveUp(b, 'k', tb);
    assert.equal((await world.offer(a)).token, again);
  });

  test('grants at once who gives up and asks again while nobody waits', async (world) => {
    const a = world.guest();
    if (!(await world.queues(a))) return;
    const [ta, again] = [a.token(), a.token()];
    const first = grantedOf(await ask(a, 'k', { token: ta }));
    const reply = await a.session.turn({
      key: 'k',
      giveUp: { token: ta },
      ask: { token: again, ttl: TTL, sections: 1, mode: 'queue' },
    });
    assert.equal(reply.released, true);
    assert.ok(grantedOf(reply).fence > first.fence);
  });

  test('does not let an ask that will not wait pass those who do', async (world) => {
    const [a, b, c] = [world.guest(), world.guest(), world.guest()];
    if (!(await world.queues(a, b))) return;
    const [ta, tb] = [a.token(), b.token()];
    grantedOf(await ask(a, 'k', { token: ta, ttl: SHORT }));
    queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    await world.elapse(SHORT + 20);
    assert.equal((await ask(c, 'k')).answer?.state, 'busy');
    assert.equal((await world.offer(b)).token, tb);
  });

  test('forgets who leaves it', async (world) => {
    const [a, b, c] = [world.guest(), world.guest(), world.guest()];
    if (!(await world.queues(a, b, c))) return;
    const [ta, tb, tc] = [a.token(), b.token(), c.token()];
    grantedOf(await ask(a, 'k', { token: ta }));
    queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
    assert.equal((await giveUp(b, 'k', tb)).released, false);
    await giveUp(a, 'k', ta);
    assert.equal((await world.offer(c)).token, tc);
    assert.equal(b.offers.length, 0);
  });

  test('skips a party that is gone', async (world) => {
    const [a, b, c] = [world.guest(), world.guest(), world.guest()];
    if (!(await world.queues(a, b, c))) return;
    const [ta, tb, tc] = [a.token(), b.token(), c.token()];
    grantedOf(await ask(a, 'k', { token: ta }));
    queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
    await b.session.close();
    await world.elapse(50);
    await giveUp(a, 'k', ta);
    assert.equal((await world.offer(c)).token, tc);
  });

  test('takes an offer back that is not confirmed, for whoever looks next', async (world) => {
    const [a, b, c] = [world.guest(), world.guest(), world.guest()];
    if (!(await world.queues(a, b, c))) return;
    const [ta, tb, tc] = [a.token(), b.token(), c.token()];
    grantedOf(await ask(a, 'k', { token: ta }));
    queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
    await giveUp(a, 'k', ta);
    await world.offer(b);
    await world.elapse(OFFER_MS + 50);
    const granted = grantedOf(await ask(c, 'k', { token: tc, mode: 'look' }));
    assert.ok(granted.fence > (b.offers[0]?.fence ?? Infinity));
    assert.equal((await renew(b, 'k', tb)).held, false);
  });

  test('answers a look: still queued, granted, or gone, and a gone ask leaves no trace', async (world) => {
    const [a, b] = [world.guest(), world.guest()];
    if (!(await world.queues(a, b))) return;
    const [ta, tb, unknown] = [a.token(), b.token(), b.token()];
    assert.equal((await ask(b, 'k', { token: unknown, mode: 'look' })).answer?.state, 'gone');
    grantedOf(await ask(a, 'k', { token: ta }));
    assert.equal((await ask(b, 'k', { token: unknown, mode: 'look' })).answer?.state, 'gone');
    const queued = queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    const looked = queuedOf(await ask(b, 'k', { token: tb, mode: 'look' }));
    assert.deepEqual([looked.place, looked.length, looked.first], [queued.place, 1, true]);
    assert.equal(queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' })).place, queued.place);
    await giveUp(a, 'k', ta);
    grantedOf(await ask(b, 'k', { token: tb, mode: 'look' }));
    assert.equal((await giveUp(b, 'k', tb)).released, true);
    grantedOf(await ask(a, 'k'));
  });

  test('gives a lost place back', async (world) => {
    const [a, b, c] = [world.guest(), world.guest(), world.guest()];
    if (!(await world.queues(a, b, c))) return;
    const [ta, tb, tc, back] = [a.token(), b.token(), c.token(), b.token()];
    grantedOf(await ask(a, 'k', { token: ta }));
    const { place } = queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
    await giveUp(b, 'k', tb);
    const retaken = queuedOf(await ask(b, 'k', { token: back, mode: 'queue', place }));
    assert.deepEqual([retaken.place, retaken.first, retaken.length], [place, true, 2]);
    await giveUp(a, 'k', ta);
    assert.equal((await world.offer(b)).token, back);
  });

  test('serves those who wait after a minimum hold, when its holder gives up again', async (world) => {
    const [a, b] = [world.guest(), world.guest()];
    if (!(await world.queues(a, b))) return;
    const [ta, tb] = [a.token(), b.token()];
    grantedOf(await ask(a, 'k', { token: ta }));
    queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    await a.session.turn({ key: 'k', giveUp: { token: ta, keepFor: SHORT } });
    await world.elapse(SHORT + 20);
    assert.equal(b.offers.length, 0);
    await giveUp(a, 'k', ta);
    assert.equal((await world.offer(b)).token, tb);
  });

  test('does not call its listener from within a verb', async (world) => {
    const [a, b] = [world.guest(), world.guest()];
    if (!(await world.queues(a, b))) return;
    const [ta, tb] = [a.token(), b.token()];
    grantedOf(await ask(a, 'k', { token: ta }));
    queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
    const releasing = giveUp(a, 'k', ta);
    assert.equal(b.offers.length, 0);
    await releasing;
    await world.offer(b);
  });
}

/** A store under test and the parties that use it. */
class World {
  readonly #guests: Guest[] = [];

  constructor(private readonly subject: ContractSubject) {}

  guest(): Guest {
    const party = newParty();
    const offers: Offer[] = [];
    const session = this.subject.store.open(party, {
      offered: (key, token, fence) => void offers.push({ key, token, fence }),
      awake: () => undefined,
      recovered: () => undefined,
    });
    const mint = new TokenMint(party, 'contract');
    const guest = { session, offers, token: () => mint.next() };
    this.#guests.push(guest);
    return guest;
  }

  /** Can the guests wait in a queue? Then they are reachable when it resolves. */
  async queues(...guests: Guest[]): Promise<boolean> {
    if (guests.some(({ session }) => !session.queues)) return false;
    await Promise.all(guests.map(({ session }) => session.listen('k')));
    if (guests.some(({ session }) => !session.queues)) return false;
    assert.ok(guests.every(({ session }) => session.isAwake('k')));
    return true;
  }

  elapse(ms: number): Promise<void> {
    return this.subject.elapse(ms);
  }

  /** The guest's next offer, taken off its list. */
  async offer(guest: Guest): Promise<Offer> {
    for (let waited = 0; guest.offers.length === 0; waited += 5) {
      assert.ok(waited < 900, 'no offer came');
      await this.elapse(5);
    }
    return guest.offers[0];
  }

  async end(): Promise<void> {
    for (const { session } of this.#guests) {
      await session.close();
      await session.close();
    }
    await this.subject.store.close();
    await this.subject.store.close();
    await this.subject.dispose?.();
  }
}

function ask(guest: Guest, key: string, options: Partial<Ask> = {}): Promise<TurnReply> {
  return guest.session.turn({
    key,
    ask: { token: options.token ?? guest.token(), ttl: TTL, sections: 1, mode: 'once', ...options },
  });
}

function giveUp(guest: Guest, key: string, token: string): Promise<TurnReply> {
  return guest.session.turn({ key, giveUp: { token } });
}

function renew(
  guest: Guest,
  key: string,
  token: string,
  { ttl = TTL, sections = 0 }: { ttl?: number; sections?: number } = {},
): Promise<RenewReply> {
  return guest.session.renew({ key, token, ttl, sections });
}

function lastOf({ fence, drawn }: { readonly fence: number; readonly drawn: number }): number {
  return fence + drawn - 1;
}

function grantedOf(reply: TurnReply): Answer & { state: 'granted' } {
  assert.equal(reply.answer?.state, 'granted');
  return reply.answer;
}

function queuedOf(reply: TurnReply): Answer & { state: 'queued' } {
  assert.equal(reply.answer?.state, 'queued');
  return reply.answer;
}
