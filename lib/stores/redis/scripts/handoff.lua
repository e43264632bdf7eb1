-- handoff: release an exclusive token, and acquire with another exclusive token in mode 'queue'. The next in the queue gets the
-- key, and the new token queues at the end. If nobody queues, the general case follows (see exchange.lua).
--
-- KEYS  the key, its queue, the fence domain, the holders
-- ARGV  the token to release; the new token, its ttl in ms, the server's time in µs after which nothing must happen, how many
--       fences to draw at the most
-- Reply: see exchange.lua.
--
-- The in-memory store (lib/stores/memory) is the reference model of every script.
local call = redis.call
local key, queue, domain, holders = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local release, acquire, ttl, notAfter, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local mode, queueScore, releaseAfter = 'queue', nil, nil
local owner, head, now, latest, failure, skipped
--- @include constants

--- @include steps/free
--- @include steps/hand-off
--- @include steps/exchange
