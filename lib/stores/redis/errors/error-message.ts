/** The text of an error, also of one that has no message of its own. */

/**
 * The message of an error. If the message is empty, the messages of the error's parts: an example is a host of which
 * each address refused the connection.
 */
export function messageOf(error: unknown): string {
  // By structure: in jest, the errors of Node itself belong to another realm.
  const { message, name, errors } = (error ?? {}) as { message?: unknown; name?: unknown; errors?: unknown };
  if (typeof message !== 'string') return String(error);
  if (message !== '') return message;
  return Array.isArray(errors) ? errors.map(messageOf).join('; ') : String(name);
}
