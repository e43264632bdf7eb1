-- acquire: take a free key that nobody queues for, for an exclusive token and one fence. Otherwise the general case follows in
-- this very command (see exchange.lua).
--
-- KEYS  the key, its queue, the fence domain, and the holders if they are declared
-- ARGV  the token, its ttl in ms, the server's time in µs after which nothing must happen, the mode ('once' or 'queue')
-- Reply: the fence, or the reply of the general case.
--
-- The in-memory store (lib/stores/memory) is the reference model of every script.
local call = redis.call
local key, queue, domain, holders = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local acquire, ttl, notAfter, mode = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local release, count, queueScore, releaseAfter = '', 1, nil, nil
local owner, now, latest, failure, skipped
--- @include constants

if call('EXISTS', queue) == 0 then
  --- @include clock
  if now <= tonumber(notAfter) then
    local taken, last, top, failed
    --- @include steps/take
    if failed then return failed end
    if taken then
      call('SET', domain, top)
      return top
    end
  end
end

--- @include steps/exchange
