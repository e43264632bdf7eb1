/**
 * Tasks that make nested calls, step by step: each enters keys with `using()`, within the async context of the keys
 * that it is in. Each step ends when all promise jobs have run, and the clock stands still. What is not found in a step
 * is never found.
 *
 *     const { begin, end } = nestedCalls();
 *     const first = await begin('x');
 *     const second = await begin('y');
 *     await first.enter('y');
 *     deadlockOf(await second.enter('x'));
 *     await second.leave();
 *     expect(first.state).toBe('inside');
 *     await end(first, second);
 */
import type { Lock } from '../../lib/core/contracts/lock.js';
import { isLockError, type LockDeadlockError } from '../../lib/errors/index.js';
import type { LockService } from '../../lib/lock.service.js';
import type { CoreSettings } from './core.js';
import { type Deferred, deferred } from './deferred.js';
import { settle } from './fake-clock.js';
import { Watched } from './scenario.js';
import { type ServiceOnFakeClock, serviceOnFakeClock } from './service.js';

type Keys = string | string[];
type UsingOptions = Parameters<LockService['using']>[1];

/** One call of `using()` by a task. */
export class Entry extends Watched<Lock> {
  /** `waiting`, `inside`, `left` (or lost), or the code of the error that refused the call. */
  get state(): string {
    if (!this.settled) return 'waiting';
    if (this.value === undefined) return this.code ?? String(this.error);
    return this.value.held ? 'inside' : 'left';
  }
}

/** The error of a call that was refused as a deadlock. Any other outcome throws. */
export function deadlockOf({ error, state }: Entry): LockDeadlockError {
  if (!isLockError(error, 'LOCK_DEADLOCK'))
    throw new Error(`The call was not refused as a deadlock: ${state}`, { cause: error });
  return error as unknown as LockDeadlockError;
}

type Step = 'leave' | (() => unknown);

export class Task {
  readonly #locks: LockService;
  readonly #steps: Step[] = [];
  readonly #branches: Task[] = [];
  #told: Deferred = deferred();
  #ending = false;
  #last: Entry | undefined;
  /** Settles when the task is over; rejects if work that was inside a lock failed. */
  #done: Promise<void> | undefined;

  constructor(locks: LockService) {
    this.#locks = locks;
  }

  /** The state of its latest `enter`. */
  get state(): string {
    return this.#last?.state ?? 'idle';
  }

  /** The keys of its latest `enter`, once it is inside. */
  get keys(): readonly string[] | undefined {
    return this.#last?.value?.keys;
  }

  /** Starts it in the present async context. */
  start(): Promise<void> {
    this.#done = this.#play();
    return this.#done;
  }

  /** Enters the keys, within those that it is in: afterwards it is inside, waits, or was refused. */
  async enter(keys: Keys, options: UsingOptions = {}, locks = this.#locks): Promise<Entry> {
    const entered = deferred<Lock>();
    const entry = (this.#last = new Entry(entered.promise));
    this.#tell(async () => {
      let inside = false;
      try {
        await locks.using(keys, options, async (lock) => {
          inside = true;
          entered.resolve(lock);
          await this.#play();
        });
      } catch (error) {
        if (inside) throw error;
        entered.reject(error);
      }
    });
    await settle();
    return entry;
  }

  /** Leaves the keys that it entered last; once its branches there are over. */
  async leave(): Promise<void> {
    this.#tell('leave');
    await settle();
  }

  /** A task in the context of the keys that it is in; they are left only when the branch is over. */
  async branch(): Promise<Task> {
    const task = new Task(this.#locks);
    this.#branches.push(task);
    this.#tell(() => task);
    await settle();
    return task;
  }

  /** As {@link branch}, and the keys may be left before: work that no call awaits. */
  async detach(): Promise<Task> {
    const task = new Task(this.#locks);
    this.#tell(() => void task.start());
    await settle();
    return task;
  }

  /** Runs `work` in the context of the keys that it is in. */
  async run<T>(work: () => T | PromiseLike<T>): Promise<Watched<T>> {
    const result = deferred<T>();
    this.#tell(() => void (async () => work())().then(result.resolve, result.reject));
    const watched = new Watched(result.promise);
    await settle();
    return watched;
  }

  /** Leaves all that it is in, and what it still waits for as soon as it gets it. */
  async end(): Promise<void> {
    for (const branch of this.#branches) branch.#stop();
    this.#stop();
    await this.#done;
  }

  #stop(): void {
    this.#ending = true;
    this.#told.resolve();
  }

  #tell(step: Step): void {
    this.#steps.push(step);
    this.#told.resolve();
  }

  async #next(): Promise<Step> {
    for (;;) {
      const step = this.#steps.shift();
      if (step !== undefined) return step;
      if (this.#ending) return 'leave';
      this.#told = deferred();
      await this.#told.promise;
    }
  }

  /** One level: the work within the keys that were entered last. */
  async #play(): Promise<void> {
    const branches: Promise<void>[] = [];
    for (let step = await this.#next(); step !== 'leave'; step = await this.#next()) {
      const done = step();
      if (done instanceof Task) branches.push(done.start());
      else await done;
    }
    await Promise.all(branches);
  }
}

export interface NestedCalls extends ServiceOnFakeClock {
  /** A task that is not in any key yet. */
  task(): Task;
  /** A task that enters these keys: afterwards it is inside, or waits. */
  begin(keys: Keys, options?: UsingOptions): Promise<Task>;
  /** Ends tasks: each leaves all keys, and is over when this resolves. */
  end(...tasks: Task[]): Promise<void>;
  /** Lets `ms` pass. */
  pass(ms: number): Promise<void>;
}

export function nestedCalls(settings: CoreSettings = {}): NestedCalls {
  const made = serviceOnFakeClock(settings);
  const task = (): Task => {
    const begun = new Task(made.locks);
    void begun.start();
    return begun;
  };
  return {
    ...made,
    task,
    async begin(keys, options) {
      const begun = task();
      await begun.enter(keys, options);
      return begun;
    },
    async end(...tasks) {
      await Promise.all(tasks.map((each) => each.end()));
      await settle();
    },
    pass: (ms) => made.clock.advance(ms),
  };
}
