-- The rule of renewal: what is left of a lease becomes at least its ttl, and never shorter.
-- Reads: key, holders, token, marker (of the token), ttl, now (if there is a marker).
-- The expiries go first: they take no memory, and let the rest through if the server has none.
if marker then
  local till = math.floor(now / 1000) + ttl
  if till > tonumber(call('ZSCORE', holders, token)) then
    local latestEnd = math.max(till, tonumber(call('ZRANGE', holders, '-1', '-1', 'WITHSCORES')[2]))
    call('PEXPIREAT', key, latestEnd)
    call('PEXPIREAT', holders, latestEnd)
    call('ZADD', holders, till, token)
  end
elseif call('PTTL', key) < tonumber(ttl) then
  call('PEXPIRE', key, ttl)
end
