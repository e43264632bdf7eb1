// Several processes want the same for a while each: fairness, and what is lost from one section to the next.
export default {
  name: 'cross',
  title: '4 processes × 8 callers, one key, sections of 1 ms',
  processes: 4,
  callers: 8,
  keyOf: () => 'cross',
  slots: 1,
  slotOf: () => 0,
  across: true,
  section: 1,
  warmers: 2,
  // Long rounds: who is passed over by others has waited for hardly longer than one lasts.
  // And a lead, as in hot.
  times: { rounds: 3, seconds: 2, warmup: 2, lead: 0.5 },
};
