-- Takes the key for an exclusive token, if the key is free. Nobody queues for the key.
-- Reads: key, domain, acquire, ttl, count, now, latest, and the range of fences (last, top) if there is one.
-- Sets: taken, latest, last, top; or failed, the error to reply. The caller writes the fences.
--
-- The fences are read before the key is set: nothing is granted if no fence may be drawn.
if not top then
  --- @include fences
end
taken = not failed and last < top and call('SET', key, acquire, 'NX', 'PX', ttl)
