-- release: release a token, and nothing else.
--
-- KEYS  the key, its queue, the fence domain, the holders
-- ARGV  the token
-- Reply: 1 if the token held the key, otherwise 0; or the reply of the general case (see exchange.lua).
--
-- The in-memory store (lib/stores/memory) is the reference model of every script.
local call = redis.call
local key, queue, domain, holders = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local release = ARGV[1]
local acquire, ttl, notAfter, mode, count, queueScore, releaseAfter = '', nil, nil, nil, nil, nil, nil
local owner, head, now, latest, failure, skipped
--- @include constants

--- @include steps/free
--- @include steps/hand-off
--- @include steps/exchange
