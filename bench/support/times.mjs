// How long a scenario is measured, and by how many processes a row.

const PROCESSES = { full: 4, against: 6, quick: 1, 'quick against': 3 };
/** Of a quick run with another build. */
const MOST_QUICK = { rounds: 6, warmup: 1 };
const QUICK = { rounds: 1, seconds: 0.5, warmup: 0.3 };

/**
 * @param mode of: full, against (another build), quick, quick against
 * @param wanted the values from the command line in place of a default; undefined where none was given
 */
export function timesOf(scenario, mode, wanted = {}) {
  const usual = { processes: PROCESSES[mode], ...byMode(scenario, mode) };
  return Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, wanted[name] ?? value]));
}

function byMode({ times, against, kernel }, mode) {
  // The stream without a kernel learns in the warm-up.
  if (mode === 'quick') return kernel === false ? { ...QUICK, warmup: times.warmup } : QUICK;
  if (mode === 'full') return times;
  const compared = { ...times, ...against };
  if (mode === 'against') return compared;
  return {
    ...compared,
    rounds: Math.min(compared.rounds, MOST_QUICK.rounds),
    ...(kernel !== false &&
      compared.warmup !== undefined && { warmup: Math.min(compared.warmup, MOST_QUICK.warmup) }),
  };
}
