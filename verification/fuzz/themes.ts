/** Some programs stress one thing: left to chance alone, what it takes to see it comes together too seldom. */
import type { FaultKind, Habits, Lane, SessionPlan, Range } from './program.js';
import type { Random } from './random.js';

/** What it fixes; the rest is left to chance. */
export interface Theme {
  readonly duration?: Range;
  readonly patient?: boolean;
  readonly sessions?: (random: Random) => SessionPlan[];
  readonly keys?: number;
  readonly kinds?: readonly FaultKind[];
  readonly lanes?: readonly Lane[];
  /** How many faults. */
  readonly count?: Range;
  readonly lasts?: Range;
  readonly habits?: Partial<Habits>;
}

/** What shortens a hold or a wait, or leaves nobody waiting. */
const STEADY: Partial<Habits> = { tries: 0, several: 0, aborts: 0, minHolds: 0, maxHolds: 0, unrenewed: 0 };

/** Holds as fast as they go, on all keys: fences are drawn for batches, and close to each other. */
const storm: Theme = {
  duration: [500, 1_000],
  patient: false,
  keys: 3,
  sessions: (random) => some(random, { insiders: [1, 2], children: [0, 2], callers: [10, 40] }),
  habits: { ...STEADY, instant: 1, think: [0, 0] },
};

/** Messages get lost, and leases last: without a question after each subscription, the next check is seconds away. */
const messages: Theme = {
  patient: true,
  keys: 1,
  sessions: (random) => some(random, { insiders: [2, 2], children: [1, 2], callers: [2, 3] }),
  count: [12, 20],
  kinds: ['lose-replies', 'cut', 'refuse'],
  lanes: ['notifications'],
  lasts: [10, 200],
  habits: { ...STEADY, ttl: [8_000, 20_000], hold: [1, 20], instant: 0.2, think: [0, 10] },
};

/** Holders die, and nobody says so: a check has to find it. */
const deaths: Theme = {
  duration: [1_500, 2_500],
  patient: true,
  keys: 1,
  sessions: (random) => some(random, { insiders: [1, 1], children: [2, 3], callers: [1, 3] }),
  kinds: ['kill', 'pause'],
  habits: { ...STEADY, ttl: [400, 1_000], hold: [20, 100], instant: 0, think: [0, 5] },
};

/** Plain clients take the key, and give it back without a word, after some of those who waited have left. */
const strangers: Theme = {
  kinds: ['foreign-hold', 'foreign-delete'],
  keys: 1,
  sessions: (random) => some(random, { insiders: [1, 2], children: [1, 1], callers: [2, 4] }),
  lasts: [500, 2_000],
  habits: {
    ...STEADY,
    ttl: [200, 700],
    wait: [500, 2_500],
    aborts: 0.3,
    hold: [1, 900],
    think: [20, 300],
  },
};

/** Answers are late, but do come: a lease is old when it is known of. */
const lateness: Theme = {
  patient: true,
  kinds: ['hold-requests', 'hold-replies'],
  lanes: ['command'],
  lasts: [100, 900],
  habits: { ...STEADY, ttl: [200, 700], hold: [1, 50], instant: 0.2, think: [0, 50] },
};

/** The message of a grant arrives, its confirmation does not: the offer lapses under a hold that began on it. */
const unconfirmed: Theme = {
  patient: false,
  keys: 1,
  sessions: (random) => some(random, { insiders: [1, 2], children: [1, 2], callers: [1, 2] }),
  kinds: ['hold-requests', 'black-hole', 'pause'],
  lanes: ['command'],
  count: [5, 8],
  lasts: [700, 1_800],
  habits: {
    ...STEADY,
    ttl: [2_000, 3_000],
    wait: [2_000, 4_000],
    hold: [200, 1_500],
    instant: 0.3,
    think: [0, 20],
  },
};

export function themeOf(random: Random): Theme {
  return random.weighted<Theme>([
    [10, {}],
    [2, storm],
    [2, messages],
    [2, deaths],
    [1, strangers],
    [2, lateness],
    [1, unconfirmed],
  ]);
}

function some(
  random: Random,
  { insiders, children, callers }: Readonly<Record<'insiders' | 'children' | 'callers', Range>>,
): SessionPlan[] {
  const inside = random.int(...insiders);
  return Array.from({ length: inside + random.int(...children) }, (_, i) => ({
    child: i >= inside,
    callers: random.int(...callers),
    maxWaiters: null,
    autoPipelining: random.chance(0.15),
  }));
}
