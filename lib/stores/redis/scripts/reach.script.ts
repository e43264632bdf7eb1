/**
 * `reach`: send a message to a party, as a hand-off is sent.
 *
 * KEYS  1 F, the counter of fences, which is not read: it leads to where the hand-offs are made
 * ARGV  1 the party     2 the message
 *
 * Reply: how many received it.
 */
import { REACHING } from './reaching.js';
import { defineScript } from './script.js';

export const REACH = defineScript(`${REACHING}
return reach(KEYS[1], ARGV[1], ARGV[2])
`);
