/**
 * `turn`: give up one token, ask with another, hand a free key to the first of its queue. One atomic step, idempotent
 * by token.
 *
 * KEYS  1 K, the key: the owner's token, a string with an expiry
 *       2 Q, its queue: a sorted set of the waiting tokens, by place
 *       3 F, the counter of fences
 * ARGV  1 the token to give up, or ''
 *       2 ms to keep K busy for instead of freeing it, or '0'
 *       3 the token to ask with, or ''
 *       4 its ttl in ms          5 how many fences to draw      6 'once' | 'queue' | 'look'
 *       7 the place to take back, or ''
 *       8 the server's time in µs after which nothing must happen, or '0'
 *       9 what a party's name is appended to for its channel
 *
 * Reply, to giving up alone: 1 if the token owned K, else 0. To an ask:
 *       { released, fence }                                       granted
 *       { released, 0, K's token, ms left (-1: no expiry) }       busy
 *       { released, 0, the same two, place, length, rank }        queued
 *       { released, -1 }                                          gone
 *       { released, -2, server's time in µs }                     too late: nothing was done
 *       An error of PUBLISH is the last element, where one came.
 *
 * Order of commands: what may fail by type or by right is read before anything is written, and giving up frees memory
 * before it sets anything, so that it works while the server refuses writes for want of memory.
 */
import { OFFER_MS } from '../../../core/store.contract.js';
import { defineScript } from './script.js';

/** How long a queue outlives its last look, in ms: more than three of the longest looks. */
const QUEUE_MS = 60_000;

/** The most waiters that are found dead, and skipped, in one run. */
const MOST_SKIPPED = 100;

export const TURN = defineScript(`
local K, Q, F = KEYS[1], KEYS[2], KEYS[3]
local old, new = ARGV[1], ARGV[3]
local released, now, owner, failure = 0, nil, nil, nil

local function clock()
  if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
  end
  return now
end

local function draw(last, count)
  local first = math.max(last + 1, clock())
  redis.call('SET', F, string.format('%.0f', first + count - 1))
  return first
end

local function lastFence()
  return tonumber(redis.call('GET', F) or '0') or 0
end

-- K is free: hand it to the first in the queue that can be reached. The asking token gets it without a message.
local function promote(ttl)
  local last = nil
  for _ = 1, ${MOST_SKIPPED} do
    local head = redis.call('ZRANGE', Q, 0, 0)[1]
    if not head then return end
    last = last or lastFence()
    redis.call('ZREM', Q, head)
    if head == new then
      owner = new
      redis.call('SET', K, new, 'PX', ttl)
      return
    end
    local party = string.match(head, '^nl1:([^:]+):')
    if party then
      local fence = math.max(last + 1, clock())
      local reached = redis.pcall('PUBLISH', ARGV[9] .. party, string.format('%.0f', fence) .. ' ' .. head .. ' ' .. K)
      if type(reached) == 'table' then
        failure = reached['err']
      elseif reached > 0 then
        owner = head
        redis.call('SET', K, head, 'PX', ${OFFER_MS})
        draw(last, 1)
        return
      end
    end
  end
end

if new ~= '' and ARGV[8] ~= '0' and clock() > tonumber(ARGV[8]) then
  return { 0, -2, string.format('%.0f', now) }
end

if old ~= '' then
  owner = redis.call('GET', K)
  if owner == old then
    released = 1
    if ARGV[2] ~= '0' then
      redis.call('PEXPIRE', K, ARGV[2])
    else
      redis.call('DEL', K)
      owner = nil
    end
  else
    redis.call('ZREM', Q, old)
  end
  if new == '' then
    if not owner then promote() end
    if failure then return { released, failure } end
    return released
  end
end

local ttl, mode = ARGV[4], ARGV[6]

-- The common case: nobody queues, and the key is free.
if mode ~= 'look' and redis.call('EXISTS', Q) == 0 then
  local last = lastFence()
  if redis.call('SET', K, new, 'NX', 'PX', ttl) then
    return { released, draw(last, tonumber(ARGV[5])) }
  end
end

owner = redis.call('GET', K)
local place = redis.call('ZSCORE', Q, new)
if mode == 'queue' and owner ~= new and not place then
  place = ARGV[7]
  if place == '' then
    local tail = redis.call('ZRANGE', Q, -1, -1, 'WITHSCORES')[2]
    place = string.format('%.0f', math.max((tonumber(tail) or 0) + 1, clock()))
  end
  redis.call('ZADD', Q, place, new)
end
if not owner then promote(ttl) end

local answer
if owner == new or (not owner and mode == 'once') then
  local last = lastFence()
  if owner ~= new then
    redis.call('SET', K, new, 'PX', ttl)
  elseif redis.call('PTTL', K) < tonumber(ttl) then
    redis.call('PEXPIRE', K, ttl)
  end
  answer = { released, draw(last, tonumber(ARGV[5])) }
elseif mode ~= 'once' and not redis.call('ZSCORE', Q, new) then
  answer = { released, -1 }
else
  answer = { released, 0, owner or '', owner and redis.call('PTTL', K) or 0 }
  if mode ~= 'once' then
    redis.call('PEXPIRE', Q, ${QUEUE_MS})
    answer[5] = redis.call('ZSCORE', Q, new)
    answer[6] = redis.call('ZCARD', Q)
    answer[7] = redis.call('ZRANK', Q, new)
  end
end
if failure then answer[#answer + 1] = failure end
return answer
`);
