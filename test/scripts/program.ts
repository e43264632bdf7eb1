/** Random programs of requests on a few keys, as plain data: what a token or a session is comes from where a program runs. */
import fc from 'fast-check';
import { EXCLUSIVE, type LockAccess, SHARED } from '../../lib/core/contracts/token.js';

export const KEYS = ['k', 'l', 'm', 'n', 'o'] as const;

/** The last session is dead: its tokens queue, and nobody listens for them. */
export const SESSIONS = 4;

const semaphore = (limit: number): LockAccess => ({ kind: 'semaphore', limit });
export const ACCESSES: readonly LockAccess[] = [EXCLUSIVE, SHARED, semaphore(1), semaphore(2), semaphore(3)];

/**
 * In ms. The clock goes on by multiples of {@link TICK}, and no lease nor offer ends at such a moment. So nothing depends on
 * which of two things that happen at one moment comes first.
 */
export const TICK = 6;
const LEASES = [4_503, 30_003];
const KEPT_FOR = [903, 4_503];

export interface Acquire {
  readonly access: number;
  readonly mode: 'once' | 'queue';
  readonly ttl: number;
  readonly fences: number;
}

export interface Request {
  readonly session: number;
  readonly key: number;
  /** A token of the key, counted back from the latest one. */
  readonly release: number | null;
  readonly releaseAfter: number | null;
  readonly acquire: Acquire | null;
}

export type Step =
  | { readonly do: 'exchange'; readonly request: Request; readonly late: boolean }
  | { readonly do: 'batch'; readonly requests: readonly Request[] }
  /**
   * `check` and `repeat` send the same token again. `retake` and `replace` send a new token at the same place in the queue: after
   * a release, or with the release in one request.
   */
  | { readonly do: 'check' | 'repeat' | 'retake' | 'replace'; readonly key: number; readonly token: number }
  | {
      readonly do: 'renew';
      readonly key: number;
      readonly token: number;
      readonly ttl: number;
      readonly fences: number;
    }
  | { readonly do: 'pass'; readonly ticks: number }
  /** What a foreign client, an administrator or a fail-over may do. The reference model knows none of it. */
  | { readonly do: 'disturb'; readonly key: number; readonly what: Disturbance };

export type Disturbance =
  | 'set' // a foreign client's value with an expiry
  | 'set for ever'
  | 'delete'
  | 'lose holders'
  | 'lose queue'
  | 'lose fences'
  | 'fences ahead' // by an hour: the clock went back
  | 'fences far ahead' // by more than a day: nothing is drawn
  | 'fences are text'
  | 'fences are a list'
  | 'refuse PUBLISH'
  | 'allow PUBLISH';

const key = fc.constantFrom(0, 0, 0, 0, 1, 1, 2);
/** Of a batch. */
const anyKey = fc.nat(KEYS.length - 1);
const token = fc.nat(6);
const acquire: fc.Arbitrary<Acquire> = fc.record({
  access: fc.nat(9),
  mode: fc.constantFrom('once' as const, 'queue' as const, 'queue' as const),
  ttl: fc.constantFrom(...LEASES),
  fences: fc.constantFrom(1, 1, 1, 3),
});
/** The value in so many of ten cases, otherwise nothing. */
function often<Value>(tenths: number, value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> {
  return fc.oneof(
    { weight: tenths, arbitrary: value },
    { weight: 10 - tenths, arbitrary: fc.constant<Value | null>(null) },
  );
}

const requestOf = (key: fc.Arbitrary<number>): fc.Arbitrary<Request> =>
  fc.record({
    session: fc.nat(SESSIONS - 1),
    key,
    release: often(6, token),
    releaseAfter: often(1, fc.constantFrom(...KEPT_FOR)),
    acquire: often(7, acquire),
  });

function steps(disturbed: boolean): fc.Arbitrary<Step[]> {
  const step = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant('exchange' as const),
        request: requestOf(key),
        late: fc.nat(30).map((n) => n === 0),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('batch' as const),
        requests: fc.array(fc.oneof(requestOf(key), requestOf(anyKey)), { minLength: 2, maxLength: 8 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('check' as const, 'repeat' as const, 'retake' as const, 'replace' as const),
        key,
        token,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('renew' as const),
        key,
        token,
        ttl: fc.constantFrom(...LEASES),
        fences: fc.constantFrom(0, 0, 1, 3),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('pass' as const), ticks: fc.constantFrom(20, 200, 1_000) }),
    },
    ...(disturbed
      ? [
          {
            weight: 2,
            arbitrary: fc.record({
              do: fc.constant('disturb' as const),
              key,
              what: fc.constantFrom<Disturbance>(
                'set',
                'set for ever',
                'delete',
                'delete',
                'lose holders',
                'lose queue',
                'lose fences',
                'lose fences',
                'lose fences',
                'lose fences',
                'fences ahead',
                'fences far ahead',
                'fences are text',
                'fences are a list',
                'refuse PUBLISH',
                'allow PUBLISH',
              ),
            }),
          },
        ]
      : []),
  );
  return fc.array(step, { minLength: 4, maxLength: 30, size: 'max' });
}

export interface Program {
  /** Are the names those of a Cluster? */
  readonly cluster: boolean;
  /** The kinds that come up, mostly of one family: a kind conflict is refused, and then nothing much happens. */
  readonly family: readonly number[];
  readonly steps: readonly Step[];
}

export const program: fc.Arbitrary<Program> = fc.boolean().chain((disturbed) =>
  fc.record({
    cluster: fc.nat(4).map((n) => n === 0),
    family: fc.constantFrom([0], [0], [0, 1], [0, 0, 1], [2, 3, 4], [0, 1, 2, 3, 4]),
    steps: steps(disturbed),
  }),
);
