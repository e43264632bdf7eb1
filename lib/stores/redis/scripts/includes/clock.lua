-- The server's clock, in µs.
-- Sets: now.
local time = call('TIME')
now = time[1] * 1000000 + time[2]
