/** The text of an error, also of one that has no message of its own. */

/** The message of an error; of its parts where it has none, as when each address of a host refused. */
export function messageOf(error: unknown): string {
  // By structure: errors of Node's own are of another realm inside jest.
  const { message, name, errors } = (error ?? {}) as { message?: unknown; name?: unknown; errors?: unknown };
  if (typeof message !== 'string') return String(error);
  if (message !== '') return message;
  return Array.isArray(errors) ? errors.map(messageOf).join('; ') : String(name);
}
