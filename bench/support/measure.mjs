// Runs one scenario: all its rows are started, warmed up, and take their rounds in turn, so that drift hits all alike.
import { adaptersFor, mostInside } from '../adapters/index.mjs';
import { startDelayProxy } from './delay-proxy.mjs';
import { compare } from './history.mjs';
import { placement } from './placement.mjs';
import { sum } from './stats.mjs';
import { summarise } from './summary.mjs';
import { startWorkers } from './workers.mjs';

/** In ms. Nobody comes near either: the ttl is long against a section, the patience long against a round. */
const SETTINGS = { ttl: 30_000, patience: 120_000 };

/** @param pinned are processes to be put on cores? @param times `{ rounds, seconds, warmup, lead? }` */
export async function measure(scenario, { rows, server, pinned, times }) {
  await server.control.flushall();
  const place = placement(pinned, scenario.across);
  // From the scenario before.
  placement(pinned).pin(server.pid, 'anywhere');
  place.pin(server.pid, 'server');
  const proxy = scenario.delay === undefined ? undefined : await startDelayProxy(server.port);
  const settings = { port: proxy?.port ?? server.port, limit: scenario.limit, ...SETTINGS };
  const teams = [];
  try {
    const starting = adaptersFor(scenario, rows).map(async (adapter) => ({
      adapter,
      workers: await startWorkers(adapter, scenario, settings, place),
      rounds: [],
    }));
    for (const { status, value, reason } of await Promise.allSettled(starting)) {
      if (status === 'rejected') throw reason;
      teams.push(value);
    }
    // Without the pauses: at a thousand sections a second, code would still be interpreted after ten.
    for (const team of teams) await team.workers.round(times.warmup * 1000, { hurried: true });
    proxy?.setDelay(scenario.delay);
    for (let round = 0; round < times.rounds; round += 1) {
      // Each round begins with another row, so that none always follows the same one.
      for (let i = 0; i < teams.length; i += 1) {
        const team = teams[(i + round) % teams.length];
        team.rounds.push(await oneRound(team, scenario, times, server));
      }
    }
  } finally {
    await Promise.all(teams.map((team) => team.workers.stop()));
    await proxy?.stop();
  }
  return { placement: place.text, rows: summarise(teams) };
}

async function oneRound({ adapter, workers }, scenario, { seconds, lead = 0 }, server) {
  const lasting = seconds * 1000;
  const before = await serverCpu(server);
  const { to, replies } = await workers.round(lasting, { lead: lead * 1000 });
  const serverTime = (await serverCpu(server)) - before;
  const total = (field) => sum(replies.map((reply) => reply[field]));
  const all = total('allSections');
  const history = scenario.across
    ? compare(
        replies.map((reply) => reply.log),
        to,
        mostInside(adapter, scenario),
      )
    : undefined;
  return {
    perSecond: (total('sections') / lasting) * 1000,
    commands: total('commands') / all,
    clientCpu: total('cpu') / all,
    serverCpu: serverTime / all,
    overlaps: history?.overlaps ?? total('overlaps'),
    longest: Math.max(...replies.map((reply) => reply.longest)),
    waits: replies.map((reply) => reply.waits),
    handOvers: history?.handOvers,
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
