// What `@Locked` adds to one HTTP request on Fastify beyond its two round trips to Redis. The handlers:
//   bare           answers
//   trips          SET NX PX, answers, compare-and-delete: two round trips by hand
//   trips + ALS    the same with an AsyncLocalStorage in use, as in most applications that trace or log
//   using          LockService.using by hand
//   locked         @Locked('order:{params.id}')
// Each in a process of its own: before Node 24, AsyncLocalStorage once used makes every promise of a process dearer.
// Each request has an id of its own, so none waits for another. The figure in question is `locked` − `trips`.
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { describeMachine, loadNow } from './support/machine.mjs';
import { placement } from './support/placement.mjs';
import { startServer } from './support/server.mjs';
import { median, percentile, sorted, spread } from './support/stats.mjs';
import { count, markdownTable } from './support/table.mjs';

const HELP = `node http.mjs [options]        (after npm run build in the repository)
  --rounds N       rounds of each row and concurrency (default 11)
  --seconds S      length of a round (default 0.5)
  --own-client     the module opens its own client instead of taking the application's
  --unpinned       leave it to the scheduler which cores things run on
  --json FILE
  LOCK_TEST_SERVER   the server's binary`;

const ROWS = [
  { name: 'bare', handler: 'bare' },
  { name: 'trips', handler: 'trips' },
  { name: 'trips + ALS', handler: 'trips', storage: true },
  { name: 'using', handler: 'using' },
  { name: 'locked', handler: 'locked' },
];
const CONCURRENCIES = [1, 16];

/** Requests to each row before it is measured: the compiler goes on optimising for some thousands. */
const WARM_UP = 20_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    seconds: { type: 'string', default: '0.5' },
    'own-client': { type: 'boolean', default: false },
    json: { type: 'string' },
    unpinned: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}
const rounds = positive('rounds');
const lasting = positive('seconds') * 1000;

const place = placement(!values.unpinned);
const server = await startServer();
const apps = new Map();
let id = 0;
try {
  // The application is alone on its cores; this process, which loads it, is beside Redis.
  place.pin(server.pid, 'server');
  place.pin(process.pid, 'server');
  for (const { name, storage } of ROWS) {
    apps.set(name, await startApp({ port: server.port, ownClient: values['own-client'], storage }));
  }
  const machine = await describeMachine(server);
  console.log(
    `${machine.date}: ${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}, ${machine.server}`,
  );
  console.log(
    `${rounds} rounds of ${lasting / 1000} s, one after the other; medians; ${place.text}; load average ${machine.load}`,
  );
  const report = { machine, rounds, seconds: lasting / 1000, placement: place.text, results: [] };
  for (const row of ROWS) await warmUp(row);
  for (const concurrency of CONCURRENCIES) {
    const seen = new Map(ROWS.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (let i = 0; i < ROWS.length; i += 1) {
        const row = ROWS[(i + round) % ROWS.length];
        seen.get(row.name).push(await oneRound(row, concurrency));
      }
    }
    const results = ROWS.map(({ name }) => summary(name, seen));
    report.results.push({ concurrency, results });
    console.log(`\n### ${concurrency} at a time, keep-alive\n\n${toTable(results)}`);
  }
  report.loadAfter = loadNow();
  console.log(`\nLoad average before ${machine.load}, after ${report.loadAfter}.`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
} finally {
  await Promise.all([...apps.values()].map((app) => app.stop()));
  await server.stop();
}

async function warmUp(row) {
  const most = 16;
  let left = WARM_UP;
  await load(row, most, () => (left -= 1) >= 0);
}

async function oneRound(row, concurrency) {
  const app = apps.get(row.name);
  const cpu = await app.cpu();
  const started = performance.now();
  const latencies = await load(row, concurrency, () => performance.now() - started < lasting);
  const elapsed = (performance.now() - started) * 1000;
  const ascending = sorted(latencies);
  return {
    perRequest: elapsed / latencies.length,
    p50: percentile(ascending, 50),
    p99: percentile(ascending, 99),
    cpu: ((await app.cpu()) - cpu) / latencies.length,
  };
}

/** Requests by so many clients, each on a connection of its own, while `more()`. @returns each one's time in µs */
async function load({ name, handler }, concurrency, more) {
  const { pool } = apps.get(name);
  const latencies = [];
  const client = async () => {
    while (more()) {
      const sentAt = performance.now();
      const { statusCode, body } = await pool.request({ path: `/${handler}/${++id}`, method: 'POST' });
      const text = await body.text();
      if (statusCode !== 201) throw new Error(`${name} answered ${statusCode}: ${text}`);
      latencies.push((performance.now() - sentAt) * 1000);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return latencies;
}

function summary(name, seen) {
  const mine = seen.get(name);
  const of = (field) => median(mine.map((round) => round[field]));
  // Round by round, then the median: neighbours in time are compared with each other.
  const beyond = (base, field) => median(mine.map((round, i) => round[field] - seen.get(base)[i][field]));
  return {
    name,
    perRequest: of('perRequest'),
    spread: spread(mine.map((round) => round.perRequest)),
    p50: of('p50'),
    p99: of('p99'),
    cpu: of('cpu'),
    beyondBare: { perRequest: beyond('bare', 'perRequest'), cpu: beyond('bare', 'cpu') },
    beyondTrips: {
      perRequest: beyond('trips', 'perRequest'),
      p50: beyond('trips', 'p50'),
      cpu: beyond('trips', 'cpu'),
    },
  };
}

function toTable(results) {
  const signed = (value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`;
  return markdownTable(
    [
      '',
      'requests/s',
      'µs/request',
      '±',
      'p50 µs',
      'p99 µs',
      'CPU µs',
      '− bare µs',
      '− trips µs',
      '− trips, CPU µs',
    ],
    results.map((row) => [
      row.name,
      count(1e6 / row.perRequest),
      row.perRequest.toFixed(1),
      `${(row.spread * 100).toFixed(0)} %`,
      row.p50.toFixed(0),
      row.p99.toFixed(0),
      row.cpu.toFixed(1),
      signed(row.beyondBare.perRequest),
      signed(row.beyondTrips.perRequest),
      signed(row.beyondTrips.cpu),
    ]),
  );
}

async function startApp(what) {
  const child = fork(new URL('./http-app.mjs', import.meta.url), [JSON.stringify(what)]);
  const next = () =>
    new Promise((resolve, reject) => {
      const ended = (code) => reject(new Error(`The application ended with ${code}.`));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        resolve(message);
      });
    });
  const { url } = await next();
  place.pin(child.pid, 'caller');
  const pool = new Pool(url, { connections: Math.max(...CONCURRENCIES), pipelining: 1 });
  return {
    pool,
    async cpu() {
      const reply = next();
      child.send('cpu');
      return (await reply).cpu;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await pool.close();
      if (child.connected) child.send('stop');
      await gone;
      clearTimeout(timer);
    },
  };
}

function positive(option) {
  const value = Number(values[option]);
  if (!(value > 0)) throw new Error(`--${option} must be a number above 0, not ${values[option]}.\n${HELP}`);
  return option === 'rounds' ? Math.ceil(value) : value;
}
