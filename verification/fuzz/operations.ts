/** The next operation of a caller. The seed, the session, the caller and the operation's number decide it. */
import { type KeyPlan, type LockChoice, lockOf } from './locks.js';
import type { Habits, Program, Range } from './program.js';
import { Random } from './random.js';

/** One step of a hold. The steps follow one another. */
export type Step = { readonly stay: number } | { readonly extend: number };

export interface Operation extends LockChoice {
  readonly kind: 'acquire' | 'try' | 'using';
  readonly keys: readonly string[];
  readonly ttl: number;
  readonly wait: number;
  readonly renew: boolean;
  readonly maxHold: number | undefined;
  readonly minHold: number;
  /** When the signal aborts, in ms from the beginning of the call. Undefined without a signal. */
  readonly abortAfter: number | undefined;
  readonly steps: readonly Step[];
  /** Whether the caller awaits the release before its next operation. */
  readonly awaitsRelease: boolean;
  /** Whether the work of a `using` fails. */
  readonly fails: boolean;
  /** Whether the work of a `using` calls for its own keys again. */
  readonly nests: boolean;
  /** The pause before the operation, in ms. */
  readonly think: number;
}

/** The most operations of one caller, so that a fast program stays small. */
export const MOST_OPERATIONS = 300;

export function operationOf(
  { seed, habits, keys: all, locks }: Program,
  session: number,
  caller: number,
  index: number,
): Operation {
  const random = new Random(seed, session, caller, index);
  const within = ([from, to]: Range): number => random.int(from, to);
  const kind = random.chance(habits.tries) ? 'try' : random.chance(habits.usings) ? 'using' : 'acquire';
  const wait = kind === 'try' ? 0 : within(habits.wait);
  const ttl = within(habits.ttl);
  const some = random.some(all, random.chance(habits.several) ? random.int(1, all.length) : 1);
  const planOf = (key: string): KeyPlan => locks.plans[all.indexOf(key)];
  const plan = planOf(some[0]);
  return {
    kind,
    // One call takes all its keys with one kind, so they are of one family.
    keys: some.filter((key) => planOf(key).of === plan.of),
    ...lockOf(locks, plan, new Random(seed, session, caller, index, 'lock'), index),
    ttl,
    wait,
    renew: !random.chance(habits.unrenewed),
    maxHold: random.chance(habits.maxHolds) ? random.int(1, 300) : undefined,
    minHold: random.chance(habits.minHolds) ? random.int(1, 300) : 0,
    abortAfter:
      kind !== 'try' && random.chance(habits.aborts) ? random.int(0, Math.min(wait, 1_000)) : undefined,
    steps: stepsOf(random, habits, within),
    awaitsRelease: random.chance(0.85),
    fails: random.chance(0.1),
    nests: new Random(seed, session, caller, index, 'nested').chance(0.3),
    think: within(habits.think),
  };
}

function stepsOf(random: Random, habits: Habits, within: (range: Range) => number): Step[] {
  if (random.chance(habits.instant)) return [];
  const steps: Step[] = [{ stay: within(habits.hold) }];
  if (random.chance(habits.extensions)) {
    steps.push({ extend: Math.max(50, within(habits.ttl)) }, { stay: within(habits.hold) });
  }
  return steps;
}
