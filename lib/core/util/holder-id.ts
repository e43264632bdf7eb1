import { createHash } from 'node:crypto';

/** The id of a holder. Tokens never leave the process: a client that knows a token could release its lock. */
export function holderId(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 12);
}
