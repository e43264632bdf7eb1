-- The general case: releases one token, acquires with another, and hands the key to the first of its queue for as long as the
-- next one fits. One atomic step, idempotent by token.
-- Reads: key, queue, domain, holders (nil if not declared), release ('' for none), acquire ('' for none), ttl, notAfter, mode,
-- count, queueScore, releaseAfter (each of the two nil or '' for none); and owner, now, latest, failure, skipped if they are known.
-- Returns the reply.
--
-- A command that may fail by type or by right reads before anything is written. Releasing frees memory before it sets anything,
-- so that it works while the server refuses writes.
local released = 0
-- How many tokens hold the key by way of the holders. 0 if the key is no marker.
local live = 0
-- The fence of the latest offer of this run.
local offered
-- Does the acquiring token hold the key?
local mine = false

--- @include token
local function clock()
  if not now then
    --- @include clock
  end
  return now
end

-- The range of up to `most` fences. Nothing is written if no fence may be drawn.
local function fences(most)
  clock()
  local count = most
  local last, top, failed
  --- @include fences
  if failed then error(failed['err'], 0) end
  return last, top
end

local function write(top)
  call('SET', domain, top)
  latest = top
end

-- Functions cost as much as a command. These are made only if several tokens may hold the key.
local see, fits, enter, leave, holder, conflictWith
local function several()
  if see then return end
  --- @include holders
end

-- The key is free for the token, or the token fits.
local function grant(token, marker, length)
  if marker then return enter(token, marker, length) end
  owner = token
  call('SET', key, token, 'PX', length)
end

-- Grants the key to the first of the queue that can be reached, and to the next, for as long as they fit. The acquiring token
-- gets the key without a message. At most 100 tokens are granted the key, or removed, in one call.
-- Returns whether the holders must be declared: nothing was granted then.
local function promote()
  for _ = 1 + (skipped or 0), 100 do
    if owner and live == 0 then return false end
    local head = call('ZRANGE', queue, '0', '0')[1]
    if not head then return false end
    local session, marker, limit = readToken(head)
    if marker then
      if not holders then return true end
      several()
      if not fits(marker, limit) then return false end
    elseif owner then
      return false
    end
    if head == acquire then
      fences(1)
      call('ZREM', queue, head)
      mine = true
      grant(head, marker, ttl)
    else
      clock()
      local reached, top, headScore, failed
      --- @include steps/offer
      if failed then error(failed['err'], 0) end
      if latest == top then offered = top end
      if reached then grant(head, marker, OFFER_MS) end
      -- The fence of the next offer must not be ahead of the clock.
      now = nil
    end
  end
  return false
end

-- Once a dead waiter was removed, something was done: the exchange goes on.
if (notAfter or '') ~= '' and not skipped and clock() > tonumber(notAfter) then
  return { 0, -2, string.format('%.0f', now) }
end

if release ~= '' then
  owner = owner or call('GET', key)
  if owner == SHARED or owner == SEMAPHORE then
    several()
    see()
  end
  if owner == release then
    released = 1
    if releaseAfter then
      call('PEXPIRE', key, releaseAfter)
    else
      owner = false
    end
  elseif live > 0 and leave(release, releaseAfter) then
    released = 1
  else
    call('ZREM', queue, release)
  end
  local freed = released == 1 and not owner
  -- A token that takes a place again may come before the waiters: none of them gets the key until the token is in the queue.
  -- To remove the first of the queue frees memory as well.
  if (queueScore or '') == '' then promote() end
  if freed and not owner then call('DEL', key) end
  if acquire == '' then
    if failure then return { released, failure } end
    return released
  end
end

local _, marker, limit = readToken(acquire)
if marker then several() end
local alone = mode ~= 'check' and call('EXISTS', queue) == 0

-- Nobody queues, and the key may be free by now.
if alone and not marker and not owner then
  clock()
  local taken, last, top, failed
  --- @include steps/take
  if failed then error(failed['err'], 0) end
  if taken then
    write(top)
    return { released, last + 1, top - last, failure }
  end
end

if owner == nil then
  owner = call('GET', key)
  if owner == SHARED or owner == SEMAPHORE then
    if not holders then return { 0, -4 } end
    several()
    see()
  end
end
if owner == acquire or (marker and owner == marker and call('ZSCORE', holders, acquire)) then
  fences(1)
  mine = true
  local token = acquire
  --- @include extend
elseif mode ~= 'check' and (alone or not call('ZSCORE', queue, acquire)) then
  local tail = alone and {} or call('ZRANGE', queue, '-1', '-1', 'WITHSCORES')
  -- Exclusive tokens alone conflict with nobody.
  if marker or live > 0 or (tail[1] and select(2, readToken(tail[1]))) then
    several()
    if conflictWith(marker, tail[1]) then
      -- Dead tokens in the queue are no reason to refuse the request.
      if promote() then return { 0, -4 } end
      tail = call('ZRANGE', queue, '-1', '-1', 'WITHSCORES')
      local kind = conflictWith(marker, tail[1])
      if kind then return { released, -3, kind, failure } end
    end
  end
  local room = not tail[1] and (not owner or (marker and fits(marker, limit)))
  if mode == 'queue' and not room then
    local score = queueScore or ''
    if score == '' then
      -- Behind all others. A hand-off takes the latest fence for a score, and does not read the last score of the queue. So the
      -- domain goes on from each score.
      score = offered or select(2, fences(1))
      score = math.max((tonumber(tail[2]) or 0) + 1, score)
      if score > clock() + 86400000000 then error("NLCOUNTER place '" .. queue .. "'", 0) end
      if score ~= offered then
        write(score)
        now = nil
      end
      score = string.format('%.0f', score)
    end
    call('ZADD', queue, score, acquire)
  end
end
if promote() then return { 0, -4 } end

-- Nobody queues any more.
local room = not owner or (marker and live > 0 and fits(marker, limit))
local enters = mode ~= 'check' and not mine and room and call('EXISTS', queue) == 0
if mine or enters then
  local last, top = fences(count)
  if enters then grant(acquire, marker, ttl) end
  write(top)
  return { released, last + 1, top - last, failure }
end
if mode ~= 'once' and not call('ZSCORE', queue, acquire) then return { released, -1, failure } end

local reply = { released, 0, owner or '', owner and live == 0 and call('PTTL', key) or 0 }
if live > 0 then
  reply[3], reply[4] = holder()
end
if mode ~= 'once' then
  call('PEXPIRE', queue, QUEUE_MS)
  if not latest then fences(1) end
  reply[5] = call('ZSCORE', queue, acquire)
  reply[6] = call('ZCARD', queue)
  reply[7] = call('ZRANK', queue, acquire)
  reply[8] = latest
end
reply[#reply + 1] = failure
return reply
