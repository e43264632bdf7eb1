// Measures the applications of one scenario, round by round in turn, and compares each row with the first. No garbage
// collection is forced before a round: it throws away optimised code with the shapes of what is not alive just then, and a
// call in memory then takes ten times as long for a good part of a second (measured: 14 µs, and 180 µs after one).
import { placement } from '../support/placement.mjs';
import { median, spread } from '../support/stats.mjs';
import { CONNECTIONS, startApplication } from './application.mjs';

/**
 * What a resting machine does in a second: the warm-up is so much work, however long it takes on a busy one, or else the rows
 * that come later would be measured better compiled.
 */
const WARM_UP = { calls: 20_000, requests: 10_000 };

const MEASURES = { method: measureCalls, http: measureRequests, start: measureStarts };

/** @param times `{ rounds, seconds, warmup }` */
export async function measureApplications(scenario, { server, pinned, times }) {
  const place = placement(pinned);
  // Whoever loads the applications, here, beside the server.
  place.pin(process.pid, 'server');
  try {
    const { rounds, ...more } = await MEASURES[scenario.application](scenario, server.port, place, times);
    return { placement: place.text, ...more, rows: compareRows(scenario.rows, rounds) };
  } finally {
    place.pin(process.pid, 'anywhere');
  }
}

function measureCalls(scenario, port, place, times) {
  return withApplications(scenario, port, place, times, {
    warm: (app) => app.ask({ calls: { fewest: times.warmup * WARM_UP.calls } }),
    round: (app, lasting) => app.ask({ calls: { lasting } }),
  });
}

function measureRequests(scenario, port, place, times) {
  return withApplications(scenario, port, place, times, {
    warm: (app) => load(app, (requests) => requests < times.warmup * WARM_UP.requests),
    async round(app, lasting) {
      const { cpu } = await app.ask({});
      const started = performance.now();
      const requests = await load(app, () => performance.now() - started < lasting);
      const elapsed = performance.now() - started;
      return { time: (elapsed * 1000) / requests, cpu: ((await app.ask({})).cpu - cpu) / requests };
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
async function measureStarts({ rows }, port, place, times) {
  const rounds = rows.map(() => []);
  // One more, before: files are read from the disk the first time.
  for (let round = -1; round < times.rounds; round += 1) {
    await inTurn(rows, round, async (row, i) => {
      const app = await startApplication(row, port, place);
      await app.stop();
      if (round >= 0) rounds[i].push({ time: app.start, create: app.create });
    });
  }
  return { rounds, seconds: undefined };
}

async function withApplications({ rows }, port, place, times, { warm, round: measureRound }) {
  const apps = [];
  try {
    for (const row of rows) apps.push(await startApplication(row, port, place));
    for (const app of apps) await warm(app);
    const rounds = rows.map(() => []);
    for (let round = 0; round < times.rounds; round += 1) {
      await inTurn(apps, round, async (app, i) => {
        rounds[i].push(await measureRound(app, times.seconds * 1000));
      });
    }
    return { rounds };
  } finally {
    await Promise.all(apps.map((app) => app.stop()));
  }
}

/** Each round begins with another one, so that none always follows the same. */
async function inTurn(all, round, work) {
  for (let i = 0; i < all.length; i += 1) {
    const at = (i + round + all.length) % all.length;
    await work(all[at], at);
  }
}

/** @param rounds of each row, what each of its rounds saw: `{ time }`, and `cpu` or `create` */
export function compareRows(rows, rounds) {
  return rows.map(({ name }, i) => {
    // Round by round, then the median: neighbours in time are compared with each other.
    const figures = (field) => {
      const own = rounds[i].map((round) => round[field]);
      const base = rounds[0].map((round) => round[field]);
      return {
        time: median(own),
        spread: spread(own),
        beyond: median(own.map((value, n) => value - base[n])),
        ratio: median(own.map((value, n) => value / base[n])),
      };
    };
    const others = ['cpu', 'create'].filter((field) => field in rounds[i][0]);
    return {
      name,
      ...figures('time'),
      ...Object.fromEntries(others.map((field) => [field, figures(field)])),
      rounds: rounds[i],
    };
  });
}
