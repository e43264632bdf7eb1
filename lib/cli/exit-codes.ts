/** The exit codes of the command line. */
export const DONE = 0;
/** The command was refused, or nothing was released. */
export const REFUSED = 1;
export const WRONG_USAGE = 2;
export const REDIS_FAILED = 3;

/** A mistake in the arguments. */
export class UsageError extends Error {}
