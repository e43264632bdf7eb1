// The lone caller: every key is fresh, and no other caller wants it. That is latency, and what a hold costs beyond it.
export default {
  name: 'sequential',
  title: 'one caller, fresh keys',
  processes: 1,
  callers: 1,
  keyOf: (_caller, n) => `fresh:${n}`,
  slots: 1,
  slotOf: () => 0,
  times: { rounds: 8, seconds: 0.2, warmup: 2.5 },
  against: { rounds: 14 },
};
