-- batch: several exchanges in one command, one after the other. Most of what an exchange costs, here and at the server, is the
-- command. Each exchange does what it would do alone, and a failure does not touch the others.
--
-- KEYS  the fence domain; then of each exchange the key, its queue, and the holders if they are declared
-- ARGV  of each exchange: the name of its script, and the arguments of that script, all of them.
--       'acquire' declares no holders; 'acquire with holders' does, and so do all others.
-- Reply: the reply of each exchange, or its error, in their order.
--
-- The in-memory store (lib/stores/memory) is the reference model of every script.
--
-- The keys that are free are taken with one range of fences: it is drawn by the rule for several, and the domain is written
-- once. An exchange that is another case, or finds the range used up, draws for itself. The domain is written before that.
local domain = KEYS[1]
local most = math.floor((#KEYS - 1) / 2)
local replies = {}
local rangeNow, rangeLatest, rangeLast, rangeTop
-- The exchanges that have fences of the range.
local unwritten = {}
--- @include constants

local function failedBy(reply)
  return { err = type(reply) == 'table' and reply['err'] or tostring(reply) }
end

local function writeFences()
  if #unwritten > 0 then
    local written, reply = pcall(redis.call, 'SET', domain, rangeLast)
    if not written then
      for _, i in ipairs(unwritten) do replies[i] = failedBy(reply) end
    end
    unwritten = {}
  end
  rangeTop = nil
end

-- Takes a free key with the next fence of the range. Returns the fence; nothing if the key was not taken.
local function takeNext(key, queue, acquire, ttl, notAfter)
  if redis.call('EXISTS', queue) ~= 0 then return nil end
  local now, latest, last, top = rangeNow, rangeLatest, rangeLast, rangeTop
  local count = most
  local taken, failed
  if not top then
    latest = nil
    --- @include clock
  end
  if now > tonumber(notAfter) then return nil end
  --- @include steps/take
  if failed then error(failed['err'], 0) end
  if taken then last = last + 1 end
  rangeNow, rangeLatest, rangeLast, rangeTop = now, latest, last, top
  return taken and last
end

local function general(
  key, queue, holders, owner, head, release, acquire, ttl, notAfter, mode, count, queueScore, releaseAfter
)
  local now, latest, failure
  writeFences()
  --- @include steps/hand-off
  --- @include steps/exchange
end

local function run(i, name, key, queue, holders, ...)
  if name == 'release' or name == 'handoff' then
    local release, acquire, ttl, notAfter, count = ...
    local owner, head
    acquire = acquire or ''
    count = count and tonumber(count)
    --- @include steps/free
    return general(key, queue, holders, owner, head, release, acquire, ttl, notAfter, 'queue', count)
  end
  if name == 'exchange' then
    local release, acquire, ttl, notAfter, mode, count, queueScore, releaseAfter = ...
    count = tonumber(count)
    if releaseAfter == '' then releaseAfter = nil end
    return general(key, queue, holders, nil, nil, release, acquire, ttl, notAfter, mode, count, queueScore, releaseAfter)
  end
  local acquire, ttl, notAfter, mode = ...
  local fence = takeNext(key, queue, acquire, ttl, notAfter)
  if fence then
    unwritten[#unwritten + 1] = i
    return fence
  end
  return general(key, queue, holders, nil, nil, '', acquire, ttl, notAfter, mode, 1)
end

local LENGTHS = { acquire = 4, ['acquire with holders'] = 4, release = 1, handoff = 5, exchange = 8 }
local at, nextKey, i = 1, 2, 0
while at <= #ARGV do
  local name = ARGV[at]
  local key, queue, holders = KEYS[nextKey], KEYS[nextKey + 1], nil
  nextKey = nextKey + 2
  if name ~= 'acquire' then
    holders = KEYS[nextKey]
    nextKey = nextKey + 1
  end
  local length = LENGTHS[name]
  i = i + 1
  local done, reply = pcall(run, i, name, key, queue, holders, unpack(ARGV, at + 1, at + length))
  replies[i] = done and reply or failedBy(reply)
  at = at + 1 + length
end
writeFences()
return replies
