/** The table of what a key serves, cell by cell, against a table of its own. */
import { describe, expect, it } from '@jest/globals';
import type { ServingState } from '../../lib/core/batches/batch-set.js';
import {
  SERVING_TABLE,
  type ServingEffect,
  type LeaseOverEvent,
  type QueueEvent,
  type ReleaseEffect,
} from '../../lib/core/batches/serving-table.js';
import { caseLabelsOf } from '../support/case-labels.js';

/** The rows are events, and the columns are states. An empty cell: nothing follows. */
const EXPECTED: Record<QueueEvent | LeaseOverEvent, Record<ServingState, string>> = {
  'callers wait': {
    nothing: 'request',
    exclusive: '',
    admitting: '',
    open: 'request',
  },
  'nobody waits': {
    nothing: 'cancel request, forget key',
    exclusive: 'end idle batches',
    admitting: 'end idle batches',
    open: 'end idle batches, cancel request',
  },
  'lease over, callers wait': {
    nothing: 'release and request',
    exclusive: 'release',
    admitting: 'release',
    open: 'release and request',
  },
  'lease over, nobody waits': {
    nothing: 'release',
    exclusive: 'release',
    admitting: 'release',
    open: 'release',
  },
};

/** Each name once, so that the compiler compares the names with the type. */
const EFFECTS = Object.keys({
  request: true,
  'cancel request': true,
  'end idle batches': true,
  'forget key': true,
} satisfies Record<ServingEffect, true>);
const RELEASE_EFFECTS = Object.keys({
  'release and request': true,
  release: true,
} satisfies Record<ReleaseEffect, true>);

const EVENTS = Object.keys(EXPECTED) as (QueueEvent | LeaseOverEvent)[];
const STATES: readonly ServingState[] = ['nothing', 'exclusive', 'admitting', 'open'];
const cells = EVENTS.flatMap((event) =>
  STATES.map((state) => ({ event, state, effects: EXPECTED[event][state] })),
);

describe('the table of what a key serves', () => {
  it('given the table, then it has the events and the states of this one, and no others', () => {
    expect(Object.keys(SERVING_TABLE).sort()).toEqual([...EVENTS].sort());
    for (const row of Object.values(SERVING_TABLE)) expect(Object.keys(row)).toEqual(STATES);
  });

  it.each(cells)(
    'given "$state" and "$event", then what follows is: $effects',
    ({ event, state, effects }) => {
      expect(SERVING_TABLE[event][state].join(', ')).toBe(effects);
    },
  );

  it.each(STATES)(
    'given "%s" and a lease that is over, then one effect follows, which releases it',
    (state) => {
      for (const event of ['lease over, callers wait', 'lease over, nobody waits'] as const) {
        expect(SERVING_TABLE[event][state]).toHaveLength(1);
        expect(SERVING_TABLE[event][state][0]).toMatch(/^release/);
      }
    },
  );

  it('given callers that wait, then a request follows unless a lease is still to serve them', () => {
    const requests = (state: ServingState): boolean =>
      SERVING_TABLE['callers wait'][state].includes('request') &&
      SERVING_TABLE['lease over, callers wait'][state].includes('release and request');
    expect(STATES.filter(requests)).toEqual(['nothing', 'open']);
  });

  it('given a key that nobody waits for, then it is forgotten only if it has no lease', () => {
    const forgets = (state: ServingState): boolean =>
      SERVING_TABLE['nobody waits'][state].includes('forget key');
    expect(STATES.filter(forgets)).toEqual(['nothing']);
  });
});

describe('the names of the types', () => {
  it('given the effects, then the table uses each of them', () => {
    const used = EVENTS.flatMap((event) =>
      STATES.flatMap((state): readonly string[] => SERVING_TABLE[event][state]),
    );
    expect([...new Set(used)].sort()).toEqual([...EFFECTS, ...RELEASE_EFFECTS].sort());
  });

  it('given the effects, then the coordinator performs each of them', () => {
    const performed = caseLabelsOf('lib/core/engine/key-coordinator.ts', '#do');
    expect(performed.sort()).toEqual([...EFFECTS].sort());
  });
});
