/** Methods of services that return Observables or async generators: the lock covers their whole run. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Lock, Locked, LockLostError, type LockService, LockWiringError } from 'nestjs-locked';
import { memoryLocks, provideLocks } from 'nestjs-locked/testing';
import { firstValueFrom, lastValueFrom, Observable, of, Subject, take, toArray } from 'rxjs';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';

class Feed {
  subject = new Subject<number>();
  entered = 0;
  unsubscribed = 0;
  step: Deferred = deferred();
  seen: unknown[] = [];
  onEntry: (lock: Lock) => void = () => {};

  constructor(private readonly locks: LockService) {}

  private produce(): Observable<number> {
    this.entered += 1;
    this.onEntry(this.locks.current());
    return new Observable((subscriber) => {
      this.seen.push(this.locks.tryCurrent()?.keys);
      const subscription = this.subject.subscribe(subscriber);
      return () => {
        this.unsubscribed += 1;
        subscription.unsubscribe();
      };
    });
  }

  @Locked('feed')
  watch(): Observable<number> {
    return this.produce();
  }
  @Locked('feed')
  fails(): Observable<number> {
    throw new TypeError('own');
  }
  @Locked('feed')
  endless(): Observable<number> {
    return new Observable((subscriber) => {
      for (let n = 0; !subscriber.closed; n += 1) subscriber.next(n);
    });
  }
  @Locked('feed', { maxHold: 20 })
  short(): Observable<number> {
    return this.produce();
  }
  @Locked('feed', { onBusy: () => of(-1) })
  answers(): Observable<number> {
    return this.produce();
  }
  @Locked('feed', { wait: 0 })
  refuses(): Observable<number> {
    return this.produce();
  }
  @Locked('feed')
  async promised(): Promise<Observable<number>> {
    return this.produce();
  }
  @Locked('feed')
  async promisedGenerator(): Promise<AsyncGenerator<number>> {
    return (async function* () {
      yield 1;
    })();
  }

  @Locked('feed')
  async *read(from: number): AsyncGenerator<number, string, number | undefined> {
    this.entered += 1;
    try {
      this.seen.push(this.locks.tryCurrent()?.keys);
      const sent = yield from;
      await this.step.promise;
      this.seen.push(this.locks.tryCurrent()?.keys);
      yield (sent ?? 0) + 1;
      return 'end';
    } finally {
      this.unsubscribed += 1;
    }
  }
  @Locked('feed')
  async *breaks(): AsyncGenerator<number> {
    yield 1;
    throw new TypeError('own');
  }
  @Locked('feed', { maxHold: 20 })
  async *shortRead(): AsyncGenerator<number> {
    this.onEntry(this.locks.current());
    yield 1;
    await this.step.promise;
  }
  @Locked('feed', { wait: 0 })
  async *refusesRead(): AsyncGenerator<number> {
    this.entered += 1;
    yield 1;
  }
}

let locks: LockService;
let feed: Feed;

beforeEach(() => {
  locks = memoryLocks();
  feed = provideLocks(new Feed(locks), locks);
});

async function isHeld(): Promise<boolean> {
  const lock = await locks.tryAcquire('feed');
  await lock?.release();
  return lock === null;
}

describe('a locked method that returns an Observable', () => {
  it('given subscriptions, then each one holds the lock from before its run to its end', async () => {
    const watched = feed.watch();
    expect(watched).toBeInstanceOf(Observable);
    expect(await isHeld()).toBe(false);
    for (const round of [1, 2]) {
      feed.subject = new Subject();
      const values = lastValueFrom(watched.pipe(toArray()));
      await eventually(() => expect(feed.seen).toHaveLength(round));
      feed.subject.next(1);
      expect(await isHeld()).toBe(true);
      feed.subject.next(2);
      feed.subject.complete();
      expect(await values).toEqual([1, 2]);
      expect(await isHeld()).toBe(false);
    }
    expect(feed.seen).toEqual([['feed'], ['feed']]);
  });

  it('given an error of the run or of the making, then it passes through unchanged', async () => {
    const values = lastValueFrom(feed.watch());
    await eventually(() => expect(feed.seen).toHaveLength(1));
    const own = new Error('own');
    feed.subject.error(own);
    await expect(values).rejects.toBe(own);
    await expect(lastValueFrom(feed.fails())).rejects.toThrow(TypeError);
    expect(await isHeld()).toBe(false);
  });

  it('given an unsubscription, also of an endless synchronous Observable, then the lock is released', async () => {
    const subscription = feed.watch().subscribe();
    await eventually(() => expect(feed.seen).toHaveLength(1));
    subscription.unsubscribe();
    expect(feed.unsubscribed).toBe(1);
    await eventually(async () => expect(await isHeld()).toBe(false));
    expect(await lastValueFrom(feed.endless().pipe(take(3), toArray()))).toEqual([0, 1, 2]);
    await eventually(async () => expect(await isHeld()).toBe(false));
  });

  it('given an unsubscription during the wait, then the method does not run', async () => {
    const held = await locks.acquire('feed');
    const one = feed.watch().subscribe();
    const two = firstValueFrom(feed.watch());
    one.unsubscribe();
    await held.release();
    await eventually(() => expect(feed.entered).toBe(1));
    feed.subject.next(7);
    expect(await two).toBe(7);
    await eventually(async () => expect(await isHeld()).toBe(false));
    expect(feed.entered).toBe(1);
  });

  it('given a busy key and onBusy, then subscribers get its error or the Observable of its function', async () => {
    const held = await locks.acquire('feed');
    await expect(lastValueFrom(feed.refuses())).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    expect(await lastValueFrom(feed.answers())).toBe(-1);
    expect(feed.entered).toBe(0);
    await held.release();
  });

  it('given a lock that is lost during the run, then subscribers are told at its end', async () => {
    const lost = deferred();
    feed.onEntry = ({ signal }) => signal.addEventListener('abort', () => lost.resolve());
    const values = lastValueFrom(feed.short());
    await lost.promise;
    feed.subject.next(1);
    feed.subject.complete();
    await expect(values).rejects.toThrow(LockLostError);
  });

  it('given an Observable or a generator behind a promise, then the call is refused with the cure', async () => {
    await expect(feed.promised()).rejects.toThrow(LockWiringError);
    await expect(feed.promised()).rejects.toThrow(/Feed\.promised .*Declare the method ": Observable<…>"/);
    await expect(feed.promisedGenerator()).rejects.toThrow(LockWiringError);
    expect(await isHeld()).toBe(false);
  });

  it('given a call without its instance, then it is refused', async () => {
    const { watch, read } = feed;
    await expect(lastValueFrom(watch.call(undefined as unknown as Feed))).rejects.toThrow(LockWiringError);
    await expect(read.call(undefined as unknown as Feed, 1).next()).rejects.toThrow(LockWiringError);
  });
});

describe('a locked async generator', () => {
  it('given a reader, then the lock is held from the first step to the end, and steps work as without a lock', async () => {
    const generator = feed.read(1);
    expect(await isHeld()).toBe(false);
    expect(await generator.next()).toEqual({ done: false, value: 1 });
    expect(await isHeld()).toBe(true);
    feed.step.resolve();
    expect(await generator.next(41)).toEqual({ done: false, value: 42 });
    expect(await isHeld()).toBe(true);
    expect(await generator.next()).toEqual({ done: true, value: 'end' });
    expect(await isHeld()).toBe(false);
    expect(feed.seen).toEqual([['feed'], ['feed']]);
  });

  it('given a reader that breaks off, then the lock is released', async () => {
    for await (const value of feed.read(5)) {
      expect(value).toBe(5);
      break;
    }
    expect(feed.unsubscribed).toBe(1);
    expect(await isHeld()).toBe(false);
  });

  it('given an error of the generator or of throw(), then it passes through unchanged', async () => {
    const generator = feed.breaks();
    await generator.next();
    await expect(generator.next()).rejects.toThrow(TypeError);
    expect(await isHeld()).toBe(false);
    const thrown = feed.read(1);
    await thrown.next();
    const own = new Error('thrown in');
    await expect(thrown.throw(own)).rejects.toBe(own);
    expect(await isHeld()).toBe(false);
  });

  it('given a busy key or a lost lock, then its reader is told', async () => {
    const held = await locks.acquire('feed');
    await expect(feed.refusesRead().next()).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await held.release();
    const lost = deferred();
    feed.onEntry = ({ signal }) => signal.addEventListener('abort', () => lost.resolve());
    const generator = feed.shortRead();
    await generator.next();
    await lost.promise;
    feed.step.resolve();
    await expect(generator.next()).rejects.toThrow(LockLostError);
  });
});

describe('a locked async generator that is ended while its first step waits for the lock', () => {
  let held: Lock;

  beforeEach(async () => {
    held = await locks.acquire('feed');
  });

  /** When the lock is free, the reader that has left must not take it, and the body must never run. */
  async function expectCancelled(): Promise<void> {
    await held.release();
    await expect(locks.tryAcquire('feed')).resolves.not.toBeNull();
    expect([feed.entered, feed.unsubscribed]).toEqual([0, 0]);
  }

  it('given return(), then the wait is cancelled at once, and waiting steps are done', async () => {
    const generator = feed.read(1);
    const steps = [generator.next(), generator.next()];
    await new Promise(setImmediate);
    expect(await generator.return('mine')).toEqual({ done: true, value: 'mine' });
    expect(await Promise.all(steps)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
    expect(await generator.next()).toEqual({ done: true, value: undefined });
    await expectCancelled();
  });

  it('given throw(), then the wait is cancelled at once, and throw() rejects with its error', async () => {
    const generator = feed.read(1);
    const step = generator.next();
    const own = new Error('thrown in');
    await expect(generator.throw(own)).rejects.toBe(own);
    expect(await step).toEqual({ done: true, value: undefined });
    await expectCancelled();
  });

  it('given the moment of the grant, then the body does not begin', async () => {
    for (let jobs = 0; jobs < 30; jobs += 1) {
      const generator = feed.read(1);
      const step = generator.next();
      await new Promise(setImmediate);
      const released = held.release();
      for (let job = 0; job < jobs; job += 1) await Promise.resolve();
      const entered = feed.entered;
      await Promise.all([generator.return('mine'), step, released]);
      // A body that had begun was ended where it yielded.
      expect(feed.entered).toBe(entered);
      expect(feed.unsubscribed).toBe(entered);
      held = await locks.acquire('feed');
    }
    await held.release();
  });

  it('given an outer lock that it holds itself, then both are released', async () => {
    class Outer {
      @Locked('outer')
      @Locked('feed')
      async *read(): AsyncGenerator<number> {
        feed.entered += 1;
        yield 1;
      }
    }
    const generator = provideLocks(new Outer(), locks).read();
    const step = generator.next();
    await eventually(async () => {
      const outer = await locks.tryAcquire('outer');
      await outer?.release();
      expect(outer).toBeNull();
    });
    await generator.return(undefined);
    expect(await step).toEqual({ done: true, value: undefined });
    await locks.using('outer', { wait: 0 }, () => {});
    await expectCancelled();
  });

  it('given a stream made of it that is destroyed, then the wait is cancelled', async () => {
    const stream = Readable.from(feed.read(1));
    stream.resume();
    await new Promise(setImmediate);
    stream.destroy();
    await once(stream, 'close');
    await expectCancelled();
  });

  it('given no first step yet, then no lock is acquired', async () => {
    expect(await feed.read(1).return('mine')).toEqual({ done: true, value: 'mine' });
    await expectCancelled();
  });

  it('given a refused lock, then its step rejects, and the generator has still ended', async () => {
    const generator = feed.refusesRead();
    const step = generator.next();
    step.catch(() => {});
    await new Promise(setImmediate);
    expect(await generator.return(undefined)).toEqual({ done: true, value: undefined });
    await expect(step).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await expectCancelled();
  });
});
