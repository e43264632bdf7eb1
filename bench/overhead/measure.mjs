// Measures the applications of one scenario, round by round, and compares each row with the first. No garbage collection is
// forced before a round. It would throw away optimised code together with the shapes of what is not alive just then. A call
// in memory would then take ten times as long for a good part of a second: 180 µs in place of 14 µs (measured).
import { placement } from '../support/placement.mjs';
import { orderOf, stepsOf } from '../support/plan.mjs';
import { median, pairedRatio } from '../support/stats.mjs';
import { CONNECTIONS, startApplication } from './application.mjs';

/**
 * What a resting machine does in a second. The warm-up is so much work, however long it takes on a busy machine: otherwise
 * the later rows would be measured better compiled.
 */
const WARM_UP = { calls: 20_000, requests: 10_000 };

const MEASURES = { method: measureCalls, http: measureRequests, start: measureStarts };
const FIELDS = ['time', 'cpu', 'create'];

/** The rows of an application scenario that load the library, each beside the same one on another build. */
export function withOtherRows(scenario, own, other) {
  if (!scenario.application) return scenario;
  const rows = scenario.rows.flatMap((row) => {
    if (row.module === undefined) return [row];
    const name = `${row.name} (other build)`;
    return [
      { ...row, entry: own.entry },
      { ...row, name, twin: row.name, entry: other.entry },
    ];
  });
  return { ...scenario, rows };
}

/** @param times `{ processes, rounds, seconds, warmup }` */
export async function measureApplications(scenario, { server, pinned, times }) {
  const place = placement(pinned);
  // This process loads the applications, beside the server.
  place.pin(process.pid, 'server');
  try {
    const processes = scenario.rows.map(() => []);
    for (let number = 0; number < times.processes; number += 1) {
      const seen = await MEASURES[scenario.application](scenario, server.port, place, times, number);
      for (const [i, rounds] of seen.entries()) processes[i].push(rounds);
    }
    return { placement: place.text, rows: compareRows(scenario.rows, processes) };
  } finally {
    place.pin(process.pid, 'anywhere');
  }
}

function measureCalls(scenario, port, place, times, number) {
  return withApplications(scenario, port, place, times, number, {
    warm: (app) => app.tell({ calls: { fewest: times.warmup * WARM_UP.calls } }),
    round: (app, lasting) => app.tell({ calls: { lasting } }),
  });
}

function measureRequests(scenario, port, place, times, number) {
  return withApplications(scenario, port, place, times, number, {
    warm: (app) => load(app, (requests) => requests < times.warmup * WARM_UP.requests),
    async round(app, lasting) {
      const { cpu } = await app.tell({});
      const started = performance.now();
      const requests = await load(app, () => performance.now() - started < lasting);
      const elapsed = performance.now() - started;
      return { time: (elapsed * 1000) / requests, cpu: ((await app.tell({})).cpu - cpu) / requests };
    },
  });
}

/** @returns how many requests were made while `more(their number)` */
async function load(app, more) {
  let requests = 0;
  const client = async () => {
    for (; more(requests); requests += 1) await app.request();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  return requests;
}

/** A process for each round: what is measured is over when it is ready. */
async function measureStarts({ rows }, port, place, times, number) {
  const rounds = rows.map(() => []);
  const start = async (row) => {
    const app = await startApplication(rows[row], port, place);
    await app.stop();
    return { time: app.start, create: app.create };
  };
  // One more, before: files are read from the disk the first time.
  if (number === 0) for (const row of orderOf(rows.length, 0)) await start(row);
  for (const { row } of stepsOf(rows.length, number, times.rounds)) rounds[row].push(await start(row));
  return rounds;
}

async function withApplications({ rows }, port, place, times, number, { warm, round: measureRound }) {
  const apps = [];
  try {
    for (const row of rows) apps.push(await startApplication(row, port, place));
    for (const row of orderOf(rows.length, number)) await warm(apps[row]);
    const rounds = rows.map(() => []);
    for (const { row } of stepsOf(rows.length, number, times.rounds)) {
      rounds[row].push(await measureRound(apps[row], times.seconds * 1000));
    }
    return rounds;
  } finally {
    await Promise.all(apps.map((app) => app.stop()));
  }
}

/** @param processes of each row, of each of its processes, what the rounds saw: `{ time }`, and `cpu` or `create` */
export function compareRows(rows, processes) {
  return rows.map(({ name, twin }, i) => {
    const fields = FIELDS.filter((field) => field in processes[i][0][0]);
    const other = rows.findIndex((row) => row.twin === name);
    return {
      name,
      build: twin === undefined ? undefined : 'other',
      ...Object.fromEntries(fields.map((field) => [field, figures(field, processes[i], processes[0])])),
      ...(other >= 0 && { toOther: toOther(fields, processes[i], processes[other]) }),
      processes: processes[i],
    };
  });
}

function figures(field, mine, base) {
  const each = eachOf(field, mine);
  const beyond = mine.map((rounds, p) => median(rounds.map((round, n) => round[field] - base[p][n][field])));
  return {
    value: median(each),
    each,
    beyond: median(beyond),
    ratio: pairedRatio(mine, base, (round) => round[field]),
  };
}

function toOther(fields, mine, theirs) {
  const compared = fields.map((field) => {
    const [own, other] = [mine, theirs].map((processes) => median(eachOf(field, processes)));
    return [field, { own, other, ratio: pairedRatio(mine, theirs, (round) => round[field]) }];
  });
  return Object.fromEntries(compared);
}

const eachOf = (field, processes) => processes.map((rounds) => median(rounds.map((round) => round[field])));
