/**
 * `turns`: several turns in one command, one after the other: most of what a turn costs, here and at the server, is the
 * command. Each is what it would be alone; that one fails does not touch the others.
 *
 * KEYS  1 F, the counter of fences    then K and Q of each turn, and H where it is declared
 * ARGV  of each turn: how many arguments of `turn` follow, below 0 where H is declared, and these
 *
 * Reply: each turn's reply, or its error, in their order.
 *
 * The two common cases of `turn` are seen to here, with one block of fences for all asks: it is drawn by the rule for a
 * block (see fences.ts), and the counter is written once. What is not one of them, or finds the block used up, goes the
 * whole way, for which the counter is written before.
 */
import { LATEST_FENCE, TOP_OF_FENCES } from './fences.js';
import { defineScript } from './script.js';
import { TURN_BODY } from './turn.script.js';

/** The most turns of one command: the server does nothing else meanwhile, for some 5 µs each. */
export const MOST_TURNS = 32;

export const TURNS = defineScript(`
local function turn(KEYS, ARGV)
${TURN_BODY}
end
${TOP_OF_FENCES}
${LATEST_FENCE}
local call = redis.call
local F = KEYS[1]
local most = math.floor((#KEYS - 1) / 2) -- of the turns
local replies = {}
local now, last, top -- the block, where one is drawn: the fences above last, up to top
local unwritten = {} -- the turns that have some of them

local function failed(reply)
  return { err = type(reply) == 'table' and reply['err'] or tostring(reply) }
end

local function drawBlock()
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
  local drawn, trouble = latestFence(F, now)
  if trouble then error(trouble['err'], 0) end
  top = topOfFences(drawn, most, now)
  last = math.max(drawn, top - most)
end

local function writeFences()
  if #unwritten > 0 then
    local written, reply = pcall(call, 'SET', F, string.format('%.0f', last))
    if not written then
      for _, i in ipairs(unwritten) do replies[i] = failed(reply) end
    end
    unwritten = {}
  end
  top = nil
end

-- A common case's reply; nil where it is none.
local function common(i, K, Q, count, at)
  if count == 1 then
    local old = ARGV[at + 1]
    if old ~= '' and call('GET', K) == old and call('EXISTS', Q) == 0 then
      call('DEL', K)
      return 1
    end
  elseif ARGV[at + 1] == '' and (count == 4 or (count == 5 and ARGV[at + 5] ~= 'check')) then
    if not top then drawBlock() end
    if last < top and now <= tonumber(ARGV[at + 4]) and call('EXISTS', Q) == 0
      and call('SET', K, ARGV[at + 2], 'NX', 'PX', ARGV[at + 3]) then
      last = last + 1
      unwritten[#unwritten + 1] = i
      return last
    end
  end
end

local at, key, i = 1, 2, 0
while at <= #ARGV do
  local K, Q, H, count = KEYS[key], KEYS[key + 1], nil, tonumber(ARGV[at])
  i = i + 1
  key = key + 2
  if count < 0 then
    count = -count
    H = KEYS[key]
    key = key + 1
  end
  local done, reply = pcall(common, i, K, Q, count, at)
  if done and reply == nil then
    writeFences()
    local arguments = {}
    for j = 1, count do arguments[j] = ARGV[at + j] end
    done, reply = pcall(turn, { K, Q, F, H }, arguments)
  end
  replies[i] = done and reply or failed(reply)
  at = at + count + 1
end
writeFences()
return replies
`);
