// The lone caller: every key is fresh, nobody is in the way. Latency, that is, and what a section costs beyond it.
export default {
  name: 'sequential',
  title: 'one caller, fresh keys',
  processes: 1,
  callers: 1,
  keyOf: (_caller, n) => `fresh:${n}`,
  slots: 1,
  slotOf: () => 0,
  times: { rounds: 7, seconds: 1, warmup: 6 },
};
