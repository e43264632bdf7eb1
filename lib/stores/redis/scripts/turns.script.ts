/**
 * `turns`: several turns in one command, one after the other: most of what a turn costs, here and at the server, is the
 * command. Each is what it would be alone; that one fails does not touch the others.
 *
 * KEYS  1 F, the counter of fences    then K and Q of each turn
 * ARGV  of each turn: how many arguments of `turn` follow, and these
 *
 * Reply: each turn's reply, or its error, in their order.
 */
import { defineScript } from './script.js';
import { TURN_BODY } from './turn.script.js';

/** The most turns of one command: the server does nothing else meanwhile, for some 5 µs each. */
export const MOST_TURNS = 32;

export const TURNS = defineScript(`
local function turn(KEYS, ARGV)
${TURN_BODY}
end

local replies, at = {}, 1
for i = 2, #KEYS, 2 do
  local arguments = {}
  for j = 1, tonumber(ARGV[at]) do arguments[j] = ARGV[at + j] end
  at = at + #arguments + 1
  local done, reply = pcall(turn, { KEYS[i], KEYS[i + 1], KEYS[1] }, arguments)
  if not done then reply = { err = type(reply) == 'table' and reply['err'] or tostring(reply) } end
  replies[#replies + 1] = reply
end
return replies
`);
