// Two processes that want the same again and again: the hand-over, and whether they take turns.
export default {
  name: 'pingpong',
  title: '2 processes × 1 caller, one key, sections of 1 ms',
  processes: 2,
  callers: 1,
  keyOf: () => 'pingpong',
  slots: 1,
  slotOf: () => 0,
  across: true,
  section: 1,
  also: ['nestjs-locked, own client'],
  times: { rounds: 3, seconds: 0.8, warmup: 5, lead: 0.5 },
};
