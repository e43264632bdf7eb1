// The lone caller: every key is fresh, and no other caller wants it. That is latency, and what a hold costs beyond it.
export default {
  name: 'sequential',
  title: 'one caller, fresh keys',
  processes: 1,
  callers: 1,
  keyOf: (_caller, n) => `fresh:${n}`,
  slots: 1,
  slotOf: () => 0,
  // And a lead, as in parallel.
  times: { rounds: 6, seconds: 0.3, warmup: 2.5, lead: 0.15 },
  against: { rounds: 14, seconds: 0.2, lead: 0.1 },
};
