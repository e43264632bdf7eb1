/** Explains the errors of the scripts about a fence counter that no fence may be drawn from. */
import { quoted } from '../../../errors/index.js';
import { COUNTER_ERROR } from '../scripts/scripts.js';

const SAID = new RegExp(`${COUNTER_ERROR} (\\w+) '(.*)'`, 's');

const WRONG: Record<string, string> = {
  ahead: 'is more than a day ahead of the clock of Redis',
  number: 'contains no whole number',
  type: 'is not a string (WRONGTYPE; something that is not a lock uses this key, so choose another "prefix")',
};

/**
 * What is wrong, and what to do about it.
 * @param said the message of the server's error.
 * @returns undefined for another error.
 */
export function counterTrouble(said: string): string | undefined {
  const [, why = '', name = ''] = SAID.exec(said) ?? [];
  if (why === 'place') {
    return (
      `The queue ${quoted(name)} contains a score that is more than a day ahead of the clock of Redis. ` +
      `Delete the queue: the waiters enter it again.`
    );
  }
  const wrong = WRONG[why];
  if (wrong === undefined) return undefined;
  return (
    `The fence counter ${quoted(name)} ${wrong}, so no lock is granted. If the clock of Redis is right, delete the counter: ` +
    'fences then continue from the clock. See "What a fence is" in docs/fencing.md.'
  );
}
