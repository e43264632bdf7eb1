// One row's figures from its rounds.
import { flatten, known, mean, median, percentile, sorted, spread, sum } from './stats.mjs';

/** The row that hand-overs are compared with. */
const TRIP = 'bare publish';

export function summarise(teams) {
  const rounds = new Map(teams.map((team) => [team.adapter.name, withHandOvers(team.rounds)]));
  return teams.map(({ adapter }) => ({ ...facts(adapter), ...figures(adapter, rounds) }));
}

function facts({ name, version, note, base, variant = false }) {
  return { name, version, note, base, variant };
}

function figures(adapter, byName) {
  const rounds = byName.get(adapter.name);
  const of = (field) => rounds.map((round) => round[field]);
  const waits = sorted(flatten(rounds.flatMap((round) => round.waits)));
  // Round by round, then the median: neighbours in time are compared with each other.
  const ratio = (base, value) => {
    const theirs = byName.get(base);
    return theirs === undefined
      ? null
      : median(known(rounds.map((round, i) => value(round) / value(theirs[i]))));
  };
  const speed = (round) => round.perSecond;
  return {
    perSecond: median(of('perSecond')),
    spread: spread(of('perSecond')),
    toRaw: ratio('raw', speed),
    toBase: ratio(adapter.base, speed),
    wait: { p50: percentile(waits, 50), p99: percentile(waits, 99), max: Math.max(...of('longest')) },
    commands: median(of('commands')),
    clientCpu: median(of('clientCpu')),
    serverCpu: median(of('serverCpu')),
    overlaps: sum(of('overlaps')),
    ...(rounds[0].shares && {
      handOver: {
        ...percentiles(flatten(rounds.map((round) => round.times))),
        toTrip: ratio(TRIP, (round) => round.handOver.p50),
      },
      alternation: mean(known(of('alternation'))),
      shares: rounds[0].shares.map((_, process) => mean(of('shares').map((shares) => shares[process]))),
      unevenness: mean(of('unevenness')),
    }),
    ...(rounds[0].load !== undefined && { load: mean(of('load')) }),
    rounds: rounds.map(({ waits: _, times: __, ...rest }) => rest),
  };
}

function withHandOvers(rounds) {
  return rounds.map(({ handOvers, ...round }) =>
    handOvers === undefined
      ? round
      : {
          ...round,
          times: handOvers,
          handOver: percentiles(handOvers),
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
