// How long a scenario is measured. All of them together are to end within fifteen minutes or so.

const QUICK = { rounds: 1, seconds: 0.5, warmup: 0.3 };

/** @param wanted what was asked for in place of a default; undefined where nothing was */
export function timesOf(scenario, quick, wanted) {
  const usual = quick ? QUICK : scenario.times;
  return Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, wanted[name] ?? value]));
}
