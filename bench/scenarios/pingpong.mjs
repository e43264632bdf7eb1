// Two processes that want the same again and again: the hand-off, and whether they alternate.
export default {
  name: 'pingpong',
  title: '2 processes × 1 caller, one key, holds of 1 ms',
  processes: 2,
  callers: 1,
  keyOf: () => 'pingpong',
  slots: 1,
  slotOf: () => 0,
  across: true,
  holdMs: 1,
  also: ['nestjs-locked, own client'],
  times: { rounds: 2, seconds: 0.6, warmup: 1.5, lead: 0.3 },
  against: { rounds: 6, seconds: 0.4, lead: 0.1 },
};
