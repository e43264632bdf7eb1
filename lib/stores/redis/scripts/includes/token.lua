-- What the key is while several tokens hold it. No token is equal to it: `*` is no session.
local SHARED, SEMAPHORE = 'nl1:*:shared', 'nl1:*:semaphore'

-- The session of a token, the marker of its kind, and how many tokens of its kind may hold the key with it.
-- No marker and 1 for an exclusive token. Nothing for a foreign value, and for a marker.
local function readToken(token)
  local session, kind = string.match(token, '^nl1:([^:]+):%w+%-?(%w*):')
  if not session or kind == '' then return session, nil, 1 end
  if kind == 's' then return session, SHARED, math.huge end
  return session, SEMAPHORE, tonumber(kind)
end
