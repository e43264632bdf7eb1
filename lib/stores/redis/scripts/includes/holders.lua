-- Functions for the locks that several tokens hold at once: shared ones and semaphores.
-- Reads: key, holders, owner, live, clock(). Defines: see, fits, enter, leave, holder, conflictWith.
--
-- The key is a string for every kind, so that plain `SET NX` clients are kept out and see "busy". It is the owner's token for
-- an exclusive lock, otherwise a marker of the kind. The tokens that hold the key are then in the holders, a sorted set, by
-- the server's time in ms at which each lease ends. The key and its holders expire when the last lease ends.
--
-- A token holds the key only if the key is its kind's marker and the holders have the token, unexpired. So a client that
-- deletes or replaces the key ends all leases. The holders are emptied whenever the key becomes a marker anew, because they are
-- of a former life then. A marker without a holder counts as a free key.

local function milliseconds()
  return math.floor(clock() / 1000)
end

-- The key is a marker: removes the holders with an expired lease.
function see()
  local first = call('ZRANGE', holders, '0', '0', 'WITHSCORES')[2]
  if first and tonumber(first) < milliseconds() then
    call('ZREMRANGEBYSCORE', holders, '-inf', '(' .. string.format('%.0f', milliseconds()))
  end
  live = call('ZCARD', holders)
  if live == 0 then
    call('DEL', key)
    owner = false
  end
end

function fits(marker, limit)
  return not owner or (owner == marker and live < limit)
end

-- Makes the token, which fits and is not exclusive, one of the holders.
function enter(token, marker, ttl)
  local till, latestEnd = milliseconds() + ttl, nil
  if owner then
    latestEnd = tonumber(call('ZRANGE', holders, '-1', '-1', 'WITHSCORES')[2])
  else
    -- Only if the set exists: after any write the server would overlook that it has no memory for the next one.
    if call('EXISTS', holders) == 1 then call('DEL', holders) end
    call('SET', key, marker, 'PX', ttl)
    owner = marker
  end
  call('ZADD', holders, till, token)
  live = live + 1
  if not latestEnd or till > latestEnd then
    call('PEXPIREAT', key, till)
    call('PEXPIREAT', holders, till)
  end
end

-- Removes the token from the holders, or keeps it there for the time given. Returns whether the token was a holder.
-- The key is left to the caller if the token was the last one.
function leave(token, keptFor)
  local score = live > 0 and call('ZSCORE', holders, token)
  if not score then return false end
  -- Also if the token is to be kept: the next write is let through then if the server has no memory.
  call('ZREM', holders, token)
  if keptFor then
    call('ZADD', holders, milliseconds() + keptFor, token)
  else
    live = live - 1
  end
  if live == 0 then
    owner = false
    return true
  end
  local latestEnd = tonumber(call('ZRANGE', holders, '-1', '-1', 'WITHSCORES')[2])
  if keptFor or latestEnd < tonumber(score) then
    -- PEXPIREAT would delete at once what ends in this very millisecond.
    latestEnd = math.max(latestEnd, milliseconds() + 1)
    call('PEXPIREAT', key, latestEnd)
    call('PEXPIREAT', holders, latestEnd)
  end
  return true
end

-- The holder to wait for, and for how long: the last reader, as a writer needs all of them gone; the first of a semaphore.
function holder()
  local at = owner == SHARED and '-1' or '0'
  local one = call('ZRANGE', holders, at, at, 'WITHSCORES')
  return one[1], math.max(0, tonumber(one[2]) - milliseconds())
end

-- The kind of a token or of a marker. Nothing for a foreign value.
local function kindOf(value)
  local session, marker = readToken(value)
  if value == SHARED or marker == SHARED then return 'shared' end
  if value == SEMAPHORE or marker == SEMAPHORE then return 'semaphore' end
  return session and 'exclusive'
end

-- The kind of the tokens that hold the key, or else queue for it, if a token with this marker conflicts with that kind.
function conflictWith(marker, tail)
  local kind = owner and kindOf(owner) or tail and kindOf(tail)
  if kind and (kind == 'semaphore') ~= (marker == SEMAPHORE) then return kind end
end
