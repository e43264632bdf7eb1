/** Keeps passwords out of messages, logs and causes. */
import { HIDDEN } from '../../../errors/index.js';

export { withoutCredentials as redactUrl } from '../../../errors/index.js';

/**
 * Drops the arguments of the login from an error of ioredis, which carries the failed command: `AUTH` and `HELLO`
 * have the password among them, and every command that waited for the login is rejected with that same error.
 */
export function redactError<T>(error: T): T {
  const { command } = (typeof error === 'object' && error !== null ? error : {}) as {
    command?: { name?: unknown; args?: unknown };
  };
  if (typeof command === 'object' && command !== null && /^(auth|hello)$/i.test(String(command.name))) {
    command.args = [HIDDEN];
  }
  return error;
}
