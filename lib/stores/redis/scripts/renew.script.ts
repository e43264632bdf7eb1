/**
 * `renew`: make the remaining time of a lease at least its ttl, confirm an offer, draw further fences.
 *
 * KEYS  1 K, the key    2 F, the counter of fences    3 H, the holders: of a token that is not exclusive, see holders.ts
 * ARGV  1 the token     2 the ttl in ms     3 how many fences to draw, at the most
 *
 * Reply: -1 if the token does not hold K (any more); 0 if no fence was asked for; else { first fence, how many }.
 */
import { LATEST_FENCE, TOP_OF_FENCES } from './fences.js';
import { EXTEND, KINDS } from './holders.js';
import { defineScript } from './script.js';

export const RENEW =
  defineScript(`local K, F, token, ttl, count = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local owner = redis.call('GET', K)
local time, ms, sharing, extend
local H -- where the token is one of several holders
if owner ~= token then
  ${KINDS}
  local marker = sharing(token)
  if not marker or owner ~= marker then return -1 end
  H = KEYS[3]
  time = redis.call('TIME')
  ms = time[1] * 1000 + math.floor(time[2] / 1000)
  local till = redis.call('ZSCORE', H, token)
  if not till or tonumber(till) < ms then return -1 end
end
local now, last
if count > 0 then
  ${LATEST_FENCE}
  time = time or redis.call('TIME')
  now = time[1] * 1000000 + time[2]
  local failed
  last, failed = latestFence(F, now)
  if failed then return failed end
end
if H then
  ${EXTEND}
  extend(K, H, token, ms, ttl)
elseif redis.call('PTTL', K) < ttl then
  redis.call('PEXPIRE', K, ttl)
end
if count == 0 then return 0 end
${TOP_OF_FENCES}
local top = topOfFences(last, count, now)
redis.call('SET', F, string.format('%.0f', top))
local drawn = math.min(count, top - last)
return { top - drawn + 1, drawn }
`);
