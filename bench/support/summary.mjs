// One row's figures from its processes, each of which has its rounds.
import { flatten, known, mean, median, pairedRatio, percentile, sorted, sum } from './stats.mjs';

/** The row that hand-offs are compared with. */
const TRIP = 'bare publish';

/** What two builds are compared by. */
const MEASURES = {
  perSecond: (round) => round.perSecond,
  clientCpu: (round) => round.clientCpu,
  serverCpu: (round) => round.serverCpu,
  handOff: (round) => round.handOff?.p50,
};
/** Below this many µs of the server's CPU a hold, its clock is too coarse for a ratio. */
const LEAST_SERVER_CPU = 0.1;

/** @param rows `{ adapter, processes }`, where a process is an array of rounds */
export function summarise(rows) {
  const processes = new Map(rows.map((row) => [row.adapter.name, row.processes.map(withHandOffs)]));
  return rows.map(({ adapter }) => ({ ...facts(adapter), ...figures(adapter, processes, rows) }));
}

function facts({ name, version, note, base, variant = false, build }) {
  return { name, version, note, base, variant, build };
}

function figures(adapter, byName, rows) {
  const processes = byName.get(adapter.name);
  const rounds = processes.flat();
  const of = (field) => rounds.map((round) => round[field]);
  const ofEach = (field) => processes.map((some) => median(some.map((round) => round[field])));
  const waits = sorted(flatten(rounds.flatMap((round) => round.waits)));
  const ratio = (base, value) => {
    const theirs = byName.get(base);
    return theirs === undefined ? null : pairedRatio(processes, theirs, value);
  };
  const each = {
    perSecond: ofEach('perSecond'),
    clientCpu: ofEach('clientCpu'),
    serverCpu: ofEach('serverCpu'),
  };
  const other = rows.find((row) => row.adapter.twin === adapter.name)?.adapter.name;
  return {
    perSecond: median(each.perSecond),
    clientCpu: median(each.clientCpu),
    serverCpu: median(each.serverCpu),
    commands: median(of('commands')),
    each,
    toRaw: ratio('raw', MEASURES.perSecond),
    toBase: ratio(adapter.base, MEASURES.perSecond),
    ...(other !== undefined && { toOther: toOther(processes, byName.get(other)) }),
    wait: { p50: percentile(waits, 50), p99: percentile(waits, 99), max: Math.max(...of('longest')) },
    overlaps: sum(of('overlaps')),
    ...(rounds[0].shares && {
      handOff: {
        ...percentiles(flatten(rounds.map((round) => round.times))),
        toTrip: ratio(TRIP, MEASURES.handOff),
      },
      alternation: mean(known(of('alternation'))),
      shares: rounds[0].shares.map((_, process) => mean(of('shares').map((shares) => shares[process]))),
      unevenness: mean(of('unevenness')),
    }),
    ...(rounds[0].load !== undefined && { load: mean(of('load')) }),
    processes: processes.map((some) => some.map(({ waits: _, times: __, ...rest }) => rest)),
  };
}

/** Of each measure: both builds' medians, and their ratio. */
function toOther(mine, theirs) {
  const middle = (processes, value) => median(known(processes.map((rounds) => median(rounds.map(value)))));
  const compared = Object.entries(MEASURES).map(([measure, value]) => {
    const [own, other] = [middle(mine, value), middle(theirs, value)];
    return [measure, { own, other, ratio: pairedRatio(mine, theirs, value) }];
  });
  return Object.fromEntries(
    compared.filter(
      ([measure, { other, ratio }]) =>
        ratio !== null && !(measure === 'serverCpu' && other < LEAST_SERVER_CPU),
    ),
  );
}

function withHandOffs(rounds) {
  return rounds.map(({ handOffs, ...round }) =>
    handOffs === undefined
      ? round
      : {
          ...round,
          times: handOffs,
          handOff: percentiles(handOffs),
          /** How far the process that is farthest off is from its even share, in points. */
          unevenness: Math.max(...round.shares.map((share) => Math.abs(share - 100 / round.shares.length))),
        },
  );
}

function percentiles(values) {
  const ascending = sorted(values);
  return {
    count: ascending.length,
    p50: percentile(ascending, 50),
    p99: percentile(ascending, 99),
    max: ascending.at(-1) ?? NaN,
  };
}
