/** The table of a key's request, cell by cell, against a table of its own. */
import { describe, expect, it } from '@jest/globals';
import {
  EVENT_OF,
  REQUEST_TABLE,
  type CallerEffect,
  type RequestEffect,
  type RequestEvent,
  type RequestGuard,
  type RequestMove,
  type RequestState,
  moveOf,
} from '../../lib/core/requests/request-table.js';
import { caseLabelsOf } from '../support/case-labels.js';

/** The moves of a cell, in their order: `guard → state: effects`. An empty cell: nothing happens. */
type Cell = readonly string[];

const NOTHING: Cell = [];

/** The rows are events, and the columns are states. */
const EXPECTED: Record<RequestEvent, Record<RequestState, Cell>> = {
  'callers wait': {
    idle: ['→ requesting: send'],
    requesting: NOTHING,
    queued: NOTHING,
    checking: NOTHING,
    backoff: NOTHING,
  },
  granted: {
    idle: NOTHING,
    requesting: ['→ idle: serve'],
    queued: NOTHING,
    checking: ['→ idle: serve'],
    backoff: NOTHING,
  },
  queued: {
    idle: NOTHING,
    requesting: [
      'kept offer is good → idle: note queue score, serve offer',
      '→ queued: note queue score, await offer',
    ],
    queued: NOTHING,
    checking: [
      'kept offer is good → idle: note queue score, serve offer',
      '→ queued: note queue score, await offer',
    ],
    backoff: NOTHING,
  },
  busy: {
    idle: NOTHING,
    requesting: ['could queue → requesting: send', '→ backoff: subscribe, poll'],
    queued: NOTHING,
    checking: ['→ backoff: subscribe, poll'],
    backoff: NOTHING,
  },
  'not queued': {
    idle: NOTHING,
    requesting: ['can notify → requesting: send', '→ backoff: subscribe, retry'],
    queued: NOTHING,
    checking: ['can notify → requesting: send', '→ backoff: subscribe, retry'],
    backoff: NOTHING,
  },
  'kind conflict': {
    idle: NOTHING,
    requesting: ['→ idle: refuse conflict'],
    queued: NOTHING,
    checking: ['→ idle: refuse conflict'],
    backoff: NOTHING,
  },
  'store failed': {
    idle: NOTHING,
    requesting: [
      'outage is short → backoff: await recovery, refuse overdue',
      '→ backoff: retry, refuse uninformed',
    ],
    queued: NOTHING,
    checking: [
      'outage is short → backoff: await recovery, refuse overdue',
      '→ backoff: retry, refuse uninformed',
    ],
    backoff: NOTHING,
  },
  offer: {
    idle: ['→ idle: return offer'],
    requesting: [
      'offer is good → requesting: keep offer',
      'offer is ours → requesting',
      '→ requesting: return offer',
    ],
    queued: ['offer is good → idle: serve offer', 'offer is ours → queued', '→ queued: return offer'],
    checking: [
      'offer is good → checking: keep offer',
      'offer is ours → checking',
      '→ checking: return offer',
    ],
    backoff: ['→ backoff: return offer'],
  },
  timer: {
    idle: NOTHING,
    requesting: NOTHING,
    queued: ['→ checking: check'],
    checking: NOTHING,
    backoff: ['→ requesting: send'],
  },
  reconnected: {
    idle: NOTHING,
    requesting: ['→ requesting: recheck'],
    queued: ['→ checking: check'],
    checking: ['→ checking: recheck'],
    backoff: ['→ requesting: send'],
  },
  subscribed: {
    idle: NOTHING,
    requesting: NOTHING,
    queued: NOTHING,
    checking: NOTHING,
    backoff: ['→ requesting: send'],
  },
  'lease over': {
    idle: ['supports queue → requesting: send and release', '→ backoff: release, yield'],
    requesting: ['→ requesting: release'],
    queued: ['→ checking: check and release'],
    checking: ['→ checking: release'],
    backoff: ['→ backoff: release'],
  },
  'nobody waits': {
    idle: NOTHING,
    requesting: ['→ idle: withdraw, forget'],
    queued: ['→ idle: withdraw, forget'],
    checking: ['→ idle: withdraw, forget'],
    backoff: ['→ idle: forget'],
  },
  'kind changed': {
    idle: NOTHING,
    requesting: ['access differs → requesting: replace'],
    queued: ['access differs → requesting: replace'],
    checking: ['access differs → requesting: replace'],
    backoff: NOTHING,
  },
};

