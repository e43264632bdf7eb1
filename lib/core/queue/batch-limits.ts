/** Limits of one batch: other processes need not wait longer than one batch takes. */

/** The most callers that one exclusive lease, or one permit, serves one after the other. */
export const MOST_HOLDS = 64;

/** The most readers of one lease. The next lease admits the others, as soon as it is granted. */
export const MOST_READERS = 1000;

/** The age of a batch, in ms, after which it starts no further hold. Its first hold may always start. */
export const LONGEST_BATCH = 50;
