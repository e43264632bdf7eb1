/** Keeps passwords out of messages, logs and causes. */

const HIDDEN = '***';

/**
 * A URL without its credentials. Everything up to the last `@` goes, since a URL is shown when it is malformed, and
 * a password with an unescaped `@` or `/` is what mostly makes it so.
 */
export function redactUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:)?(\/{0,2}).*@/is, `$1$2${HIDDEN}@`)
    .replace(/([?&](?:username|password)=)[^&]*/gi, `$1${HIDDEN}`);
}

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
