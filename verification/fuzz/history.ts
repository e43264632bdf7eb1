/** What happened, put together from events: a call with all that came of it, and the faults around. */
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
  /** When `remaining` was how much: at its beginning, in between, at its end. */
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
  /** Its process was killed in the meantime. */
  killed: boolean;
}

export interface History {
  readonly commandTimeout: number;
  /** Ordered by when they were requested. */
  readonly calls: readonly Call[];
  readonly faults: readonly FaultSeen[];
  readonly foreigners: readonly Foreign[];
  readonly stalls: readonly Stall[];
  readonly odd: readonly Odd[];
  readonly passed: readonly Passed[];
  readonly left: readonly Left[];
  /** As they were written down, in order of time. */
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
  // First, as what follows within the same tick may bear the same time.
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

/** When the call was settled: its caller had the lock, or an error. */
export function settledAt({ hold, refused }: Call): number | undefined {
  return hold?.at ?? refused?.at;
}

/** Under which lease of the key it ran: tokens are in the order of the sorted keys. */
export function tokenOf({ keys }: Call, { tokens }: Hold, key: string): string {
  return tokens[[...keys].sort().indexOf(key)] ?? '';
}

/** A rule was broken. */
export interface Violation {
  readonly rule: string;
  readonly what: string;
  /** When, for the excerpt of the history. */
  readonly at: number;
  readonly key?: string;
  readonly ids?: readonly string[];
}
