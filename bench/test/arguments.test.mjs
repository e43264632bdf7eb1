// The command line: what it chooses, and what it says to a mistake. And which folders are builds.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { adaptersFor, withOtherBuild } from '../adapters/index.mjs';
import { MAIN, scenarioNamed, scenarios } from '../scenarios/index.mjs';
import { UsageError, readArguments } from '../support/arguments.mjs';
import { copyBuild } from '../support/builds.mjs';

const names = (all) => all.map(({ name }) => name);

describe('the command line', () => {
  it('without options means all scenarios and rows', () => {
    const { scenarios: chosen, rows, mode, wanted, against } = readArguments([]);
    assert.deepEqual(names(chosen), names(scenarios));
    assert.ok(names(rows).includes('@verrou/core'));
    assert.deepEqual([mode, against, wanted.processes], ['full', undefined, undefined]);
  });

  it('against another build means our rows in the main scenarios', () => {
    const { scenarios: chosen, rows, mode } = readArguments(['--against', 'old']);
    assert.ok(names(chosen).includes('js-alone-hot'));
    assert.ok(!names(chosen).includes('start-up'));
    assert.deepEqual(names(adaptersFor(scenarioNamed('sequential'), rows)), ['nestjs-locked']);
    assert.equal(mode, 'against');
    assert.equal(readArguments(['--against', 'old', '--quick']).mode, 'quick against');
    for (const name of MAIN) assert.ok(readArguments(['--scenario', name]).scenarios.length > 0, name);
  });

  it('adds the rows that ratios need', () => {
    const { rows } = readArguments(['--only', 'own client']);
    assert.deepEqual(names(rows), [
      'bare publish',
      'raw',
      'raw, one write a tick',
      'nestjs-locked, own client',
    ]);
  });

  it('takes a scenario, a series, a group, or all, and each once', () => {
    const chosen = (list) => names(readArguments(['--scenario', list]).scenarios);
    assert.deepEqual(chosen('hot,hot'), ['hot']);
    assert.deepEqual(chosen('js-alone'), ['js-alone-sequential', 'js-alone-batch', 'js-alone-hot']);
    assert.equal(chosen('waiters').length, 4);
    assert.equal(chosen('all').length, scenarios.length);
  });

  const mistakes = [
    [['--processes', '0'], /--processes must be a number above 0, not "0"/],
    [['--processes', '2.5'], /--processes must be a whole number above 0, not "2\.5"/],
    [['--rounds', 'many'], /--rounds must be a number above 0, not "many"/],
    [['--seconds', 'Infinity'], /--seconds must be a number above 0/],
    [['--warmup=-1'], /--warmup must be a number above 0/],
    [['--scenario', 'nothing'], /--scenario: No scenario is named nothing: .*js-alone/],
    [['--only', 'nobody'], /--only nobody picks none of the rows: .*nestjs-locked/],
    [['--only', 'verrou', '--scenario', 'permits'], /None of the rows takes part in permits/],
    [['--against', ''], /--against is empty/],
    [['--json='], /--json is empty/],
    [['--fast'], /Unknown option '--fast'/],
    [['hot'], /Unexpected argument 'hot'/],
    [['--against'], /'--against <value>' argument missing/],
  ];
  for (const [args, message] of mistakes) {
    it(`says what is wrong with ${args.join(' ')}`, () => {
      assert.throws(
        () => readArguments(args),
        (error) => {
          assert.ok(error instanceof UsageError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});

describe('another build', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lock-bench-test-'));
  after(() => rmSync(folder, { recursive: true }));
  const write = (path, text) => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  write('checkout/dist/esm/index.js', 'export const a = 1;');
  write('checkout/package.json', '{ "version": "9.9.9" }');
  write('empty/readme', '');
  write('broken.tgz', 'no archive');

  it('is a checkout or its dist folder, and both are the same', () => {
    const copies = ['checkout', 'checkout/dist'].map((path) => copyBuild(join(folder, path), '--against'));
    try {
      assert.deepEqual(
        copies.map(({ version }) => version),
        ['9.9.9', '9.9.9'],
      );
      assert.equal(copies[0].digest, copies[1].digest);
      assert.match(copies[0].entry, /^file:.*\/dist\/esm\/index\.js$/);
    } finally {
      for (const copy of copies) copy.remove();
    }
  });

  it('a path that is none is named', () => {
    const copy = (path) => () => copyBuild(join(folder, path), '--against');
    assert.throws(copy('nowhere'), /--against: there is no .*nowhere/);
    assert.throws(copy('empty'), /--against: .*empty is no build\. It has neither dist\/esm\/index\.js/);
    assert.throws(copy('broken.tgz'), /--against: .*broken\.tgz cannot be unpacked/);
  });

  it('stands beside each row of ours, and beside no other', () => {
    const rows = withOtherBuild({ entry: 'file:///x', version: '9.9.9' });
    const sequential = names(adaptersFor(scenarioNamed('sequential'), rows));
    // The rows of telemetry are on this build alone: an older one may have no telemetry.
    const ours = sequential.filter((name) => /^nestjs-locked(?!, telemetry)/.test(name));
    assert.equal(ours.filter((name) => name.endsWith(' (other build)')).length, ours.length / 2);
    assert.equal(sequential.filter((name) => name.startsWith('raw')).length, 4);
    assert.equal(rows.find(({ build }) => build === 'other').twin, 'nestjs-locked');
  });
});
