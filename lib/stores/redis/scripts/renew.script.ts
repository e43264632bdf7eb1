/**
 * `renew`: make the remaining time of a lease at least its ttl, confirm an offer, draw further fences.
 *
 * KEYS  1 K, the key    2 F, the counter of fences
 * ARGV  1 the token     2 the ttl in ms     3 how many fences to draw, at the most
 *
 * Reply: -1 if somebody else owns K, or nobody; 0 if no fence was asked for; else { first fence, how many }.
 */
import { TOP_OF_FENCES } from './fences.js';
import { defineScript } from './script.js';

export const RENEW = defineScript(`${TOP_OF_FENCES}
local K, F, ttl, count = KEYS[1], KEYS[2], tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('GET', K) ~= ARGV[1] then return -1 end
local last = count > 0 and tonumber(redis.call('GET', F) or '')
if redis.call('PTTL', K) < ttl then redis.call('PEXPIRE', K, ttl) end
if count == 0 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
last = last or now - 1
local top = topOfFences(last, count, now)
redis.call('SET', F, string.format('%.0f', top))
local drawn = math.min(count, top - last)
return { top - drawn + 1, drawn }
`);
