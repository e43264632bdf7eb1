// Everybody wants the same: how waiting works inside one process.
export default {
  name: 'hot',
  title: '64 callers, one key, one process',
  processes: 1,
  callers: 64,
  keyOf: () => 'hot',
  slots: 1,
  slotOf: () => 0,
  warmers: 8,
  times: { rounds: 3, seconds: 0.7, warmup: 1 },
};
