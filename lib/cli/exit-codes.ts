/** The exit codes of the command line. */
export const DONE = 0;
/** The command was refused, or nothing was released. */
export const REFUSED = 1;
export const WRONG_USAGE = 2;
export const REDIS_FAILED = 3;
/** SIGINT and SIGTERM, as shells number them: 128 and the number of the signal. */
export const INTERRUPTED = 130;
export const TERMINATED = 143;

/** A mistake in the arguments. */
export class UsageError extends Error {}
