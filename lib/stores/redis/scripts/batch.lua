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
-- Locals: to find a global for each exchange costs more than the rest of this loop.
local call, pcall, KEYS, ARGV = redis.call, pcall, KEYS, ARGV
local domain = KEYS[1]
local most = math.floor((#KEYS - 1) / 2)
local replies = {}
-- The range of fences that free keys are taken with, if one is drawn: the fences above last, up to top.
local now, latest, last, top
-- The exchanges that have fences of the range.
local unwritten = {}
--- @include constants

local function failedBy(reply)
  return { err = type(reply) == 'table' and reply['err'] or tostring(reply) }
end

local function writeFences()
  if #unwritten > 0 then
    local written, reply = pcall(call, 'SET', domain, last)
    if not written then
      for _, i in ipairs(unwritten) do replies[i] = failedBy(reply) end
    end
    unwritten = {}
  end
  top = nil
end

local function general(
  key, queue, holders, owner, head, release, acquire, ttl, notAfter, mode, count, queueScore, releaseAfter
)
  local now, latest, failure, skipped
  writeFences()
  --- @include steps/hand-off
  --- @include steps/exchange
end

-- The reply of one exchange. Its arguments begin at the index.
local function run(i, name, key, queue, holders, at)
  if name == 'acquire' or name == 'acquire with holders' then
    local acquire, ttl, notAfter, mode = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if call('EXISTS', queue) == 0 then
      local count = most
      local taken, failed
      if not top then
        latest = nil
        --- @include clock
      end
      if now <= tonumber(notAfter) then
        --- @include steps/take
        if failed then return failed end
        if taken then
          last = last + 1
          unwritten[#unwritten + 1] = i
          return last
        end
      end
    end
    return general(key, queue, holders, nil, nil, '', acquire, ttl, notAfter, mode, 1)
  end
  if name == 'exchange' then
    local mode, count, queueScore, releaseAfter = ARGV[at + 4], tonumber(ARGV[at + 5]), ARGV[at + 6], ARGV[at + 7]
    if releaseAfter == '' then releaseAfter = nil end
    return general(
      key, queue, holders, nil, nil,
      ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], mode, count, queueScore, releaseAfter
    )
  end
  local release, acquire = ARGV[at], ''
  local owner, head
  if name == 'handoff' then acquire = ARGV[at + 1] end
  --- @include steps/free
  if name == 'release' then return general(key, queue, holders, owner, head, release, '') end
  local ttl, notAfter, count = ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4])
  return general(key, queue, holders, owner, head, release, acquire, ttl, notAfter, 'queue', count)
end

local LENGTHS = { acquire = 4, ['acquire with holders'] = 4, release = 1, handoff = 5, exchange = 8 }
local at, nextKey, i = 1, 2, 0
local arguments = #ARGV
while at <= arguments do
  local name = ARGV[at]
  local key, queue, holders = KEYS[nextKey], KEYS[nextKey + 1], nil
  nextKey = nextKey + 2
  if name ~= 'acquire' then
    holders = KEYS[nextKey]
    nextKey = nextKey + 1
  end
  i = i + 1
  local done, reply = pcall(run, i, name, key, queue, holders, at + 1)
  replies[i] = done and reply or failedBy(reply)
  at = at + 1 + LENGTHS[name]
end
writeFences()
return replies
