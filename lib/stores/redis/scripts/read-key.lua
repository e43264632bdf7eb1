-- read-key: what stands at a key, for the inspection of locks. Nothing is written.
--
-- KEYS  the key, its queue, its holders
-- ARGV  how many tokens of the queue to read
-- Reply: { the server's time in µs, the value or '' for none, its remaining time in ms as PTTL gives it, the length of the queue,
--          the first tokens of the queue with their scores, the holders with their scores }. A value that is no string is '?'.
--        A value that may be no text is { its bytes in hexadecimal digits }: the client reads replies as UTF-8.
--
-- GET tells whether the key is a string, without the right that TYPE needs.
local call = redis.call
local key, queue, holders = KEYS[1], KEYS[2], KEYS[3]
local most = tonumber(ARGV[1])
-- A longer value is sent as it is: this loop takes some 0.2 µs a byte.
local LONGEST = 4096
local now
--- @include clock
local value = redis.pcall('GET', key)
if type(value) == 'table' then
  value = '?'
elseif value and string.find(value, '[\128-\255]') and #value <= LONGEST then
  value = { (string.gsub(value, '.', function(char) return string.format('%02x', string.byte(char)) end)) }
end
local waiting = most > 0 and call('ZRANGE', queue, '0', tostring(most - 1), 'WITHSCORES') or {}
return {
  string.format('%.0f', now), value or '', call('PTTL', key), call('ZCARD', queue), waiting,
  call('ZRANGE', holders, '0', '-1', 'WITHSCORES'),
}
