// Everybody wants the same: how waiting works inside one process.
export default {
  name: 'hot',
  title: '64 callers, one key, one process',
  processes: 1,
  callers: 64,
  keyOf: () => 'hot',
  slots: 1,
  slotOf: () => 0,
  // The rounds of some rows go on for 14 s: a row that has been idle for so long has its code compiled again, in the lead.
  times: { rounds: 3, seconds: 0.7, warmup: 2, lead: 0.5 },
};
