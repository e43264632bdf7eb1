// Percentiles, the summary of rounds, and that a table never shows a figure that is none.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { median, percentile, sorted, spread } from '../support/stats.mjs';
import { summarise } from '../support/summary.mjs';
import { scenarioTable } from '../support/tables.mjs';

describe('stats', () => {
  it('percentiles by the nearest rank', () => {
    const values = sorted([5, 1, 4, 2, 3, 10, 9, 8, 7, 6]);
    assert.deepEqual(
      [0, 10, 50, 90, 99, 100].map((p) => percentile(values, p)),
      [1, 1, 5, 9, 10, 10],
    );
    assert.ok(Number.isNaN(percentile([], 50)));
  });

  it('the median of an even number lies between; numbers are sorted as such', () => {
    assert.equal(median([10, 9, 100, 2]), 9.5);
    assert.equal(median([3, 20, 100]), 20);
  });

  it('the spread is half of what lies between the quartiles, to the median', () => {
    assert.equal(spread([80, 90, 100, 110, 120, 130, 140]), 20 / 110);
  });
});

describe('a summary', () => {
  const round = (perSecond, waits, more = {}) => ({
    perSecond,
    commands: 2,
    clientCpu: 1,
    serverCpu: 1,
    overlaps: 0,
    longest: Math.max(...waits),
    waits: [Float64Array.from(waits)],
    ...more,
  });
  const row = (name, base, rounds, ...more) => ({
    adapter: { name, base, version: '1' },
    processes: [rounds, ...more],
  });

  it('compares each round with that of the same number, not the medians', () => {
    const [, own] = summarise([
      row('raw', 'raw', [round(100, [1]), round(200, [1]), round(400, [1])]),
      row('x', 'raw', [round(50, [1]), round(160, [3]), round(100, [9, 2])]),
    ]);
    assert.equal(own.toRaw.value, 0.5);
    assert.equal(own.perSecond, 100);
    assert.deepEqual(own.wait, { p50: 2, p99: 9, max: 9 });
  });

  it('a round without hand-offs does not spoil those of others', () => {
    const across = (handOffs, alternation) => ({ handOffs, alternation, shares: [60, 40] });
    const [, own] = summarise([
      row('bare publish', 'raw', [round(100, [1], across([0.2], 100)), round(100, [1], across([0.1], 100))]),
      row('x', 'raw', [round(100, [1], across([], NaN)), round(100, [1], across([0.3], 80))]),
    ]);
    assert.equal(own.handOff.toTrip.value.toFixed(3), '3.000');
    assert.equal(own.alternation, 80);
    assert.equal(own.unevenness, 10);
    assert.deepEqual(own.shares, [60, 40]);
  });

  it("keeps each process's figure, and shows the median and the spread", () => {
    const rows = [90, 100, 110, 130].map((speed) => [round(speed, [1]), round(speed + 2, [1])]);
    const [own] = summarise([row('raw', 'raw', ...rows)]);
    assert.deepEqual(own.each.perSecond, [91, 101, 111, 131]);
    assert.equal(own.perSecond, 106);
    assert.match(scenarioTable([own]), /106 \(91–131\) \|\s+1\.00 ± 0\.00 /);
  });

  it('no table says NaN, nor after a trip through JSON', () => {
    const none = { handOffs: [], alternation: NaN, shares: [100, 0] };
    const rows = summarise([row('x', 'raw', [round(100, [1], none)])]);
    for (const each of [rows, JSON.parse(JSON.stringify(rows))]) {
      assert.doesNotMatch(scenarioTable(each), /NaN|null|undefined/);
    }
  });
});
