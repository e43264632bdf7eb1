-- Deletes a key that the token holds alone and nobody queues for: the common release.
-- Reads: key, queue, release, acquire. Sets: owner; head, the first of the queue, if the token holds the key alone.
owner = call('GET', key)
if owner == release then
  head = call('ZRANGE', queue, '0', '0')[1]
  if not head and acquire == '' then
    call('DEL', key)
    return 1
  end
end
