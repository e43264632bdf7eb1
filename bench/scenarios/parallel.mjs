// Many callers that never meet: throughput without contention.
export default {
  name: 'parallel',
  title: '64 callers, 64 keys, one process',
  processes: 1,
  callers: 64,
  keyOf: (caller) => `own:${caller}`,
  slots: 64,
  slotOf: (caller) => caller,
  // Between its rounds a process rests for seconds, and then needs up to 50 ms until its memory is quick again.
  times: { rounds: 6, seconds: 0.3, warmup: 2, lead: 0.15 },
  against: { rounds: 14, seconds: 0.15, lead: 0.1 },
};
