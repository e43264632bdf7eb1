// Which rows a scenario has by the kinds of lock that it names, and how applications are compared.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adaptersFor, mostInside } from '../adapters/index.mjs';
import { compareRows } from '../overhead/measure.mjs';
import { scenarioNamed } from '../scenarios/index.mjs';
import { tableOf } from '../support/tables.mjs';

const rowsOf = (name) => adaptersFor(scenarioNamed(name)).map((adapter) => adapter.name);

describe('the rows of a scenario', () => {
  it('are of exclusive locks where it does not name other kinds', () => {
    assert.deepEqual(
      rowsOf('sequential').filter((name) => /shared|semaphore,|Semaphore/.test(name)),
      [],
    );
    assert.ok(rowsOf('hot').includes('redis-semaphore'));
  });

  it('are of the kinds that it names', () => {
    assert.deepEqual(rowsOf('readers'), ['nestjs-locked', 'nestjs-locked, shared']);
    assert.deepEqual(rowsOf('permits-cross'), ['nestjs-locked, semaphore', 'redis-semaphore, Semaphore']);
  });

  it('allow as many holds at a time as the kind does', () => {
    const most = (name) =>
      adaptersFor(scenarioNamed(name)).map((each) => mostInside(each, scenarioNamed(name)));
    assert.deepEqual(most('readers'), [1, Infinity]);
    assert.deepEqual(most('permits'), [8, 8]);
  });
});

describe('applications', () => {
  const rows = [{ name: 'bare' }, { name: 'locked' }];
  const round = (time, cpu) => ({ time, cpu });

  it('are compared round by round with the first row', () => {
    const [bare, locked] = compareRows(rows, [
      [[round(1, 1), round(2, 1), round(4, 1)]],
      [[round(11, 3), round(6, 4), round(8, 5)]],
    ]);
    assert.deepEqual([bare.time.beyond, bare.time.ratio.value], [0, 1]);
    const { time, cpu } = locked;
    assert.deepEqual([time.value, time.beyond, cpu.beyond], [8, 4, 3]);
    assert.equal(time.ratio.value.toFixed(6), '3.000000');
  });

  it('have a table, after a trip through JSON too', () => {
    const seen = compareRows(rows, [[[round(1, 1)]], [[round(3, 2)]]]);
    for (const table of ['calls', 'requests']) {
      const shown = tableOf(JSON.parse(JSON.stringify({ table, rows: seen })));
      assert.match(shown, /locked .* 3\.00 .*\+2\.00/);
      assert.doesNotMatch(shown, /NaN|null|undefined/);
    }
  });
});
