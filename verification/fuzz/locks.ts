/** The kinds of lock of a program: exclusive and shared locks, or permits of a semaphore. */
import type { LockKind } from '../../lib/core/contracts/token.js';
import type { Random } from './random.js';

/** The kinds that callers take a key with, except for mistakes. */
export type KeyPlan =
  | {
      readonly of: 'readers';
      /** The share of calls that are shared. The others are exclusive. */
      readonly share: number;
    }
  | {
      readonly of: 'permits';
      /** The limits of a caller's early calls, and of its later calls. Both ends are included. */
      readonly limits: readonly [early: Limits, late: Limits];
      /** How many calls of a caller are early. */
      readonly early: number;
    };

type Limits = readonly [least: number, most: number];

export interface LockPlan {
  /** The plan of each key of the program. */
  readonly plans: readonly KeyPlan[];
  /** The share of calls that take the key for a key of the other family, on purpose. */
  readonly mistakes: number;
}

/** The kind that one call takes its keys with. */
export interface LockChoice {
  readonly lock: LockKind;
  /** The limit of a semaphore. */
  readonly limit: number | undefined;
}

const EXCLUSIVE: KeyPlan = { of: 'readers', share: 0 };

/** @param random numbers for the locks alone, so that the rest of a seed's program does not depend on them. */
export function lockPlanOf(random: Random, keys: number): LockPlan {
  const each = (plan: () => KeyPlan): KeyPlan[] => Array.from({ length: keys }, plan);
  const one = random.weighted<() => KeyPlan>([
    [3, () => EXCLUSIVE],
    [4, () => readers(random)],
    [4, () => permits(random)],
  ])();
  const anyPlan = (): KeyPlan => random.pick([EXCLUSIVE, readers(random), permits(random)]);
  const plans = random.chance(0.2) ? each(anyPlan) : each(() => one);
  const mistakes = random.chance(0.2) ? random.pick([0.02, 0.1, 0.3]) : 0;
  return { plans, mistakes };
}

function readers(random: Random): KeyPlan {
  return { of: 'readers', share: random.pick([0.3, 0.5, 0.7, 0.9, 0.97]) };
}

function permits(random: Random): KeyPlan {
  const most = random.pick([1, 2, 2, 3, 3, 5, 8]);
  const same: Limits = [most, most];
  const other = random.pick([1, 2, 3, 4, 6]);
  const limits = random.weighted<readonly [Limits, Limits]>([
    [5, [same, same]],
    [2, [same, [other, other]]],
    [
      2,
      [
        [1, most + 1],
        [1, most + 1],
      ],
    ],
  ]);
  return { of: 'permits', limits, early: random.pick([2, 5, 20]) };
}

/** @param index how many calls the caller has made before. */
export function lockOf({ mistakes }: LockPlan, plan: KeyPlan, random: Random, index: number): LockChoice {
  const right = choiceOf(plan, random, index);
  if (!random.chance(mistakes)) return right;
  return choiceOf(plan.of === 'permits' ? { of: 'readers', share: 0.5 } : permits(random), random, index);
}

function choiceOf(plan: KeyPlan, random: Random, index: number): LockChoice {
  if (plan.of === 'readers')
    return { lock: random.chance(plan.share) ? 'shared' : 'exclusive', limit: undefined };
  const [early, late] = plan.limits;
  return { lock: 'semaphore', limit: random.int(...(index < plan.early ? early : late)) };
}
