/**
 * Runs a program three times: with the scripts that production picks, by the general case alone, and in the memory store, which
 * is the reference model. The replies, the offers and what is left in Redis must be equal.
 *
 * Two things differ, and are compared within bounds:
 * - Fences and queue scores. A batch draws its fences as one range, which begins up to a millisecond before the clock, and
 *   the general case draws one for each request. Both are drawn from one clock, and steps are further apart than that.
 * - The expiry of a queue: a hand-off sets it anew every ten seconds only.
 */
import type { Redis } from 'ioredis';
import type { Clock } from '../../lib/core/time/clock.js';
import type {
  AcquireRequest,
  ExchangeReply,
  ExchangeRequest,
  LockStoreSession,
} from '../../lib/core/contracts/store.contract.js';
import { EXCLUSIVE, TokenGenerator, accessOf } from '../../lib/core/contracts/token.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { KeyNames } from '../../lib/stores/redis/naming/key-names.js';
import { ACCESSES, KEYS, type Program, type Request, SESSIONS, type Step, TICK } from './program.js';
import {
  Difference,
  type Range,
  ascends,
  bare,
  compareKey,
  equal,
  fenceOf,
  modelled,
  near,
  numbersOf,
  sayOf,
} from './differences.js';
import { type Mutation, type Said, Side, type State } from './side.js';

/** 2026, in ms. */
const START = 1_780_000_000_002;
const AN_HOUR = 3_600_000_000;

export interface Clients {
  readonly picked: Redis;
  readonly general: Redis;
}

/** What came up, by name. */
export type Counts = Map<string, number>;

/** The clock of the reference model. The servers see the same time. */
class ProgramClock implements Clock {
  now = START;

  monotonic(): number {
    return this.now - START;
  }

  wall(): number {
    return this.now;
  }

  schedule(): { cancel(): void } {
    return { cancel: () => undefined };
  }
}

/** @throws Difference */
export async function compare(
  { cluster, family, steps }: Program,
  clients: Clients,
  counts: Counts,
  mutate?: Mutation,
): Promise<void> {
  const run = new Run(clients, cluster, family, counts, mutate);
  await run.start();
  for (const [i, step] of steps.entries()) {
    try {
      await run.step(step);
    } catch (error) {
      if (error instanceof Difference) error.message = `Step ${i}: ${error.message}`;
      throw error;
    }
  }
}

