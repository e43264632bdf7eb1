/** How much one batch of callers may take of a key: other processes wait for no more than that. */

/** The most callers that one exclusive lease, or one permit, serves one after the other. */
export const MOST_HOLDS = 64;

/** The most readers of one lease. The next lease admits the others, as soon as it is granted. */
export const MOST_READERS = 1000;

/** The time into a batch after which only its first hold may start, in ms. */
export const LONGEST_BATCH = 50;
