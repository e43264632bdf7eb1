// The order of the rows, so that a drift of the machine's load hits all of them alike.

/**
 * The rows in one round. Each second round goes backwards, so of any two rows each is first equally often. Each pair of
 * rounds begins with another row.
 */
export function orderOf(rows, round) {
  const first = Math.floor(round / 2) % rows;
  const order = Array.from({ length: rows }, (_, i) => (i + first) % rows);
  return round % 2 === 0 ? order : order.reverse();
}

/** All rounds of one process of each row, as `{ round, row }`. The processes go on where the ones before ended. */
export function stepsOf(rows, process, rounds) {
  return Array.from({ length: rounds }, (_, round) =>
    orderOf(rows, process * rounds + round).map((row) => ({ round, row })),
  ).flat();
}

/** In seconds: to start the processes of one row, and to end them. */
const START = 0.8;
/** In seconds: to tell the processes of a round, and to read what they saw. */
const BETWEEN = 0.05;

/** About how long the measuring takes. @param plans `{ rows, times: { processes, rounds, seconds, warmup, lead } }` */
export function minutesOf(plans) {
  const seconds = plans.map(({ rows, times }) => {
    const { processes, rounds, seconds: lasting = START, warmup = 0, lead = 0 } = times;
    return processes * rows * (START + warmup + rounds * (lasting + lead + BETWEEN));
  });
  return seconds.reduce((total, each) => total + each, 0) / 60;
}
