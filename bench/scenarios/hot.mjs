// Everybody wants the same: how waiting works inside one process.
export default {
  name: 'hot',
  title: '64 callers, one key, one process',
  processes: 1,
  callers: 64,
  keyOf: () => 'hot',
  slots: 1,
  slotOf: () => 0,
  // With all of its callers: with fewer, the code that serves a full batch would be compiled in the first round.
  times: { rounds: 3, seconds: 0.7, warmup: 3 },
};
