/** A counter of fences that no fence may be drawn from: what the scripts say of it, for people. */
import { quoted } from '../../../errors/index.js';
import { COUNTER_ERROR } from '../scripts/fences.js';

const SAID = new RegExp(`${COUNTER_ERROR} (\\w+) '(.*)'`, 's');

const WRONG: Record<string, string> = {
  ahead: 'is more than a day ahead of the clock of Redis',
  number: 'holds no whole number',
  type: 'is no string (WRONGTYPE; it is not a lock\'s, so another "prefix" may be the cure)',
};

/** The trouble and its cure; undefined for another error. @param said the message of the server's error. */
export function counterTrouble(said: string): string | undefined {
  const [, why = '', name = ''] = SAID.exec(said) ?? [];
  if (why === 'place') {
    return (
      `The queue ${quoted(name)} holds a place that is more than a day ahead of the clock of Redis. ` +
      `Delete the queue: those who wait take their places again.`
    );
  }
  const wrong = WRONG[why];
  if (wrong === undefined) return undefined;
  return (
    `The counter of fences ${quoted(name)} ${wrong}, so no lock is granted. If the clock of Redis is right, delete the counter: ` +
    'fences go on from the clock. See "What a fence is" in docs/fencing.md.'
  );
}
