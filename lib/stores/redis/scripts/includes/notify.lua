-- Sends a message to the channel of a session, which is named after the fence domain.
-- Reads: domain, session, message.
-- Sets: reached, how many subscribers received it, or a table with `err`.
--
-- In a Cluster the domain has a tag, and the channel is a sharded one in its slot by that tag: PUBLISH would count the
-- subscribers of this node only. SPUBLISH counts the subscribers at the master, but sends to subscribers at replicas as well.
-- A subscriber at a former master would hear of an offer that went to the next in the queue. So the message is not sent if
-- nobody subscribes here.
local tag = string.match(domain, '~nl:f({%w+})$')
if not tag then
  reached = redis.pcall('PUBLISH', string.sub(domain, 1, -2) .. 'w:' .. session, message)
else
  local channel = string.gsub(domain, '~nl:f({%w+})$', '~nl:w%1:') .. session
  reached = redis.pcall('PUBSUB', 'SHARDNUMSUB', channel)
  if not reached['err'] then
    reached = reached[2] == 0 and 0 or redis.pcall('SPUBLISH', channel, message)
  end
end
