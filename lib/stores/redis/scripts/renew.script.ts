/**
 * `renew`: make the remaining time of a lease at least its ttl, confirm an offer, draw further fences.
 *
 * KEYS  1 K, the key    2 F, the counter of fences
 * ARGV  1 the token     2 the ttl in ms     3 how many fences to draw
 *
 * Reply: -1 if somebody else owns K, or nobody; the first fence; 0 if none was asked for.
 */
import { defineScript } from './script.js';

export const RENEW = defineScript(`
local K, F, ttl, count = KEYS[1], KEYS[2], tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('GET', K) ~= ARGV[1] then return -1 end
local last = count > 0 and (tonumber(redis.call('GET', F) or '0') or 0)
if redis.call('PTTL', K) < ttl then redis.call('PEXPIRE', K, ttl) end
if count == 0 then return 0 end
local time = redis.call('TIME')
local first = math.max(last + 1, time[1] * 1000000 + time[2])
redis.call('SET', F, string.format('%.0f', first + count - 1))
return first
`);
