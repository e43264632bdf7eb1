// The command line of run.mjs: what it says, or a message that tells what is wrong with it.
import { parseArgs } from 'node:util';
import { adapters, adaptersFor } from '../adapters/index.mjs';
import { MAIN, choices, scenarios, scenariosNamed } from '../scenarios/index.mjs';

export const HELP = `node run.mjs [options]
  --against PATH     another build beside this one: a built checkout, its dist folder, or a packed .tgz.
                     By default with our rows alone, in: ${MAIN.join(', ')}
  --scenario a,b     of: ${choices.join(', ')}; or all (the default without --against)
  --only a,b         rows whose name contains one of these; the rows that ratios need are added
  --processes N      processes of each row, one after the other (default: 4; 6 with --against)
  --quick            short rounds, of each library in one mode; with --against, a first impression
  --rounds N         rounds of each process            (default: by scenario)
  --seconds S        length of a round                 (default: by scenario)
  --warmup S         before the first round            (default: by scenario)
  --json FILE        every round's figures too, for report.mjs and picture.mjs
  --unpinned         leave it to the scheduler which cores the server and the callers run on
  LOCK_TEST_SERVER   the server's binary (default: redis-server or valkey-server on PATH)
  LOCK_BENCH_DIST    this build of nestjs-locked (default: ../dist)`;

/** A command line that cannot be followed. Its message is for the person at the terminal, without a stack. */
export class UsageError extends Error {}

const OPTIONS = {
  against: { type: 'string' },
  scenario: { type: 'string' },
  only: { type: 'string' },
  processes: { type: 'string' },
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  warmup: { type: 'string' },
  json: { type: 'string' },
  unpinned: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
};

/** @returns `{ help, against, scenarios, rows, mode, wanted, json, pinned }` @throws UsageError */
export function readArguments(args) {
  const values = parse(args);
  const against = filled(values, 'against');
  const rows = selectRows(filled(values, 'only'), against).filter(
    (row) => !(row.variant && (values.quick || (against !== undefined && values.only === undefined))),
  );
  const named = filled(values, 'scenario')?.split(',') ?? (against === undefined ? ['all'] : MAIN);
  const chosen = [...new Set(named.flatMap(scenariosOf))];
  const measured = chosen.filter((each) => each.application || adaptersFor(each, rows).length > 0);
  if (measured.length === 0) throw new UsageError(`None of the rows takes part in ${named.join(', ')}.`);
  return {
    help: values.help,
    against,
    scenarios: measured,
    rows,
    mode: [values.quick && 'quick', against !== undefined && 'against'].filter(Boolean).join(' ') || 'full',
    wanted: {
      processes: whole(values, 'processes'),
      rounds: whole(values, 'rounds'),
      seconds: positive(values, 'seconds'),
      warmup: positive(values, 'warmup'),
    },
    json: filled(values, 'json'),
    pinned: !values.unpinned,
  };
}

function parse(args) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error.message, { cause: error });
  }
}

function scenariosOf(name) {
  if (name === 'all') return scenarios;
  try {
    return scenariosNamed(name);
  } catch (error) {
    throw new UsageError(`--scenario: ${error.message}`, { cause: error });
  }
}

function selectRows(only, against) {
  if (only === undefined) return against === undefined ? adapters : adapters.filter((each) => each.build);
  const parts = only.split(',').filter((part) => part !== '');
  const picked = adapters.filter((adapter) => parts.some((part) => adapter.name.includes(part)));
  if (picked.length === 0) {
    throw new UsageError(
      `--only ${only} picks none of the rows: ${adapters.map((each) => each.name).join('; ')}.`,
    );
  }
  const bases = new Set(['raw', 'bare publish', ...picked.map((adapter) => adapter.base)]);
  return adapters.filter((adapter) => picked.includes(adapter) || bases.has(adapter.name));
}

/** As `--json ''` or `--against "$UNSET"` leaves it. */
function filled(values, option) {
  if (values[option] === '') throw new UsageError(`--${option} is empty.`);
  return values[option];
}

function positive(values, option) {
  if (values[option] === undefined) return undefined;
  const value = Number(values[option]);
  if (!(value > 0) || !Number.isFinite(value)) {
    throw new UsageError(`--${option} must be a number above 0, not "${values[option]}".`);
  }
  return value;
}

function whole(values, option) {
  const value = positive(values, option);
  if (value !== undefined && !Number.isInteger(value)) {
    throw new UsageError(`--${option} must be a whole number above 0, not "${values[option]}".`);
  }
  return value;
}
