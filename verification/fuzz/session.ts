/** A session of a program: runs its callers in any process, and writes down what they see. */
import { setImmediate as tick, setTimeout as pause } from 'node:timers/promises';
import type { AcquireOptions } from '../../lib/core/options/acquire.options.js';
import type { Lock } from '../../lib/core/contracts/lock.js';
import { type LockLostError, isLockError } from '../../lib/errors/index.js';
import { type Locks, locksOn } from '../../test/support/locks.js';
import { sharedNow } from '../../test/support/shared-clock.js';
import type { FuzzEvent } from './events.js';
import { MOST_OPERATIONS, type Operation, operationOf } from './operations.js';
import type { Program } from './program.js';

export interface SessionPlace {
  readonly program: Program;
  /** The number of the session in the program. */
  readonly index: number;
  /** The name in the history, which is also the owner's label in tokens. */
  readonly name: string;
  /** The ports for commands and for notifications of grants. */
  readonly ports: { readonly command: number; readonly notifications: number };
}

/** How often a running hold reads `remaining`, in ms. */
const SAMPLE_EVERY = 10;

/** The pause of a refused caller before its next operation, in ms. */
const AFTER_REFUSAL = 15;

/** The error with which the work of a `using` fails. */
class WorkError extends Error {}

export class Session {
  readonly #place: SessionPlace;
  readonly #record: (event: FuzzEvent) => void;
  readonly #locks: Locks;
  #order = 0;

