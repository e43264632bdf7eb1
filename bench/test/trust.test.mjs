// What the ratios of several processes are worth, and how a table says it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildTable, verdictText } from '../support/build-table.mjs';
import { NOT_TOLD_APART, pairedRatio, ratioOf, verdictOf } from '../support/stats.mjs';
import { summarise } from '../support/summary.mjs';
import { ratioText } from '../support/tables.mjs';

describe('the ratio of several processes', () => {
  it('has the interval of Student, on logarithms', () => {
    const { value, low, high } = ratioOf([0.9, 1, 1.1, 1.2]);
    const logs = [0.9, 1, 1.1, 1.2].map(Math.log);
    const mean = logs.reduce((a, b) => a + b) / 4;
    const deviation = Math.sqrt(logs.reduce((a, b) => a + (b - mean) ** 2, 0) / 3);
    assert.ok(Math.abs(value - Math.exp(mean)) < 1e-12);
    assert.ok(Math.abs(high / value - Math.exp((3.18 * deviation) / 2)) < 1e-12);
    assert.ok(Math.abs(value / low - high / value) < 1e-12);
  });

  it('is the same from either side', () => {
    const values = [0.8, 0.95, 1.02, 0.9];
    const [there, back] = [ratioOf(values), ratioOf(values.map((value) => 1 / value))];
    assert.ok(Math.abs(there.value * back.value - 1) < 1e-12);
    assert.ok(Math.abs(there.low * back.high - 1) < 1e-12);
  });

  it('tells 0.05 apart where processes differ by 0.02, and not where they differ by 0.2', () => {
    const around = (middle, spread) =>
      ratioOf([-1, -0.5, 0, 0, 0.5, 1].map((each) => middle + (each * spread) / 2));
    assert.equal(verdictOf(around(0.95, 0.02)), 'less');
    assert.equal(verdictOf(around(1.05, 0.02)), 'more');
    assert.equal(verdictOf(around(0.95, 0.2)), NOT_TOLD_APART);
    assert.equal(verdictOf(around(1, 0.02)), NOT_TOLD_APART);
  });

  it('is only perhaps told apart where 99 % do not say so', () => {
    const close = ratioOf([1.01, 1.02, 1.03, 1.05]);
    assert.equal(verdictOf(close), 'perhaps more');
    assert.match(verdictText(close), /^this build: 2\.7 % more, perhaps$/);
  });

  it('of two processes is never sure, however well they agree', () => {
    assert.equal(verdictOf(ratioOf([0.96, 0.96])), 'perhaps less');
  });

  it('of one process has no verdict; of none there is no ratio', () => {
    assert.equal(verdictOf(ratioOf([1.3])), undefined);
    assert.equal(verdictText(ratioOf([1.3])), 'one process: no verdict');
    assert.equal(ratioOf([NaN]), null);
    assert.equal(ratioText(null), '–');
  });

  it('finds the same between two builds that are the same in nearly all runs', () => {
    // Lehmer's generator: the same numbers in every test.
    let seed = 7;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const noise = () => 1 + (random() + random() + random() - 1.5) * 0.1;
    const verdicts = Array.from({ length: 2_000 }, () =>
      verdictOf(ratioOf(Array.from({ length: 6 }, () => noise() / noise()))),
    );
    const share = (verdict) => verdicts.filter(verdict).length / verdicts.length;
    assert.ok(Math.abs(share((each) => each !== NOT_TOLD_APART) - 0.05) < 0.02);
    assert.ok(share((each) => each === 'more' || each === 'less') < 0.02);
  });
});

describe('paired rounds', () => {
  it('a load that hits both rows leaves the ratio as it is', () => {
    const mine = [[1, 10, 2].map((value) => ({ value })), [5, 50, 5].map((value) => ({ value }))];
    const base = mine.map((rounds) => rounds.map(({ value }) => ({ value: value * 2 })));
    const { each } = pairedRatio(mine, base, ({ value }) => value);
    assert.deepEqual(each, [0.5, 0.5]);
  });
});

describe('two builds', () => {
  const round = (perSecond, clientCpu) => ({
    perSecond,
    clientCpu,
    commands: 2,
    serverCpu: 0.01,
    overlaps: 0,
    longest: 1,
    waits: [Float64Array.of(1)],
  });
  const processes = (...all) => all.map(([perSecond, cpu]) => [round(perSecond, cpu)]);
  const adapter = { name: 'nestjs-locked', base: 'raw', version: '1', build: 'this' };
  const other = { ...adapter, name: 'nestjs-locked (other build)', build: 'other', twin: adapter.name };
  const rows = summarise([
    { adapter, processes: processes([100, 9], [102, 9.1], [98, 9], [101, 8.9]) },
    { adapter: other, processes: processes([101, 10], [101, 10.1], [99, 10], [100, 9.9]) },
  ]);

  it('have a table with the ratio and a verdict for each measure', () => {
    const table = buildTable({ sequential: { rows: JSON.parse(JSON.stringify(rows)) } });
    assert.match(table, /holds\/s .* not told apart \|/);
    assert.match(table, /client CPU µs .* 0\.900 .* this build: 10\.0 % less \|/);
    assert.doesNotMatch(table, /NaN|null|undefined/);
    assert.doesNotMatch(table, /server CPU/, 'below what its clock can tell');
  });

  it('have none where there is one build', () => {
    assert.equal(buildTable({ sequential: { rows: [{ name: 'raw' }] } }), undefined);
  });
});
