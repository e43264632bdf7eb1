/**
 * `turn`: give up one token, ask with another, hand the key to the first of its queue for as long as they fit. One atomic
 * step, idempotent by token.
 *
 * KEYS  1 K, the key: the owner's token, or the marker of several, a string with an expiry (see holders.ts)
 *       2 Q, its queue: a sorted set of the waiting tokens, by place
 *       3 F, the counter of fences
 *       4 H, the holders where there may be several. To ask with an exclusive token alone it may be left out
 * ARGV  1 the token to give up, or ''
 *       2 the token to ask with, or ''
 *       3 its ttl in ms
 *       4 the server's time in µs after which nothing must happen
 *       5 'once' | 'queue' | 'check' ('queue')
 *       6 how many fences to draw, at the most (1). Always given with a token that is not exclusive: that keeps it out
 *         of the first of the two common cases
 *       7 the place to take back, or '' ('')
 *       8 ms to keep the token a holder for instead of freeing its place (none)
 *       Trailing ones that are '' or at their default, in brackets, may be left out.
 *
 * Reply, to giving up alone: 1 if the token held K, else 0. To asking alone for one fence, when granted: the fence. Else
 *       { released, first fence, how many }                       granted
 *       { released, 0, a holder's token, ms left (-1: no expiry) }   busy
 *       { released, 0, the same two, place, length, rank, the latest fence }   queued
 *       { released, -1 }                                          gone
 *       { released, -2, server's time in µs }                     too late: nothing was done
 *       { released, -3, kind }                                    mixed: others are there that the kind does not go with
 *       { 0, -4 }                                                 again, with H: nothing was granted
 *       An error of PUBLISH is the last element, where one came.
 *
 * Order of commands: what may fail by type or by right is read before anything is written, and giving up frees memory
 * before it sets anything, so that it works while the server refuses writes for want of memory.
 */
import { OFFER_MS } from '../../../core/contracts/store.contract.js';
import { COUNTER_ERROR, LATEST_FENCE, MOST_AHEAD, TOP_OF_FENCES } from './fences.js';
import { HOLDERS } from './holders.js';
import { REACHING } from './reaching.js';
import { defineScript } from './script.js';

/** How long a queue outlives its last look, in ms: more than three of the longest looks. */
const QUEUE_MS = 60_000;

/** How often hand-overs set the queue's expiry anew, in µs. */
const QUEUE_AGE = 10_000_000;

/** The most waiters that are granted the key, or found dead and skipped, in one run. */
const MOST_PROMOTED = 100;