  constructor(place: SessionPlace, record: (event: FuzzEvent) => void) {
    const { program, index, name, ports } = place;
    const { maxWaiters, autoPipelining } = program.sessions[index];
    this.#place = place;
    this.#record = record;
    this.#locks = locksOn(
      { url: `redis://127.0.0.1:${ports.command}` },
      {
        commandTimeout: program.commandTimeout,
        owner: name,
        maxWaiters: maxWaiters ?? Infinity,
        redis: { enableAutoPipelining: autoPipelining },
      },
    );
    // The connection for notifications is a duplicate of the other one. It gets its own port.
    const { client } = this.#locks;
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (override) => duplicate({ ...override, port: ports.notifications });
  }

  /** How many keys have waiters or holds. */
  get keyCount(): number {
    return this.#locks.engine.keyCount;
  }

  /**
   * Runs all callers until `until`. An operation that has begun runs to its end.
   * @param from how many operations of each caller the process before has begun.
   */
  async run(until: number, from: readonly number[]): Promise<void> {
    const { program, index } = this.#place;
    const callers = Array.from({ length: program.sessions[index].callers }, (_, i) => i);
    await Promise.all(callers.map((caller) => this.#call(caller, until, from[caller] ?? 0)));
  }

  close(): Promise<void> {
    return this.#locks.close();
  }

  async #call(caller: number, until: number, from: number): Promise<void> {
    const { program, index, name } = this.#place;
    const releases: Array<Promise<void>> = [];
    for (let i = from; i < MOST_OPERATIONS && sharedNow() < until; i += 1) {
      const operation = operationOf(program, index, caller, i);
      if (operation.think > 0) await pause(Math.min(operation.think, Math.max(0, until - sharedNow())));
      const released = await this.#operate(operation, caller, `${name}/${caller}/${i}`);
      // A caller that is refused at once must not occupy the process.
      if (released === undefined) await pause(AFTER_REFUSAL);
      else if (operation.awaitsRelease) await released();
      else releases.push(released());
      await tick();
    }
    await Promise.all(releases);
  }

  /** @returns a function that releases the lock and resolves afterwards. Undefined if the call got no lock. */
  async #operate(
    operation: Operation,
    caller: number,
    id: string,
  ): Promise<(() => Promise<void>) | undefined> {
    const {
      kind,
      keys,
      lock: kindOfLock,
      limit,
      ttl,
      wait,
      renew,
      maxHold,
      minHold,
      abortAfter,
      fails,
    } = operation;
    const controller = abortAfter === undefined ? undefined : new AbortController();
    const abort = (): void => {
      this.#record({ e: 'aborted', at: sharedNow(), id });
      controller?.abort();
    };
    const timer = controller && setTimeout(abort, abortAfter);
    const options: AcquireOptions = { ttl, renew, maxHold, minHold, ...accessOptions(operation) };
    const order = (this.#order += 1);
    const { name: session, program, index } = this.#place;
    const maxWaiters = program.sessions[index].maxWaiters ?? undefined;
    const facts = {
      id,
      session,
      caller,
      order,
      kind,
      keys,
      lock: kindOfLock,
      limit,
      ttl,
      wait,
      renew,
      maxHold,
      minHold,
      fails,
      maxWaiters,
    };
    this.#record({ e: 'requested', at: sharedNow(), ...facts });
    const over = (): void => clearTimeout(timer);
    const waiting: AcquireOptions = { ...options, wait, signal: controller?.signal };
    if (kind === 'using') return this.#use(operation, id, waiting, over);
    try {
      const { service } = this.#locks;
      const lock =
        kind === 'try' ? await service.tryAcquire(keys, options) : await service.acquire(keys, waiting);
      over();
      if (lock === null) {
        this.#record({ e: 'refused', at: sharedNow(), id, code: 'BUSY', message: '' });
        return undefined;
      }
      await this.#hold(lock, operation, id);
      return async () => {
        const released = await lock.release();
        this.#record({ e: 'ended', at: sharedNow(), id, released, lost: lossOf(lock) });
      };
    } catch (error) {
      over();
      this.#refused(id, error);
      return undefined;
    }
  }

  async #use(
    operation: Operation,
    id: string,
    options: AcquireOptions,
    over: () => void,
  ): Promise<(() => Promise<void>) | undefined> {
    let entered: Lock | undefined;
    const failure = operation.fails ? new WorkError() : undefined;
    const outcome = await this.#locks.service
      .using(operation.keys, options, async (lock) => {
        over();
        entered = lock;
        await this.#hold(lock, operation, id, operation.nests ? () => this.#nest(lock, operation, id) : done);
        if (failure !== undefined) throw failure;
        return id;
      })
      .then(
        (result) => ({ result, error: undefined }),
        (error: unknown) => ({ result: undefined, error }),
      );
    over();
    const { result, error } = outcome;
    if (entered === undefined) {
      if (error === undefined) this.#odd(id, 'using resolved, and its work never ran');
      else this.#refused(id, error);
      return undefined;
    }
    const lost = lossOf(entered);
    this.#record({ e: 'ended', at: sharedNow(), id, lost });
    if (isLockError(error, 'LOCK_LOST')) {
      if (lost === undefined) this.#odd(id, 'using rejected with a loss that the lock does not know of');
      if (error.cause !== failure) this.#odd(id, "the loss does not carry the work's own error");
    } else if (lost !== undefined)
      this.#odd(id, `the lock was lost, and using did not say so: ${told(error)}`);
    else if (error !== failure) this.#odd(id, `the work's outcome was replaced by ${told(error)}`);
    else if (failure === undefined && result !== id) this.#odd(id, "the work's result was replaced");
    return done;
  }

  /** What a caller does under the lock. The lock is not released here. */
  async #hold(lock: Lock, { steps }: Operation, id: string, nested = done): Promise<void> {
    const began = sharedNow();
    const { remaining } = lock;
    const tokens = lock.token.split(' ');
    this.#record({ e: 'began', at: began, id, remaining, fence: lock.fence, tokens });
    const onLost = (): void =>
      this.#record({ e: 'lost', at: sharedNow(), id, reason: lossOf(lock) ?? 'unknown' });
    if (lock.signal.aborted) onLost();
    else lock.signal.addEventListener('abort', onLost);
    for (const step of steps) {
      if ('stay' in step) await this.#stay(lock, id, step.stay);
      else await this.#extend(lock, id, step.extend);
    }
    await nested();
    const at = sharedNow();
    this.#record({ e: 'ending', at, id, remaining: lock.remaining });
  }

  async #stay(lock: Lock, id: string, ms: number): Promise<void> {
    const until = sharedNow() + ms;
    for (let left = ms; left > 0; left = until - sharedNow()) {
      await pause(Math.min(SAMPLE_EVERY, left));
      const at = sharedNow();
      this.#record({ e: 'sample', at, id, remaining: lock.remaining });
    }
  }

  async #extend(lock: Lock, id: string, ttl: number): Promise<void> {
    const from = sharedNow();
    let code: string | undefined;
    try {
      await lock.extend(ttl);
    } catch (error) {
      code = codeOf(error);
    }
    const at = sharedNow();
    this.#record({ e: 'extended', from, at, id, ttl, remaining: lock.remaining, code });
  }

  /**
   * Calls for the keys of the outer call. Each call is refused at once, or joins with the same fence. Neither releases
   * the lock.
   */
  async #nest(lock: Lock, operation: Operation, id: string): Promise<void> {
    const { keys } = operation;
    const nested = (options: AcquireOptions): Promise<string | number> =>
      this.#locks.service.using(keys, options, ({ fence }) => fence).catch(codeOf);
    const access = accessOptions(operation);
    const refused = await nested(access);
    if (refused !== 'LOCK_REENTRY') this.#odd(id, `a call from within for its own keys came to ${refused}`);
    for (const how of [{ reentry: 'join' }, { within: lock }] as const) {
      const joined = await nested({ ...access, ...how });
      const wasLost = joined === 'LOCK_LOST' && lossOf(lock) !== undefined;
      if (joined !== lock.fence && !wasLost)
        this.#odd(id, `a call from within joined ${lock.fence}, and it came to ${joined}`);
    }
    if (operation.lock !== 'shared') return;
    const upgraded = await nested({ reentry: 'join' });
    if (upgraded !== 'LOCK_REENTRY') this.#odd(id, `a reader that wanted to write came to ${upgraded}`);
  }

  #refused(id: string, error: unknown): void {
    this.#record({
      e: 'refused',
      at: sharedNow(),
      id,
      code: codeOf(error),
      message: told(error),
    });
  }

  #odd(id: string, what: string): void {
    this.#record({ e: 'odd', at: sharedNow(), id, what });
  }
}

/** The options as a user writes them: an exclusive lock has none. */
function accessOptions({ lock, limit }: Operation): Pick<AcquireOptions, 'mode' | 'limit'> {
  if (lock === 'semaphore') return { limit };
  return lock === 'shared' ? { mode: lock } : {};
}

async function done(): Promise<void> {}

function lossOf(lock: Lock): string | undefined {
  if (!lock.signal.aborted) return undefined;
  const reason: unknown = lock.signal.reason;
  return isLockError(reason, 'LOCK_LOST') ? (reason as LockLostError).reason : told(reason);
}

/** The code of a lock error, or the name of another error. */
function codeOf(error: unknown): string {
  return isLockError(error) ? error.code : ((error as Partial<Error> | null)?.name ?? String(error));
}

function told(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
