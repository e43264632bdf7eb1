/** The program of a seed: sessions, the habits of their callers, and faults at their times. Times are in ms. */
import { type LockPlan, lockPlanOf } from './locks.js';
import { Random } from './random.js';
import { type Theme, themeOf } from './themes.js';

/** A range. Both ends are included. */
export type Range = readonly [from: number, to: number];

/**
 * - `pause`: SIGSTOP and SIGCONT, for a session in its own process.
 * - `kill`: SIGKILL, and another process in its place, for a session in its own process.
 * - `compute`: the process computes and reads no socket, for a session in its own process.
 * - `cut`: the connections of a session break.
 * - `refuse`: the connections of a session break, and new ones are refused for a while.
 * - `hold-requests`, `hold-replies`: requests or replies arrive late, in order.
 * - `delay`: all requests and replies arrive a little late.
 * - `lose-replies`, `black-hole`: replies, or requests and replies, are dropped. Then the connections break, because a
 *   stream with a gap cannot go on.
 * - `strand`: the connections break. The data that was sent arrives after the session has new connections.
 * - `flush`, `restart`: Redis forgets everything.
 * - `script-flush`: Redis forgets its scripts.
 * - `client-pause`, `freeze`: Redis does not answer for a while, by CLIENT PAUSE or by SIGSTOP.
 * - `foreign-hold`: a foreign client takes a key by SET NX PX, and releases it by compare-and-delete.
 * - `foreign-delete`: a foreign client deletes a key, whichever client has it.
 * - `clock-back`: the fence counter is ahead of Redis's clock, as after that clock went back.
 */
export type FaultKind = (typeof FAULTS)[number] | 'compute' | 'clock-back';

const FAULTS = [
  'pause',
  'kill',
  'cut',
  'refuse',
  'hold-requests',
  'hold-replies',
  'delay',
  'lose-replies',
  'black-hole',
  'strand',
  'flush',
  'restart',
  'script-flush',
  'client-pause',
  'freeze',
  'foreign-hold',
  'foreign-delete',
] as const;

/** One of the two connections of a session: for commands, or for notifications of grants. */
export type Lane = 'command' | 'notifications';

export interface Fault {
  readonly kind: FaultKind;
  /** When the fault begins, from the program's start. */
  readonly at: number;
  /** How long the fault lasts. For `kill`: until another process follows. For `foreign-hold`: the time to live of the key. */
  readonly lasts: number;
  /** The number of the session that the fault is for. Faults of the server ignore it. */
  readonly session: number;
  readonly lanes: readonly Lane[];
  /** The key that a foreign client takes or deletes. */
  readonly key: string;
  /** The delay of each chunk of data. */
  readonly by: number;
}

export interface SessionPlan {
  /** Whether the session has its own process. Otherwise it runs in the fuzzer's process. */
  readonly child: boolean;
  readonly callers: number;
  /** `null` for no bound. */
  readonly maxWaiters: number | null;
  readonly autoPipelining: boolean;
}

/** What operations are made from. A habit that is a single number is the share of operations that have it. */
export interface Habits {
  readonly ttl: Range;
  readonly wait: Range;
  /** The length of a hold that does not end at once. */
  readonly hold: Range;
  /** The share of holds that end at once. */
  readonly instant: number;
  /** The pause between a caller's operations. */
  readonly think: Range;
  readonly tries: number;
  readonly usings: number;
  readonly several: number;
  readonly aborts: number;
  readonly unrenewed: number;
  readonly minHolds: number;
  readonly maxHolds: number;
  readonly extensions: number;
}

export interface Program {
  readonly seed: number;
  /** Callers begin no operation after this time. */
  readonly duration: number;
  readonly commandTimeout: number;
  readonly keys: readonly string[];
  readonly locks: LockPlan;
  readonly sessions: readonly SessionPlan[];
  readonly habits: Habits;
  readonly faults: readonly Fault[];
  /** Whether the processes are left to exit by themselves at the end. */
  readonly farewell: boolean;
}

/** The longest ttl in a program that kills processes: others wait until the keys of a killed process expire. */
const LONGEST_OF_THE_DEAD = 3_000;

const TTLS: readonly Range[] = [
  [50, 120],
  [100, 500],
  [400, 1_500],
  [50, LONGEST_OF_THE_DEAD],
  [5_000, 20_000],
];
const WAITS: readonly Range[] = [
  [1, 200],
  [50, 1_000],
  [500, 3_000],
  [1, 3_000],
];
const PATIENCE: Range = [15_000, 20_000];
const HOLDS: readonly Range[] = [
  [1, 5],
  [1, 50],
  [20, 200],
  [1, 700],
];
/** All patient callers get their hold. If these holds were long, the last caller would wait for minutes. */
const PATIENT_HOLD: Range = [1, 20];
const LASTS: ReadonlyArray<readonly [weight: number, range: Range]> = [
  [5, [10, 200]],
  [3, [200, 1_000]],
  [1, [1_000, 2_500]],
];
const PAUSES: readonly Range[] = [
  [0, 0],
  [0, 5],
  [0, 50],
  [20, 300],
];