export const TURN_BODY = `
local call = redis.call
local K, Q, F, H = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local old, new = ARGV[1], ARGV[2]
local owner
local first -- of the queue, and its place, where it was taken off to be handed the key

-- The two commonest cases, before anything is prepared for the others.
if old == '' then
  if not ARGV[6] and ARGV[5] ~= 'check' and call('EXISTS', Q) == 0 then
    local time = call('TIME')
    local fence = time[1] * 1000000 + time[2]
    if fence <= tonumber(ARGV[4]) then
      -- The counter is behind the clock, or lost. If it is anything else, it is looked at below.
      local last = redis.pcall('GET', F)
      if (last == false or (tonumber(last) or fence) < fence) and call('SET', K, new, 'NX', 'PX', ARGV[3]) then
        call('SET', F, string.format('%.0f', fence))
        return fence
      end
    end
  end
else
  owner = call('GET', K)
  if not new and owner == old then
    first = call('ZPOPMIN', Q)
    if not first[1] then
      call('DEL', K)
      return 1
    end
  end
end

local released, now, failure = 0, nil, nil
local skipped = 0 -- waiters that could not be reached
local count = tonumber(ARGV[6]) or 1

local function clock()
  if not now then
    local time = call('TIME')
    now = time[1] * 1000000 + time[2]
  end
  return now
end

${TOP_OF_FENCES}
${LATEST_FENCE}
-- The first of the fences, and how many they are.
local function draw(last, count)
  local top = topOfFences(last, count, clock())
  call('SET', F, string.format('%.0f', top))
  local drawn = math.min(count, top - last)
  return top - drawn + 1, drawn
end

local function lastFence()
  local last, failed = latestFence(F, clock())
  if failed then error(failed['err'], 0) end
  return last
end

${REACHING}
-- A waiter's party, and '' where it waits for an exclusive lock.
local function waiter(token)
  return string.match(token, '^nl1:([^:]+):%w+(%-?)')
end

-- Tells a waiter that K is its own, given the latest fence. Returns the latest one by now, and whether it was reached.
local function offer(token, party, last)
  local fence = math.max(last + 1, clock())
  local reached = reach(F, party, string.format('%.0f', fence) .. ' ' .. token .. ' ' .. K)
  if type(reached) == 'table' then
    failure = reached['err']
    return last, false
  end
  -- Of those who were not reached too: a replica may have passed it on to somebody who is not counted.
  call('SET', F, string.format('%.0f', fence))
  return fence, reached > 0
end

-- The third common case, a hand-over: an exclusive lock goes to the next in the queue, for an exclusive one again, and
-- whoever had it may queue anew, at the end. Who cannot be reached is off the queue, and the rest is as below, for which
-- more functions are made: that costs as much as a command.
if owner == old and new and (ARGV[5] or 'queue') == 'queue' and not ARGV[7] and not ARGV[8]
  and (not ARGV[6] or select(2, waiter(new)) == '') and clock() <= tonumber(ARGV[4]) then
  first = call('ZPOPMIN', Q)
end
if first and first[1] then
  local head = first[1]
  local party, mark = waiter(head)
  local last, failed
  if mark == '' and head ~= new then last, failed = latestFence(F, clock()) end
  if not last then
    -- Another case, or the counter cannot be read.
    call('ZADD', Q, first[2], head)
    if failed then
      -- The queue had lost its expiry with its last member.
      call('PEXPIRE', Q, ${QUEUE_MS})
      return failed
    end
  else
    local fence, reached = offer(head, party, last)
    if reached then
      call('SET', K, head, 'PX', ${OFFER_MS})
      if not new then return 1 end
      -- Places and fences are drawn from one counter: behind all others it is.
      local place = string.format('%.0f', fence)
      call('ZADD', Q, place, new)
      local length = call('ZCARD', Q)
      -- The first hand-over of an interval takes off one that has stood there since the former.
      if length == 1 or math.floor(fence / ${QUEUE_AGE}) ~= math.floor(first[2] / ${QUEUE_AGE}) then
        call('PEXPIRE', Q, ${QUEUE_MS})
      end
      return { 1, 0, head, ${OFFER_MS}, place, length, length - 1, fence }
    end
    skipped = 1
    now = nil -- the next one's fence must not be ahead of it
  end
end

new = new or ''
${HOLDERS}
local mine = false -- is the asking token a holder?

-- K is free for the token, or it fits.
local function grant(token, marker, ttl)
  if marker then return enter(token, marker, ttl) end
  owner = token
  call('SET', K, token, 'PX', ttl)
end

-- Grants K to the first in the queue that can be reached, and to the next, for as long as they fit. The asking token gets
-- it without a message. Returns whether H is needed: nothing was granted then.
local function promote(ttl)
  local last = nil
  for _ = skipped + 1, ${MOST_PROMOTED} do
    if owner and live == 0 then return end
    local head = call('ZRANGE', Q, 0, 0)[1]
    if not head then return end
    local party, mark = waiter(head)
    local marker, limit
    if mark == '-' then
      if not H then return true end
      several()
      marker, limit = sharing(head)
      if not fits(marker, limit) then return end
    elseif owner then
      return
    end
    last = last or lastFence()
    call('ZREM', Q, head)
    if head == new then
      mine = true
      grant(new, marker, ttl)
    elseif party then
      local reached
      last, reached = offer(head, party, last)
      if reached then grant(head, marker, ${OFFER_MS}) end
      -- Read anew for the next one, whose fence must not be ahead of it.
      now = nil
    end
  end
end

if new ~= '' and skipped == 0 and clock() > tonumber(ARGV[4]) then
  return { 0, -2, string.format('%.0f', now) }
end

if old ~= '' then
  owner = owner or call('GET', K)
  if owner == SHARED or owner == SEMAPHORE then
    several()
    see()
  end
  if owner == old then
    released = 1
    if ARGV[8] then
      call('PEXPIRE', K, ARGV[8])
    else
      owner = false
    end
  elseif live > 0 and leave(old, ARGV[8]) then
    released = 1
  else
    call('ZREM', Q, old)
  end
  local freed = released == 1 and not owner
  if new ~= '' then
    if freed then call('DEL', K) end
  else
    -- To take the next one off the queue frees memory as well.
    promote()
    if freed and not owner then call('DEL', K) end
    if failure then return { released, failure } end
    return released
  end
end

local ttl, mode = ARGV[3], ARGV[5] or ''
if mode == '' then mode = 'queue' end
local marker, limit
if ARGV[6] then
  several()
  marker, limit = sharing(new)
end
local alone = mode ~= 'check' and call('EXISTS', Q) == 0

-- Nobody queues, and the key may be free by now.
if alone and not marker and not owner then
  local last = lastFence()
  if call('SET', K, new, 'NX', 'PX', ttl) then
    return { released, draw(last, count) }
  end
end

if owner == nil then
  owner = call('GET', K)
  if owner == SHARED or owner == SEMAPHORE then
    if not H then return { 0, -4 } end
    several()
    see()
  end
end
if owner == new or (owner == marker and call('ZSCORE', H, new)) then
  lastFence() -- nothing is written if it cannot be read
  mine = true
  if marker then
    extend(K, H, new, milliseconds(), ttl)
  elseif call('PTTL', K) < tonumber(ttl) then
    call('PEXPIRE', K, ttl)
  end
elseif mode ~= 'check' and (alone or not call('ZSCORE', Q, new)) then
  local tail = alone and {} or call('ZRANGE', Q, -1, -1, 'WITHSCORES')
  -- Among exclusive ones alone there is no other kind.
  if marker or live > 0 or (tail[1] and string.find(tail[1], '^nl1:[^:]+:%w+%-')) then
    several()
    if otherKind(marker, tail[1]) then
      -- Dead ones in the queue are no reason to refuse it.
      if promote() then return { 0, -4 } end
      tail = call('ZRANGE', Q, -1, -1, 'WITHSCORES')
      local other = otherKind(marker, tail[1])
      if other then return { released, -3, other, failure } end
    end
  end
  local room = not tail[1] and (not owner or (marker and fits(marker, limit)))
  if mode == 'queue' and not room then
    local place = ARGV[7] or ''
    if place == '' then
      -- Behind all others; the counter goes on from it, as a hand-over does not look at the last one's place.
      place = math.max((tonumber(tail[2]) or 0) + 1, lastFence() + 1, clock())
      if place > clock() + ${MOST_AHEAD} then error("${COUNTER_ERROR} place '" .. Q .. "'", 0) end
      place = string.format('%.0f', place)
      call('SET', F, place)
      now = nil
    end
    call('ZADD', Q, place, new)
  end
end
if promote(ttl) then return { 0, -4 } end

-- Nobody queues any more.
local room = not owner or (marker and live > 0 and fits(marker, limit))
local enters = mode ~= 'check' and not mine and room and call('EXISTS', Q) == 0
if mine or enters then
  local last = lastFence()
  if enters then grant(new, marker, ttl) end
  local fence, drawn = draw(last, count)
  return { released, fence, drawn, failure }
end
if mode ~= 'once' and not call('ZSCORE', Q, new) then return { released, -1, failure } end

local answer = { released, 0, owner or '', owner and live == 0 and call('PTTL', K) or 0 }
if live > 0 then
  answer[3], answer[4] = holder()
end
if mode ~= 'once' then
  call('PEXPIRE', Q, ${QUEUE_MS})
  answer[5] = call('ZSCORE', Q, new)
  answer[6] = call('ZCARD', Q)
  answer[7] = call('ZRANK', Q, new)
  answer[8] = lastFence()
end
answer[#answer + 1] = failure
return answer
`;

export const TURN = defineScript(TURN_BODY);
