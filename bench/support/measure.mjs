// Runs one scenario. A process of each row is started and warmed up, and takes its rounds beside those of the other rows.
// The next process of each row follows, and so on: two processes of one build differ more than the rounds of one.
import { adaptersFor, mostInside } from '../adapters/index.mjs';
import { startDelayProxy } from './delay-proxy.mjs';
import { compare } from './history.mjs';
import { placement } from './placement.mjs';
import { orderOf, stepsOf } from './plan.mjs';
import { sum } from './stats.mjs';
import { summarise } from './summary.mjs';
import { startWorkers } from './workers.mjs';

/** In ms. No caller comes near either: the ttl is long against a hold, the patience long against a round. */
const SETTINGS = { ttl: 30_000, patience: 120_000 };
/** Of a connection without a kernel, in a round: so many commands may go to the server, and a share of all besides. */
const MOST_LEARNT = { commands: 5, share: 0.02 };

/** @param pinned are processes to be put on cores? @param times `{ processes, rounds, seconds, warmup, lead? }` */
export async function measure(scenario, { rows: among, server, pinned, times }) {
  const place = placement(pinned, scenario.across);
  // From the scenario before.
  placement(pinned).pin(server.pid, 'anywhere');
  place.pin(server.pid, 'server');
  const proxy = scenario.delay === undefined ? undefined : await startDelayProxy(server.port);
  const settings = { port: proxy?.port ?? server.port, limit: scenario.limit, ...SETTINGS };
  const rows = adaptersFor(scenario, among).map((adapter) => ({ adapter, processes: [] }));
  const run = { scenario, rows, server, proxy, place, settings, times };
  try {
    for (let process = 0; process < times.processes; process += 1) await oneProcessEach(run, process);
  } finally {
    await proxy?.stop();
  }
  return { placement: place.text, rows: summarise(rows) };
}

async function oneProcessEach({ scenario, rows, server, proxy, place, settings, times }, process) {
  await server.control.flushall();
  proxy?.setDelay(0);
  const teams = [];
  try {
    const starting = rows.map(async ({ adapter }) => ({
      adapter,
      workers: await startWorkers(adapter, scenario, settings, place),
      rounds: [],
    }));
    const started = await Promise.allSettled(starting);
    teams.push(...started.filter(({ value }) => value !== undefined).map(({ value }) => value));
    for (const { reason } of started) if (reason !== undefined) throw reason;
    // Without the pauses: at a thousand holds a second, code would still be interpreted after ten.
    // The last one to warm up is the warmest, so that is another row with each process.
    for (const row of orderOf(rows.length, process)) {
      await teams[row].workers.round(times.warmup * 1000, { hurried: true });
    }
    proxy?.setDelay(scenario.delay);
    for (const { row } of stepsOf(rows.length, process, times.rounds)) {
      teams[row].rounds.push(await oneRound(teams[row], scenario, times, server));
    }
  } finally {
    await Promise.all(teams.map((team) => team.workers.stop()));
  }
  for (const [i, { rounds }] of teams.entries()) rows[i].processes.push(rounds);
}

async function oneRound({ adapter, workers }, scenario, { seconds, lead = 0 }, server) {
  const lasting = seconds * 1000;
  const before = await serverCpu(server);
  const { to, replies } = await workers.round(lasting, { lead: lead * 1000 });
  const serverTime = (await serverCpu(server)) - before;
  const total = (field) => sum(replies.map((reply) => reply[field]));
  const all = total('allHolds');
  if (total('learnt') > MOST_LEARNT.commands + total('commands') * MOST_LEARNT.share) {
    throw new Error(
      `${scenario.name}: ${total('learnt')} of ${total('commands')} commands of ${adapter.name} went to the server, so its figure is none.`,
    );
  }
  const history = scenario.across
    ? compare(
        replies.map((reply) => reply.log),
        to,
        mostInside(adapter, scenario),
      )
    : undefined;
  return {
    perSecond: (total('holds') / lasting) * 1000,
    commands: total('commands') / all,
    clientCpu: total('cpu') / all,
    serverCpu: serverTime / all,
    overlaps: history?.overlaps ?? total('overlaps'),
    longest: Math.max(...replies.map((reply) => reply.longest)),
    waits: replies.map((reply) => reply.waits),
    handOffs: history?.handOffs,
    alternation: history?.alternation,
    shares: history?.shares,
    load: replies.find((reply) => reply.load !== undefined)?.load,
  };
}

/** Of the thread that runs commands, in µs. */
async function serverCpu(server) {
  const info = await server.info('cpu');
  const seconds = ['user', 'sys'].map(
    (kind) => info[`used_cpu_${kind}_main_thread`] ?? info[`used_cpu_${kind}`],
  );
  return sum(seconds.map(Number)) * 1e6;
}
