/** Cycles among very many callers: the search must not take a time that grows with the square of their number. */
import { describe, expect, it } from '@jest/globals';
import { type BlockedCaller, cyclesAmong } from '../support/blocked-callers.js';

const MANY = 25_000;

function caller(i: number, holds: string[], wants: string): BlockedCaller {
  return { session: `session-${i}`, owner: `owner-${i}`, holds, wants };
}

describe('25,000 callers that wait while they hold keys', () => {
  it('given readers of one key that all wait for another key, then there is no cycle', () => {
    const callers = Array.from({ length: MANY }, (_, i) => caller(i, ['a', `own-${i}`], 'b'));
    expect(cyclesAmong(callers)).toEqual([]);
  });

  it('given callers of which each wants a key that all hold, then cycles are found', () => {
    const some = 2_000;
    const callers = Array.from({ length: some }, (_, i) => caller(i, ['a', 'b'], i % 2 === 0 ? 'c' : 'd'));
    callers.push(caller(some, ['c'], 'a'), caller(some + 1, ['d'], 'b'));
    const found = cyclesAmong(callers);
    expect(found.length).toBeGreaterThan(0);
    for (const { cycle } of found) {
      cycle.links.forEach(({ wants }, i) => {
        expect(cycle.links[(i + 1) % cycle.links.length].holds).toContain(wants);
      });
    }
  });

  it('given one cycle of all of them, then it is found, once', () => {
    const callers = Array.from({ length: MANY }, (_, i) => caller(i, [`k${i}`], `k${(i + 1) % MANY}`));
    const found = cyclesAmong(callers);
    expect(found).toHaveLength(1);
    expect(found[0].cycle.links).toHaveLength(MANY);
  });

  it('given chains that end in shared keys, then each key is searched once', () => {
    const layers = 50;
    const width = MANY / layers;
    const callers = Array.from({ length: MANY }, (_, i) => {
      const layer = Math.floor(i / width);
      return caller(i, [`layer-${layer}`], `layer-${layer + 1}`);
    });
    expect(cyclesAmong(callers)).toEqual([]);
  });
});
