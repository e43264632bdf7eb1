/** Defaults and tokens of the module, each in one place. */

export const DEFAULT_REDIS_URL = 'redis://localhost:6379';
export const DEFAULT_PREFIX = 'lock:';
export const DEFAULT_TTL = 30_000;
export const DEFAULT_WAIT = 10_000;
export const DEFAULT_COMMAND_TIMEOUT = 2_000;
export const DEFAULT_LONG_HOLD = 60_000;
export const DEFAULT_BUSY_STATUS = 423;
