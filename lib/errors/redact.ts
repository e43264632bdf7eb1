/** Keeps passwords out of messages, logs and causes. No other file does this, so only this file has to be checked. */

/** The text in place of a secret. */
export const HIDDEN = '***';

/** Whether an option with this name has a secret as its value. */
export function namesSecret(name: string): boolean {
  return /pass|secret|token|auth|credential/i.test(name);
}

/**
 * A URL without its credentials: the text between the scheme and the last `@`, and the URL's parameters that are named
 * for credentials. The text need not be a valid URL: a password with an unescaped `@` or `/` often makes it invalid.
 */
export function redactUrl(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:)?(\/{0,2}).*@/is, `$1$2${HIDDEN}@`)
    .replace(/([?&](?:username|password)=)[^&]*/gi, `$1${HIDDEN}`);
}

/** A text in which the URLs of Redis have no credentials. */
export function redactText(text: string): string {
  return text.replace(/(rediss?:\/\/)\S*@/gi, `$1${HIDDEN}@`);
}

/**
 * Removes the arguments of the login from an error of ioredis. The error carries the failed command, and the arguments
 * of `AUTH` and `HELLO` contain the password. ioredis rejects every command that waited for the login with the same
 * error.
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