export function programOf(seed: number): Program {
  const random = new Random(seed, 'program');
  const theme = themeOf(random);
  const [shortest, longest] = theme.duration ?? [1_500, 4_000];
  const duration = random.int(shortest, longest);
  const patient = theme.patient ?? random.chance(0.3);
  const sessions = theme.sessions?.(random) ?? sessionsOf(random, patient);
  const kinds = kindsOf(theme.kinds ?? anyKinds(random), random, sessions);
  const keys = ['a', 'b', 'c'].slice(0, theme.keys ?? random.pick([1, 1, 1, 1, 2, 2, 2, 3, 3]));
  return {
    seed,
    duration,
    commandTimeout: random.pick([300, 500, 1_000]),
    keys,
    // From their own numbers, so that each kind of lock meets each theme and each fault.
    locks: lockPlanOf(new Random(seed, 'locks'), keys.length),
    sessions,
    habits: { ...habitsOf(random, patient, kinds.includes('kill')), ...theme.habits },
    faults: [
      ...faultsOf(random, { kinds, duration, sessions, keys, theme }),
      // From their own numbers, so that they meet each theme, and the rest of each seed's program stays the same.
      ...computationsOf(new Random(seed, 'computations'), duration, sessions),
    ].sort((a, b) => a.at - b.at),
    farewell: random.chance(0.25),
  };
}

function sessionsOf(random: Random, patient: boolean): SessionPlan[] {
  const children = random.pick([0, 0, 2, 2, 2, 3, 3, 3]);
  const insiders = random.pick(children > 0 ? [0, 1, 1, 2, 2, 2, 3] : [1, 2, 2, 3]);
  return Array.from({ length: insiders + children }, (_, i) => ({
    child: i >= insiders,
    callers: random.weighted([
      [4, random.int(1, 3)],
      [4, random.int(4, 8)],
      [patient ? 0 : 1, random.int(20, 80)],
    ]),
    maxWaiters: random.chance(0.1) ? random.int(1, 4) : null,
    autoPipelining: random.chance(0.15),
  }));
}

/** Each program stresses something else. If all had the same habits, all would be alike. */
function habitsOf(random: Random, patient: boolean, deaths: boolean): Habits {
  const share = (probability: number, most: number): number =>
    random.chance(probability) ? random.next() * most : 0;
  return {
    ttl: random.pick(deaths ? TTLS.filter(([, most]) => most <= LONGEST_OF_THE_DEAD) : TTLS),
    wait: patient ? PATIENCE : random.pick(WAITS),
    hold: patient ? PATIENT_HOLD : random.pick(HOLDS),
    instant: random.pick([0, 0, 0.2, 0.2, 0.5, 0.9, 1]),
    think: random.pick(PAUSES),
    tries: share(0.5, 0.5),
    usings: share(0.7, 0.8),
    several: share(0.4, 0.6),
    aborts: share(0.4, 0.5),
    unrenewed: share(0.3, 0.6),
    minHolds: share(0.2, 0.3),
    maxHolds: share(0.2, 0.4),
    extensions: share(0.4, 0.4),
  };
}

/** Whether the fault is for sessions in their own process only, because the process is stopped. */
function meetsChildren(kind: FaultKind): boolean {
  return kind === 'pause' || kind === 'kill';
}

function anyKinds(random: Random): readonly FaultKind[] {
  return random.some(FAULTS, random.pick([0, 0, 1, 1, 1, 2, 2, 2, 4, 4, 8]));
}

function kindsOf(kinds: readonly FaultKind[], random: Random, sessions: readonly SessionPlan[]): FaultKind[] {
  // If the clock goes back and the counter is lost, fences cannot rise. All other faults are possible beside it.
  const clock = random.chance(0.25) && !kinds.includes('flush') && !kinds.includes('restart');
  return [
    ...kinds.filter((kind) => sessions.some(({ child }) => child) || !meetsChildren(kind)),
    ...(clock ? (['clock-back'] as const) : []),
  ];
}

function computationsOf(random: Random, duration: number, sessions: readonly SessionPlan[]): Fault[] {
  const children = sessions.flatMap(({ child }, i) => (child ? [i] : []));
  if (children.length === 0 || random.chance(0.5)) return [];
  return Array.from({ length: random.int(1, 8) }, () => ({
    kind: 'compute',
    at: random.int(100, duration),
    lasts: random.weighted(LASTS.map(([weight, range]) => [weight, random.int(...range)])),
    session: random.pick(children),
    lanes: [],
    key: '',
    by: 0,
  }));
}

function faultsOf(
  random: Random,
  {
    kinds,
    duration,
    sessions,
    keys,
    theme,
  }: Pick<Program, 'duration' | 'sessions' | 'keys'> & {
    readonly kinds: readonly FaultKind[];
    readonly theme: Theme;
  },
): Fault[] {
  if (kinds.length === 0) return [];
  const children = sessions.flatMap(({ child }, i) => (child ? [i] : []));
  const count = random.int(...(theme.count ?? [kinds.length, kinds.length + Math.floor(duration / 300)]));
  return Array.from({ length: count }, (_, i): Fault => {
    const kind = kinds[i] ?? random.pick(kinds);
    return {
      kind,
      at: random.int(100, duration),
      lasts: random.weighted(LASTS.map(([weight, range]) => [weight, random.int(...(theme.lasts ?? range))])),
      session: meetsChildren(kind) ? random.pick(children) : random.int(0, sessions.length - 1),
      lanes:
        theme.lanes ??
        random.pick<readonly Lane[]>([['command'], ['notifications'], ['command', 'notifications']]),
      key: random.pick(keys),
      by: random.pick([random.int(1, 40), random.int(20, 300)]),
    };
  });
}
