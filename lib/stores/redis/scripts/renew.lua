-- renew: make the remaining time of a lease at least its ttl, confirm an offer, draw further fences.
--
-- KEYS  the key, the fence domain, and the holders of a token that is not exclusive
-- ARGV  the token, the ttl in ms, how many fences to draw at the most
-- Reply: -1 if the token does not hold the key; 0 if no fence was requested; otherwise { first fence, how many }.
--
-- The in-memory store (lib/stores/memory) is the reference model of every script.
local call = redis.call
local key, domain, holders = KEYS[1], KEYS[2], KEYS[3]
local token, ttl, count = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local owner = call('GET', key)
local now, latest, last, top, failed
-- Of a token that holds the key with others.
local marker

if owner ~= token then
  --- @include token
  marker = select(2, readToken(token))
  if not marker or owner ~= marker then return -1 end
  --- @include clock
  local till = call('ZSCORE', holders, token)
  if not till or tonumber(till) < math.floor(now / 1000) then return -1 end
end

-- The fences are read before anything is written.
if count > 0 then
  if not now then
    --- @include clock
  end
  --- @include fences
  if failed then return failed end
end
--- @include extend
if count == 0 then return 0 end
call('SET', domain, top)
return { last + 1, top - last }
