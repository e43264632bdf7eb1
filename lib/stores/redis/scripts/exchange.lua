-- exchange: release one token, acquire with another, hand the key to the first of its queue for as long as they fit.
--
-- KEYS  the key      the owner's token, or the marker of several holders: a string with an expiry (see includes/holders.lua)
--       its queue    a sorted set of the waiting tokens, by queue score
--       the domain   the latest fence
--       the holders  a sorted set of the tokens that hold the key together
-- ARGV  1 the token to release, or ''
--       2 the token to acquire with, or ''
--       3 its ttl in ms
--       4 the server's time in µs after which nothing must happen; '' for a release that may happen at any time
--       5 the mode: 'once', 'queue' or 'check'
--       6 how many fences to draw at the most
--       7 the queue score to take back, or ''
--       8 ms for which the token is kept a holder in place of releasing it
--       The last two may be left out.
--
-- Reply to a release alone: 1 if the token held the key, otherwise 0. Otherwise
--       { released, first fence, how many }                            granted
--       { released, 0, a holder's token, ms left (-1: no expiry) }     busy
--       { released, 0, the same two, queue score, length, rank, the latest fence }   queued
--       { released, -1 }                                               not queued
--       { released, -2, the server's time in µs }                      too late: nothing was done
--       { released, -3, kind }                                         kind conflict: tokens of this kind are there
--       { 0, -4 }                                                      again, with the holders: nothing was granted
--       If PUBLISH failed, its error is the last element, and a release alone replies { released, error }.
--
-- The in-memory store (lib/stores/memory) is the reference model of every script.
local call = redis.call
local key, queue, domain, holders = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local release, acquire, ttl, notAfter, mode = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local count, queueScore, releaseAfter = tonumber(ARGV[6]), ARGV[7], ARGV[8]
local owner, now, latest, failure, skipped
--- @include constants

--- @include steps/exchange
