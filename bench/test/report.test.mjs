// From a run's figures to the page and the picture.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { glanceAt } from '../support/glance.mjs';
import { drawRun } from '../support/picture.mjs';
import { pageOf } from '../support/results.mjs';
import { fillRegion } from '../support/regions.mjs';
import { isOurs, peersOf, seriesOf, slugOf } from '../support/run-file.mjs';

const row = (name, perSecond, max, more = {}) => ({
  name,
  perSecond,
  wait: { max },
  variant: false,
  ...more,
});
const run = {
  machine: { server: 'Valkey 9.1.2', cpu: 'A & B <C>', cores: 2, node: 'v20', date: '2026-01-01T00:00:00Z' },
  scenarios: {
    hot: {
      title: '64 callers',
      rows: [
        row('raw', 1_000, 900),
        row('nestjs-locked', 80_000, 10),
        row('slow', 500, 700),
        row('fast', 1_000, 2_000),
        row('fast, other mode', 1_600, 3_000, { variant: true }),
      ],
    },
    'waiters-10': { title: 'x', series: { name: 'waiters', size: 10, unit: 'callers' }, rows: [] },
  },
};
const figure = (what) => glanceAt(run).find((each) => each.what.startsWith(what));

describe('a glance', () => {
  it('takes the best peer in any mode, by throughput and by wait apart; raw is none', () => {
    assert.equal(figure('`hot`: throughput').value, 50);
    assert.equal(figure('`hot`: throughput').holds, true);
    assert.equal(figure('`hot`: the longest wait').value, 70);
    assert.equal(peersOf(run, 'hot').length, 3);
  });

  it('what was not measured is neither reached nor missed', () => {
    const { text, holds } = figure('`cross`: throughput');
    assert.deepEqual([text, holds], ['–', undefined]);
  });
});

describe('a picture', () => {
  const svg = drawRun(run);

  it('is well-formed and says in words what it shows', () => {
    assert.match(svg, /^<svg [^>]*role="img" aria-labelledby="title desc"/);
    assert.match(svg, /<desc id="desc">.*nestjs-locked: 80,000 holds a second, longest wait 10\.0 ms/);
    assert.match(svg, /A &amp; B &lt;C&gt;/);
    assert.doesNotMatch(svg, /NaN|undefined|null/);
    for (const tag of ['svg', 'text', 'title', 'desc']) {
      assert.equal(svg.split(`<${tag}`).length, svg.split(`</${tag}>`).length, tag);
    }
  });

  it('has bars in proportion: to the fastest lock, and by tenfolds', () => {
    const widths = [...svg.matchAll(/<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    const [rawSpeed, rawWait, ourSpeed, ourWait] = widths;
    assert.ok(Math.abs(rawSpeed / ourSpeed - 1 / 80) < 0.001);
    // Waits of 10 to 2,000 on a scale from 10 to 10,000.
    assert.equal(ourWait, 1);
    assert.ok(Math.abs(rawWait / ourSpeed - Math.log10(90) / 3) < 0.001);
    assert.equal(widths.length, 2 * 4, 'one row a library');
  });
});

describe('the page', () => {
  it('a region is replaced, and again', () => {
    const page = 'a\n<!-- begin: x -->\nold\n<!-- end: x -->\nb\n';
    const once = fillRegion(page, 'x', 'new');
    assert.equal(once, 'a\n<!-- begin: x -->\n\nnew\n\n<!-- end: x -->\nb\n');
    assert.equal(fillRegion(once, 'x', 'new'), once);
    assert.throws(() => fillRegion(page, 'y', 'new'), /no region/);
  });

  it('of a run has a table for each scenario, and its picture', () => {
    const wait = { p50: 1, p99: 2, max: 3 };
    const figures = { perSecond: 100, clientCpu: 9, serverCpu: 5, commands: 2, overlaps: 0, wait };
    const each = { perSecond: [90, 110], clientCpu: [8, 10], serverCpu: [5, 5] };
    const sequential = { title: 'one caller', processes: 2, rounds: 3, seconds: 1, placement: 'somewhere' };
    const rows = [{ name: 'raw', ...figures, each }];
    const page = pageOf({
      machine: run.machine,
      versions: { ioredis: '6' },
      minutes: 1,
      scenarios: { sequential: { ...sequential, rows } },
    });
    assert.match(page, /^# Valkey 9\.1\.2\n/);
    assert.match(page, /\]\(valkey-9\.1\.svg\)/);
    assert.match(
      page,
      /## sequential: one caller\n\n2 processes a row, 3 rounds of 1 s a process; somewhere\n/,
    );
    assert.match(page, /\| raw \|\s+100 \(90–110\) \|/);
  });

  it('tells our rows, in any mode and on any build, from those of others', () => {
    const ours = ['nestjs-locked', 'nestjs-locked, shared', 'nestjs-locked (other build)'];
    assert.deepEqual([...ours, 'nestjs-lockedness', 'raw'].filter(isOurs), ours);
  });

  it('names files by the server', () => {
    assert.equal(slugOf(run), 'valkey-9.1');
    assert.deepEqual(
      seriesOf(run).map(({ name, sizes }) => [name, sizes.length]),
      [['waiters', 1]],
    );
  });
});