/** Each name once, so that the compiler compares the names with the types. */
function namesOf<T extends string>(names: Record<T, true>): T[] {
  return Object.keys(names) as T[];
}

const EVENTS = Object.keys(EXPECTED) as RequestEvent[];
const STATES = namesOf<RequestState>({
  idle: true,
  requesting: true,
  queued: true,
  checking: true,
  backoff: true,
});
const GUARDS = namesOf<RequestGuard>({
  'offer is good': true,
  'kept offer is good': true,
  'offer is ours': true,
  'can notify': true,
  'could queue': true,
  'supports queue': true,
  'outage is short': true,
  'access differs': true,
});
const EFFECTS = namesOf<RequestEffect>({
  send: true,
  'send and release': true,
  replace: true,
  check: true,
  'check and release': true,
  release: true,
  withdraw: true,
  recheck: true,
  serve: true,
  'serve offer': true,
  'keep offer': true,
  'return offer': true,
  'note queue score': true,
  'await offer': true,
  subscribe: true,
  poll: true,
  retry: true,
  'await recovery': true,
  yield: true,
  'refuse conflict': true,
  'refuse uninformed': true,
  'refuse overdue': true,
  forget: true,
});
const CALLER_EFFECTS = namesOf<CallerEffect>({
  begun: true,
  'tell busy': true,
  serve: true,
  'serve offer': true,
  'refuse conflict': true,
  'refuse uninformed': true,
  'refuse overdue': true,
  'refuse all': true,
  answered: true,
  settled: true,
});

/** `guard → state: effects`, in its parts. */
function read(move: string): { guard: string; to: string; effects: string[] } {
  const [guard, rest] = move.split('→').map((part) => part.trim());
  const [to, effects = ''] = rest.split(':').map((part) => part.trim());
  return { guard, to, effects: effects === '' ? [] : effects.split(', ') };
}

/** The guards that hold: every selection of them. */
const SELECTIONS = Array.from(
  { length: 2 ** GUARDS.length },
  (_, bits) => new Set(GUARDS.filter((_guard, i) => (bits >> i) % 2 === 1)),
);

function takenMove(state: RequestState, event: RequestEvent, holding: ReadonlySet<string>): unknown {
  const move = moveOf(state, event, { holds: (guard) => holding.has(guard) });
  return move && { to: move.to, effects: move.effects };
}

function expectedMove(cell: Cell, holding: ReadonlySet<string>): unknown {
  const move = cell.map(read).find(({ guard }) => guard === '' || holding.has(guard));
  return move && { to: move.to, effects: move.effects };
}

const cells = EVENTS.flatMap((event) =>
  STATES.map((state) => ({ event, state, cell: EXPECTED[event][state] })),
);
const moves = EVENTS.flatMap((event) =>
  STATES.flatMap((from) => (REQUEST_TABLE[event][from] ?? []).map((move) => ({ event, from, move }))),
);
const conditional = cells.flatMap(({ event, state, cell }) =>
  cell.map((move, i) => ({ event, state, move, before: cell.slice(0, i).map((each) => read(each).guard) })),
);

describe('the table of a request', () => {
  it('given the table, then it has the events and the states of this one, and no others', () => {
    expect(Object.keys(REQUEST_TABLE).sort()).toEqual([...EVENTS].sort());
    const states = Object.values(REQUEST_TABLE).flatMap((row) => Object.keys(row));
    expect([...new Set(states)].sort()).toEqual([...STATES].sort());
  });

  it.each(cells.filter(({ cell }) => cell.length > 0))(
    'given "$state" and any guards, then "$event" does: $cell',
    ({ event, state, cell }) => {
      for (const holding of SELECTIONS)
        expect(takenMove(state, event, holding)).toEqual(expectedMove(cell, holding));
    },
  );

  it.each(cells.filter(({ cell }) => cell.length === 0))(
    'given "$state", then "$event" does nothing',
    ({ event, state }) => {
      for (const holding of SELECTIONS) expect(takenMove(state, event, holding)).toBeUndefined();
    },
  );

  it.each(conditional)(
    'given "$state" and "$event", then "$move" is taken if its guard is the first that holds',
    ({ event, state, move, before }) => {
      const { guard, to, effects } = read(move);
      expect(takenMove(state, event, new Set([guard]))).toEqual({ to, effects });
      for (const other of before)
        expect(takenMove(state, event, new Set([guard, other]))).not.toEqual({ to, effects });
      if (guard !== '') expect(takenMove(state, event, new Set())).not.toEqual({ to, effects });
    },
  );

  it('given a reply, then it is the event of its name', () => {
    expect(EVENT_OF).toEqual({
      granted: 'granted',
      queued: 'queued',
      busy: 'busy',
      'not-queued': 'not queued',
      'kind-conflict': 'kind conflict',
    });
  });
});

