// Many callers that never meet: throughput without contention.
export default {
  name: 'parallel',
  title: '64 callers, 64 keys, one process',
  processes: 1,
  callers: 64,
  keyOf: (caller) => `own:${caller}`,
  slots: 64,
  slotOf: (caller) => caller,
  times: { rounds: 8, seconds: 0.15, warmup: 2 },
  against: { rounds: 14 },
};
