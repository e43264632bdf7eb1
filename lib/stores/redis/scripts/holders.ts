/**
 * Lua for the locks that several tokens hold at once, shared ones and semaphores.
 *
 * K is a string for every kind, so that plain `SET NX` clients are kept out and see "busy": for an exclusive lock the
 * owner's token, else a marker of the kind. The tokens that hold it are then in H, a sorted set, by the server's time in ms
 * at which each one's lease ends; K and H expire when the last of them ends.
 *
 * A token holds the key only if K is its kind's marker and H has it, unexpired. So whoever deletes or replaces K ends
 * them all, and H is emptied whenever K becomes a marker anew: what was in it is of a former life. A marker without a
 * holder, as when H alone was deleted, is as good as no key.
 *
 * H is declared by each command that gives a token up, since readers may wait for it, and by each command with a token that
 * is not exclusive. To ask with an exclusive token leaves it out, as each key costs time at the server. If such an ask
 * meets several holders, or readers to hand a free key to, it grants nothing and is answered "again": it is sent again
 * with H (see shared-keys.ts).
 */

/** What K is while tokens of a kind hold it. No token looks so: `*` is no party. */
export const MARKERS = { shared: 'nl1:*:shared', semaphore: 'nl1:*:semaphore' } as const;

/** Defines `sharing(token)`, which is local where it is used. */
export const KINDS = `
-- The marker of the token's kind, and how many may hold the key with it; none and 1 for an exclusive one.
function sharing(token)
  local mark = string.match(token, '^nl1:[^:]+:%w+%-(%w+):')
  if not mark then return nil, 1 end
  if mark == 's' then return '${MARKERS.shared}', math.huge end
  return '${MARKERS.semaphore}', tonumber(mark)
end
`;

/**
 * Defines `extend(K, H, token, now, ttl)`, local where it is used: makes what is left of a holder's lease at least its ttl.
 * The expiries go first: they take no memory, and let the rest through when the server has none.
 */
export const EXTEND = `
function extend(K, H, token, now, ttl)
  local till = now + ttl
  if till <= tonumber(redis.call('ZSCORE', H, token)) then return end
  local last = math.max(till, tonumber(redis.call('ZRANGE', H, -1, -1, 'WITHSCORES')[2]))
  redis.call('PEXPIREAT', K, last)
  redis.call('PEXPIREAT', H, last)
  redis.call('ZADD', H, till, token)
end
`;

/**
 * For `turn`, whose K, Q, F, H, owner and clock it goes on from. `owner` is what K is: nil while it was not looked at, and
 * false for a free key; `live` is how many hold it by way of H, 0 where K is no marker.
 *
 * The functions are made by `several()` only, where several may be concerned: to make them costs as much as a command.
 */
export const HOLDERS = `
local SHARED, SEMAPHORE = '${MARKERS.shared}', '${MARKERS.semaphore}'
local live = 0
local milliseconds, see, fits, enter, leave, holder, kindOf, otherKind
local sharing, extend

local function several()
if see then return end
${KINDS}
${EXTEND}
function milliseconds()
  return math.floor(clock() / 1000)
end

-- K is a marker: leaves out the holders whose time is over.
function see()
  local first = call('ZRANGE', H, 0, 0, 'WITHSCORES')[2]
  if first and tonumber(first) < milliseconds() then
    call('ZREMRANGEBYSCORE', H, '-inf', '(' .. string.format('%.0f', milliseconds()))
  end
  live = call('ZCARD', H)
  if live == 0 then
    call('DEL', K)
    owner = false
  end
end

function fits(marker, limit)
  return not owner or (owner == marker and live < limit)
end

-- Makes the token, which fits and is not exclusive, one of the holders.
function enter(token, marker, ttl)
  local till, last = milliseconds() + ttl, nil
  if owner then
    last = tonumber(call('ZRANGE', H, -1, -1, 'WITHSCORES')[2])
  else
    -- Only if it is there: any write, even in vain, would make the server overlook that it has no memory for the next.
    if call('EXISTS', H) == 1 then call('DEL', H) end
    call('SET', K, marker, 'PX', ttl)
    owner = marker
  end
  call('ZADD', H, till, token)
  live = live + 1
  if not last or till > last then
    call('PEXPIREAT', K, till)
    call('PEXPIREAT', H, till)
  end
end

-- Takes the token from the holders, or keeps it there for the time given. Was it one of them? K is left to the caller
-- when it was the last.
function leave(token, keepFor)
  local score = live > 0 and call('ZSCORE', H, token)
  if not score then return false end
  -- Also if it is to be kept: the next write is let through then when the server has no memory.
  call('ZREM', H, token)
  if keepFor then
    call('ZADD', H, milliseconds() + keepFor, token)
  else
    live = live - 1
  end
  if live == 0 then
    owner = false
    return true
  end
  local last = tonumber(call('ZRANGE', H, -1, -1, 'WITHSCORES')[2])
  if keepFor or last < tonumber(score) then
    -- PEXPIREAT would delete at once what ends in this very millisecond.
    last = math.max(last, milliseconds() + 1)
    call('PEXPIREAT', K, last)
    call('PEXPIREAT', H, last)
  end
  return true
end

-- Who is to be waited for, and how long: the last of readers, as a writer needs them all gone; the first of a semaphore's.
function holder()
  local at = owner == SHARED and -1 or 0
  local one = call('ZRANGE', H, at, at, 'WITHSCORES')
  return one[1], math.max(0, tonumber(one[2]) - milliseconds())
end

-- What kind a token is of, or K's value; nil for a foreign one.
function kindOf(value)
  if value == SHARED then return 'shared' end
  if value == SEMAPHORE then return 'semaphore' end
  local mark = string.match(value, '^nl1:[^:]+:%w+%-?(%w*):')
  if not mark then return nil end
  return mark == '' and 'exclusive' or mark == 's' and 'shared' or 'semaphore'
end

-- The kind of those who hold the key, or else queue for it, where one with this marker does not go with them.
function otherKind(marker, tail)
  local kind = owner and kindOf(owner) or tail and kindOf(tail)
  if kind and (kind == 'semaphore') ~= (marker == SEMAPHORE) then return kind end
end
end
`;
