/** What happened, made of events: each call with its outcome, and the faults. */
import type {
  Requested,
  Began,
  Ended,
  Ending,
  Extended,
  FaultSeen,
  Foreign,
  FuzzEvent,
  Left,
  Lost,
  Odd,
  Passed,
  Refused,
  Stall,
} from './events.js';

export interface Hold extends Omit<Began, 'e' | 'id'> {
  /** `remaining` at the beginning of the hold, in between, and at its end. */
  readonly samples: Array<{ readonly at: number; readonly remaining: number }>;
  readonly extensions: Extended[];
  loss: Lost | undefined;
  ending: Ending | undefined;
  ended: Ended | undefined;
}

export interface Call extends Omit<Requested, 'e'> {
  hold: Hold | undefined;
  refused: Refused | undefined;
  abortedAt: number | undefined;
  /** Whether the process of the call was killed at any time. */
  killed: boolean;
}

export interface History {
  readonly commandTimeout: number;
  /** In the order in which the calls began. */
  readonly calls: readonly Call[];
  readonly faults: readonly FaultSeen[];
  readonly foreigners: readonly Foreign[];
  readonly stalls: readonly Stall[];
  readonly odd: readonly Odd[];
  readonly passed: readonly Passed[];
  readonly left: readonly Left[];
  /** All events as they were written, in order of time. */
  readonly events: readonly FuzzEvent[];
}

export function historyOf(
  events: readonly FuzzEvent[],
  { commandTimeout }: { readonly commandTimeout: number },
): History {
  const inOrder = [...events].sort((a, b) => a.at - b.at);
  const all = <E extends FuzzEvent['e']>(e: E): Array<Extract<FuzzEvent, { e: E }>> =>
    inOrder.filter((event): event is Extract<FuzzEvent, { e: E }> => event.e === e);
  const faults = all('fault');
  const killed = new Set(faults.flatMap(({ kind, session }) => (kind === 'kill' ? [session] : [])));
  const calls = new Map<string, Call>();
  for (const { e: _, ...requested } of all('requested')) {
    const nothing = { hold: undefined, refused: undefined, abortedAt: undefined };
    calls.set(requested.id, { ...requested, ...nothing, killed: killed.has(requested.session) });
  }
  // Holds come first, because a later event of the same tick may have the same time.
  for (const event of all('began')) {
    const call = calls.get(event.id);
    if (call !== undefined) call.hold = holdOf(event);
  }
  for (const event of inOrder) {
    const call = 'id' in event && event.id !== undefined ? calls.get(event.id) : undefined;
    if (call !== undefined) add(call, event);
  }
  return {
    commandTimeout,
    calls: [...calls.values()],
    faults,
    foreigners: all('foreign'),
    stalls: all('stall'),
    odd: all('odd'),
    passed: all('passed'),
    left: all('left'),
    events: inOrder,
  };
}

function holdOf({ e: _, id: __, ...began }: Began): Hold {
  const { at, remaining } = began;
  return {
    ...began,
    samples: [{ at, remaining }],
    extensions: [],
    loss: undefined,
    ending: undefined,
    ended: undefined,
  };
}

function add(call: Call, event: FuzzEvent): void {
  const { hold } = call;
  switch (event.e) {
    case 'refused':
      call.refused = event;
      break;
    case 'aborted':
      call.abortedAt = event.at;
      break;
    case 'sample':
      hold?.samples.push(event);
      break;
    case 'extended':
      hold?.extensions.push(event);
      hold?.samples.push(event);
      break;
    case 'lost':
      if (hold !== undefined) hold.loss = event;
      break;
    case 'ending':
      if (hold !== undefined) hold.ending = event;
      hold?.samples.push(event);
      break;
    case 'ended':
      if (hold !== undefined) hold.ended = event;
      break;
    case 'requested':
    case 'began':
    case 'odd':
    case 'stall':
    case 'fault':
    case 'foreign':
    case 'passed':
    case 'left':
  }
}

/** When the call was settled: when its caller had the lock or an error. */
export function settledAt({ hold, refused }: Call): number | undefined {
  return hold?.at ?? refused?.at;
}

/** The token of the lease of `key` that the hold ran under. Tokens are in the order of the sorted keys. */
export function tokenOf({ keys }: Call, { tokens }: Hold, key: string): string {
  return tokens[[...keys].sort().indexOf(key)] ?? '';
}

/** A rule that was broken. */
export interface Violation {
  readonly rule: string;
  readonly what: string;
  /** The time at which the rule was broken. The report shows the history around that time. */
  readonly at: number;
  readonly key?: string;
  readonly ids?: readonly string[];
}
