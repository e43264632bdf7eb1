// All callers want the same key: how waiting works inside one process.
export default {
  name: 'hot',
  title: '64 callers, one key, one process',
  processes: 1,
  callers: 64,
  keyOf: () => 'hot',
  slots: 1,
  slotOf: () => 0,
  warmers: 8,
  // The rounds of some rows go on for 14 s. A row that has been idle for so long has its code compiled again, in the lead.
  times: { rounds: 2, seconds: 0.5, warmup: 1.5, lead: 0.5 },
  against: { rounds: 10, seconds: 0.2, lead: 0.1 },
};