class Run {
  readonly #clock = new ProgramClock();
  readonly #names: KeyNames;
  readonly #picked: Side;
  readonly #general: Side;
  readonly #generators = Array.from(
    { length: SESSIONS },
    (_, i) => new TokenGenerator(`session${i}`, 'test'),
  );
  readonly #cluster: boolean;
  readonly #family: readonly number[];
  readonly #counts: Counts;
  readonly #model: LockStoreSession;
  /** The tokens that the reference model offered the key to, since the last step. */
  #offered: string[] = [];
  /** Does the reference model know all that happened? */
  #modelled = true;
  readonly #tokens: string[][] = KEYS.map(() => []);
  /** Those that were granted a key, and not released since. */
  readonly #granted = new Set<string>();
  /** The queue scores of each side, by token. */
  readonly #scores = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  /** The latest fence of a side, as long as the clock and the domain are as they should be. */
  #latest = 0;
  #drawn: Range[] = [];
  #rising = true;
  /** The fence domains that are ahead of the clock. */
  readonly #ahead = new Set<string>();

  constructor(
    clients: Clients,
    cluster: boolean,
    family: readonly number[],
    counts: Counts,
    mutate: Mutation | undefined,
  ) {
    this.#names = new KeyNames('lock:', '', cluster);
    this.#cluster = cluster;
    this.#family = family;
    this.#counts = counts;
    const options = { names: this.#names, shared: family.some((access) => access > 0), mutate };
    this.#picked = new Side({ ...options, client: clients.picked, general: false });
    this.#general = new Side({ ...options, client: clients.general, general: true });
    const store = memoryStore({ clock: this.#clock });
    const sessions = this.#generators.slice(0, -1).map(({ sessionId }) =>
      store.open(sessionId, {
        onGrant: (_key, token) => void this.#offered.push(token),
        onReconnected: () => undefined,
        onRecovered: () => undefined,
      }),
    );
    this.#model = sessions[0];
  }

  async start(): Promise<void> {
    const dead = this.#generators.at(-1)?.sessionId ?? '';
    await Promise.all([this.#picked.start(dead), this.#general.start(dead)]);
  }

  async step(step: Step): Promise<void> {
    this.#pass(step.do === 'pass' ? step.ticks : 1);
    await Promise.all([this.#picked, this.#general].map((side) => side.setClock(this.#micros)));
    await this.#do(step);
    await this.#compareStates();
  }

  get #micros(): number {
    return this.#clock.now * 1_000;
  }

  #pass(ticks: number): void {
    this.#clock.now += ticks * TICK;
  }

  async #do(step: Step): Promise<void> {
    switch (step.do) {
      case 'exchange':
        return this.#exchange(step.request, step.late);
      case 'batch':
        return this.#batch(step.requests);
      case 'pass':
        await Promise.all([this.#picked.keepQueues(), this.#general.keepQueues()]);
        return;
      case 'disturb':
        this.#modelled = false;
        return this.#disturb(step);
      case 'renew': {
        const token = this.#holder(step.key, step.token);
        if (token === undefined) return;
        return this.#renew(KEYS[step.key], token, step.ttl, step.fences);
      }
      case 'check':
      case 'repeat':
      case 'retake':
      case 'replace': {
        const token = this.#token(step.key, step.token);
        if (token === undefined) return;
        const mode = step.do === 'check' ? ('check' as const) : ('queue' as const);
        const request = { key: KEYS[step.key], acquire: { token, ttl: 4_503, fences: 1, mode } };
        if (step.do !== 'retake' && step.do !== 'replace')
          return this.#send([this.#sessionOf(token)], [request]);
        return this.#retake(step.key, token, step.do === 'replace');
      }
    }
  }

  #exchange(request: Request, late: boolean): Promise<void> {
    return this.#send([request.session], [this.#requestOf(request)], late);
  }

  async #batch(requests: readonly Request[]): Promise<void> {
    const sessions = requests.map(({ session }) => session);
    const all = requests.map((request) => this.#requestOf(request));
    if (!this.#cluster) return this.#send(sessions, all);
    for (const [i, each] of all.entries()) await this.#send([sessions[i]], [each]);
  }

  /** Leaves the queue, and takes the place back with a new token. @param atOnce true to do both in one request. */
  async #retake(key: number, token: string, atOnce: boolean): Promise<void> {
    const scores = this.#scores.map((of) => of.get(token));
    if (scores.includes(undefined)) return;
    // A place is one request's at a time.
    for (const of of this.#scores) of.delete(token);
    if (!atOnce) await this.#send([this.#sessionOf(token)], [{ key: KEYS[key], release: { token } }]);
    const session = this.#sessionOf(token);
    const again = this.#generators[session].next(accessOf(token) ?? EXCLUSIVE);
    this.#tokens[key].push(again);
    const acquire: AcquireRequest = { token: again, ttl: 4_503, fences: 1, mode: 'queue' };
    const release = atOnce ? { token } : undefined;
    const requests = scores.map((queueScore) => [
      { key: KEYS[key], release, acquire: { ...acquire, queueScore } },
    ]);
    await this.#send([session], requests[0], false, requests[1], requests[2]);
  }

  /** Sends the requests to all three, and compares what they say. */
  async #send(
    sessions: readonly number[],
    picked: readonly ExchangeRequest[],
    late = false,
    general = picked,
    model = picked,
  ): Promise<void> {
    const notAfter = this.#micros + (late ? -1 : 1_000_000);
    const paired = (requests: readonly ExchangeRequest[]) =>
      requests.map((request, i) => ({ session: sessions[i], request }));
    const all = await Promise.all(
      [this.#picked, this.#general].map((side, i) => {
        const requests = paired(i === 0 ? picked : general);
        const [{ session, request }] = requests;
        return requests.length > 1
          ? side.batch(requests, notAfter)
          : side.exchange(session, request, notAfter).then((said) => [said]);
      }),
    );
    const expected: ExchangeReply[] = [];
    // What comes too late does nothing, and the reference model is not told.
    const told = late ? model.filter(({ acquire }) => acquire === undefined) : model;
    if (this.#modelled) for (const request of told) expected.push(await this.#model.exchange(request));
    for (const [i, request] of picked.entries()) {
      const [mine, theirs] = all.map((said) => said[i]);
      const reply = expected[i] as ExchangeReply | undefined;
      this.#count(mine, picked.length);
      equal('replies', sayOf(mine, picked.length > 1), sayOf(theirs, picked.length > 1), request);
      if (reply !== undefined)
        equal('a reply and that of the model', modelled(mine), modelled({ reply }), request);
      this.#remember([mine, theirs, reply && { reply }], request);
      if (!('error' in mine) && !('error' in theirs)) {
        numbersOf(mine).forEach((number, j) => near('numbers', number, numbersOf(theirs)[j]));
      }
    }
  }

  async #renew(key: string, token: string, ttl: number, fences: number): Promise<void> {
    const [mine, theirs] = await Promise.all(
      [this.#picked, this.#general].map((side) => side.renew(key, token, ttl, fences)),
    );
    const shape = (reply: unknown): unknown => (Array.isArray(reply) ? ['held', Number(reply[1])] : reply);
    equal('renewals', shape(mine), shape(theirs), { token, fences });
    if (Array.isArray(mine)) near('fences', Number(mine[0]), Number((theirs as unknown[])[0]));
    if (!this.#modelled) return;
    const { held } = await this.#model.renew({ key, token, ttl, fences });
    equal('a renewal and that of the model', Array.isArray(mine) || Number(mine) === 0, held, { token });
  }

  /** The states of both sides, and what both offered. */
  async #compareStates(): Promise<void> {
    const [mine, theirs] = await Promise.all([this.#picked.state(), this.#general.state()]);
    equal('keys', mine.keys.map(bare), theirs.keys.map(bare));
    for (const [i, each] of mine.keys.entries()) compareKey(each, theirs.keys[i]);
    const offersOf = ({ log }: State): string[] => log.map((message) => message.replace(/ \d+ /, ' '));
    equal('offers', offersOf(mine), offersOf(theirs));
    mine.log.forEach((message, i) => near('fences', fenceOf(message), fenceOf(theirs.log[i])));
    if (mine.log.length > 0) this.#tally(mine.log.length > 1 ? 'several offers' : 'offer');
    this.#rise(mine.log.map(fenceOf));
    const offered = mine.log.map((message) => message.split(' ')[2]);
    for (const token of offered) this.#granted.add(token);
    if (this.#modelled) equal('offers and those of the model', offered.sort(), this.#offered.sort());
    this.#offered = [];
  }

  async #disturb({ key, what }: Extract<Step, { do: 'disturb' }>): Promise<void> {
    const name = KEYS[key];
    const { lock, queue, fences } = this.#names.of(name);
    this.#tally(what);
    this.#rising &&= !['fences ahead', 'fences far ahead', 'fences are text', 'fences are a list'].includes(
      what,
    );
    for (const side of [this.#picked, this.#general]) {
      const run = (command: string, ...args: string[]) => side.disturb(command, args);
      const ends = String(this.#clock.now + 1_203);
      if (what === 'set' || what === 'set for ever') await run('SET', lock, 'somebody');
      if (what === 'set') await run('HSET', 'test:ends', lock, ends);
      else if (what === 'set for ever' || what === 'delete') await run('HDEL', 'test:ends', lock);
      if (what === 'delete') await run('DEL', lock);
      if (what === 'lose holders') await side.lose(this.#names.holdersOf(name));
      if (what === 'lose queue') await side.lose(queue);
      if (what.includes('fences')) await run('DEL', fences);
      // The queues have scores that are ahead as well. A hand-off does not read them, and queues at its own fence before them.
      if (what.includes('fences') && this.#ahead.has(fences)) {
        for (const each of KEYS) {
          const names = this.#names.of(each);
          if (names.fences === fences) await side.lose(names.queue);
        }
      }
      if (what === 'fences ahead') await run('SET', fences, String(this.#micros + AN_HOUR));
      if (what === 'fences far ahead') await run('SET', fences, String(this.#micros + 25 * AN_HOUR));
      if (what === 'fences are text') await run('SET', fences, 'nonsense');
      if (what === 'fences are a list') await run('RPUSH', fences, '1');
      if (what === 'refuse PUBLISH') await run('SET', 'test:refused', '1');
      if (what === 'allow PUBLISH') await run('DEL', 'test:refused');
    }
    if (what.includes('fences')) this.#ahead.delete(fences);
    if (what === 'fences ahead') this.#ahead.add(fences);
  }

  #requestOf({ session, key, release, releaseAfter, acquire }: Request): ExchangeRequest {
    const old = release === null ? undefined : this.#holder(key, release);
    const released = old === undefined ? undefined : { token: old, releaseAfter: releaseAfter ?? undefined };
    if (acquire === null && released) return { key: KEYS[key], release: released };
    const { access, mode, ttl, fences } = acquire ?? { access: 0, mode: 'queue', ttl: 4_503, fences: 1 };
    const token = this.#generators[session].next(ACCESSES[this.#family[access % this.#family.length]]);
    this.#tokens[key].push(token);
    return { key: KEYS[key], release: released, acquire: { token, mode, ttl, fences } };
  }

  #token(key: number, back: number): string | undefined {
    return this.#tokens[key].at(-1 - back);
  }

  /** A token to release or to renew: half of the time one that was granted the key, as a real one is. */
  #holder(key: number, back: number): string | undefined {
    const granted = this.#tokens[key].filter((token) => this.#granted.has(token));
    return (back % 2 === 0 ? granted.at(-1 - back / 2) : undefined) ?? this.#token(key, back);
  }

  #sessionOf(token: string): number {
    return this.#generators.findIndex(({ sessionId }) => token.startsWith(`nl1:${sessionId}:`));
  }

  #remember(
    replies: ReadonlyArray<Said | { reply: ExchangeReply } | undefined>,
    request: ExchangeRequest,
  ): void {
    replies.forEach((said, side) => {
      const answer = said && 'reply' in said ? said.reply.acquire : undefined;
      if (answer?.state === 'queued' && request.acquire)
        this.#scores[side].set(request.acquire.token, answer.queueScore);
      if (side === 0 && answer?.state === 'granted') this.#drawn.push(answer);
      if (answer?.state === 'granted' && request.acquire) this.#granted.add(request.acquire.token);
    });
    if (request.release?.releaseAfter === undefined) this.#granted.delete(request.release?.token ?? '');
  }

  /** The fences of a step, of the side with the fast paths: above all former ones, in order, and each is drawn once. */
  #rise(offered: readonly number[]): void {
    const granted = this.#drawn.splice(0);
    if (!this.#rising || this.#cluster) return;
    const offers = offered.map((fence) => ({ fence, drawn: 1 }));
    const all = [...granted, ...offers].sort((a, b) => a.fence - b.fence);
    ascends(granted, this.#latest);
    ascends(offers, this.#latest);
    this.#latest = ascends(all, this.#latest);
  }

  #count(said: Said, requests: number): void {
    if (requests > 1) this.#tally('batch');
    if ('error' in said) this.#tally(`error ${/\w+/.exec(said.error)?.[0]}`);
    else
      this.#tally(
        said.serverTime === undefined ? (said.reply.acquire?.state ?? 'released alone') : 'too late',
      );
    if (this.#modelled) this.#tally('compared with the model');
  }

  #tally(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
}
