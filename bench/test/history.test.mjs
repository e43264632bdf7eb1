// What is read from the logs of several processes, on logs with a known answer.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compare } from '../support/history.mjs';

/** [requested, began, ended] of each hold, in any order of processes. */
const logs = (...processes) => processes.map((entries) => Float64Array.from(entries.flat()));
const END = 1_000;

describe('compare', () => {
  it('counts what goes beyond the limit of a semaphore, and nothing among readers', () => {
    const three = logs([[0, 0, 3]], [[0, 1, 4]], [[0, 2, 5]], [[0, 3, 6]]);
    const overlaps = (most) => compare(three, END, most).overlaps;
    assert.deepEqual([1, 2, 3, Infinity].map(overlaps), [3, 2, 0, 0]);
  });

  it('two processes that alternate: each hold but the first is a hand-off', () => {
    const seen = compare(
      logs(
        [
          [0, 0, 1],
          [1.1, 2.5, 3.5],
        ],
        [
          [0, 1.2, 2.2],
          [2.3, 3.9, 4.9],
        ],
      ),
      END,
    );
    assert.deepEqual(seen.handOffs.map(round), [0.2, 0.3, 0.4]);
    assert.equal(seen.alternation, 100);
    assert.deepEqual(seen.shares, [50, 50]);
    assert.equal(seen.overlaps, 0);
  });

  it('a process that passes the key to itself, or finds it free, was handed nothing', () => {
    const seen = compare(
      logs(
        [
          [0, 0, 1],
          [1.1, 1.2, 2],
        ],
        [[2.5, 2.6, 3]],
      ),
      END,
    );
    assert.deepEqual(seen.handOffs, []);
    assert.equal(seen.alternation, 50);
    assert.deepEqual(seen.shares.map(Math.round), [67, 33]);
  });

  it('finds an overlap, also with a hold that began long before', () => {
    const long = [0, 0, 10];
    const within = [
      [0, 2, 3],
      [3, 4, 5],
    ];
    const seen = compare(logs([long], within), END);
    assert.equal(seen.overlaps, 2);
    assert.deepEqual(seen.handOffs, [], 'and does not take it for a fast hand-off');
  });

  it('touching is no overlap', () => {
    assert.equal(compare(logs([[0, 0, 1]], [[0, 1, 2]]), END).overlaps, 0);
  });

  it('what ends after the round counts for overlaps alone', () => {
    const seen = compare(logs([[0, 0, 1]], [[0, 1.5, 12]], [[0, 11, 13]]), 10);
    assert.equal(seen.overlaps, 1);
    assert.deepEqual(seen.shares, [100, 0, 0]);
    assert.deepEqual(seen.handOffs, []);
  });

  it('without holds says nothing', () => {
    const seen = compare(logs([], []), END);
    assert.deepEqual([seen.overlaps, seen.handOffs, seen.alternation], [0, [], NaN]);
    assert.deepEqual(seen.shares, [NaN, NaN]);
  });
});

const round = (value) => Number(value.toFixed(6));
