// Several processes want the same for a while each: fairness, and what is lost from one hold to the next.
export default {
  name: 'cross',
  title: '4 processes × 8 callers, one key, holds of 1 ms',
  processes: 4,
  callers: 8,
  keyOf: () => 'cross',
  slots: 1,
  slotOf: () => 0,
  across: true,
  holdMs: 1,
  warmers: 2,
  // Long rounds: a caller that others pass has waited for hardly longer than one lasts.
  // And a lead, as in hot.
  times: { rounds: 1, seconds: 2, warmup: 2, lead: 0.5 },
  against: { rounds: 4, seconds: 0.7, lead: 0.2 },
};
