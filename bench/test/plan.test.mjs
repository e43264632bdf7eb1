// The order of rows and rounds, and how long they take.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { minutesOf, orderOf, stepsOf } from '../support/plan.mjs';
import { scenarioNamed } from '../scenarios/index.mjs';
import { timesOf } from '../support/times.mjs';

describe('the order of rows', () => {
  it('has each row once in each round', () => {
    for (let round = 0; round < 20; round += 1) {
      assert.deepEqual([...orderOf(5, round)].sort(), [0, 1, 2, 3, 4]);
    }
  });

  it('has each of two rows first, and last, equally often', () => {
    for (const rows of [2, 3, 6]) {
      const rounds = Array.from({ length: rows * 2 }, (_, round) => orderOf(rows, round));
      for (let a = 0; a < rows; a += 1) {
        assert.equal(rounds.filter((order) => order[0] === a).length, 2, `${rows} rows`);
        for (let b = 0; b < rows; b += 1) {
          const before = rounds.filter((order) => order.indexOf(a) < order.indexOf(b)).length;
          assert.equal(before, a === b ? 0 : rows, `${rows} rows: ${a} before ${b}`);
        }
      }
    }
  });

  it('interleaves the rows within each round, and goes on with the next process', () => {
    const rows = (steps) => steps.map(({ row }) => row).join('');
    assert.equal(rows(stepsOf(2, 0, 4)), '01101001');
    assert.equal(rows(stepsOf(2, 1, 1)), '10');
    assert.deepEqual(
      stepsOf(3, 0, 2).map(({ round }) => round),
      [0, 0, 0, 1, 1, 1],
    );
  });
});

describe('times', () => {
  const sequential = scenarioNamed('sequential');

  it('are of several processes, and of one only in a quick run', () => {
    assert.equal(timesOf(sequential, 'full').processes, 4);
    assert.ok(timesOf(sequential, 'against').processes >= 4);
    assert.ok(timesOf(sequential, 'quick against').processes > 1);
    assert.equal(timesOf(sequential, 'quick').processes, 1);
  });

  it('are as the command line says', () => {
    const { processes, rounds, seconds } = timesOf(sequential, 'full', { processes: 9, rounds: 2 });
    assert.deepEqual([processes, rounds, seconds], [9, 2, sequential.times.seconds]);
  });

  it('add up to minutes', () => {
    const times = { processes: 2, rounds: 4, seconds: 1, warmup: 3.2, lead: 0.45 };
    assert.equal(minutesOf([{ rows: 3, times }]).toFixed(6), '1.000000');
  });
});