describe('in every state but "idle" a command is under way or a timer is set', () => {
  const SENDS: readonly RequestEffect[] = [
    'send',
    'send and release',
    'replace',
    'check',
    'check and release',
  ];
  const SETS_TIMER: readonly RequestEffect[] = ['await offer', 'poll', 'retry', 'await recovery', 'yield'];
  /** No command is under way after these. */
  const ENDS_COMMAND: readonly RequestEvent[] = [
    'granted',
    'queued',
    'busy',
    'not queued',
    'kind conflict',
    'store failed',
  ];
  const hasCommand = (state: RequestState): boolean => state === 'requesting' || state === 'checking';
  const hasTimer = (state: RequestState): boolean => state === 'queued' || state === 'backoff';
  const does = ({ effects }: RequestMove, some: readonly RequestEffect[]): boolean =>
    effects.some((effect) => some.includes(effect));

  it.each(moves.filter(({ move }) => hasCommand(move.to)))(
    'given "$from" and "$event", then the move to "$move.to" sends a command or keeps the one under way',
    ({ from, event, move }) => {
      const keeps = from === move.to && !ENDS_COMMAND.includes(event);
      expect(keeps || does(move, SENDS)).toBe(true);
    },
  );

  it.each(moves.filter(({ move }) => hasTimer(move.to)))(
    'given "$from" and "$event", then the move to "$move.to" sets a timer or keeps the one that is set',
    ({ from, event, move }) => {
      const keeps = from === move.to && event !== 'timer';
      expect(keeps || does(move, SETS_TIMER)).toBe(true);
    },
  );

  it.each(moves.filter(({ move }) => move.to === 'idle'))(
    'given "$from" and "$event", then the move to "idle" neither sends a request nor sets a timer',
    ({ move }) => {
      expect(does(move, [...SENDS, ...SETS_TIMER])).toBe(false);
    },
  );

  it.each(moves)(
    'given "$from" and "$event", then the move to "$move.to" sends one command at most, and sets one timer at most',
    ({ move: { effects } }) => {
      const count = (some: readonly RequestEffect[]): number =>
        effects.filter((effect) => some.includes(effect)).length;
      expect(count(SENDS) + count(SETS_TIMER)).toBeLessThanOrEqual(1);
    },
  );
});

describe('the names of the types', () => {
  it('given the effects, then the table uses each of them', () => {
    const used = moves.flatMap(({ move }) => move.effects);
    expect([...new Set(used)].sort()).toEqual([...EFFECTS].sort());
  });

  it('given the guards, then the table uses each of them', () => {
    const used = moves.flatMap(({ move }) => move.when ?? []);
    expect([...new Set(used)].sort()).toEqual([...GUARDS].sort());
  });

  it('given the effects, then the requester performs each of them', () => {
    const performed = caseLabelsOf('lib/core/requests/lease-requester.ts', '#do');
    expect(performed.sort()).toEqual([...EFFECTS].sort());
  });

  it('given the guards, then what a process knows decides each of them', () => {
    const decided = caseLabelsOf('lib/core/requests/request-knowledge.ts', 'holds');
    expect(decided.sort()).toEqual([...GUARDS].sort());
  });

  it('given the effects for callers, then the coordinator performs each of them', () => {
    const performed = caseLabelsOf('lib/core/engine/key-coordinator.ts', 'perform');
    expect(performed.sort()).toEqual([...CALLER_EFFECTS].sort());
  });
});
