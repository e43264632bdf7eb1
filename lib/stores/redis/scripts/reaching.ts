/**
 * Lua that defines `reach(F, party, message)`: sends the message to the party's channel, which is named after the counter
 * of fences F, and returns how many received it, or a table with `err`.
 *
 * In a Cluster F has a tag, and the channel is a sharded one in its slot by the same tag: PUBLISH would count the
 * subscribers of this node only. SPUBLISH counts them right, but sends to those at replicas as well, and does not count
 * them. So who listens at a former master would hear of an offer that went to the next in the queue: it must not be sent.
 */
export const REACHING = `
local function reach(F, party, message)
  local tag = string.match(F, '~nl:f({%w+})$')
  if not tag then return redis.pcall('PUBLISH', string.sub(F, 1, -2) .. 'w:' .. party, message) end
  local channel = string.gsub(F, '~nl:f({%w+})$', '~nl:w%1:') .. party
  local there = redis.pcall('PUBSUB', 'SHARDNUMSUB', channel)
  if there['err'] then return there end
  if there[2] == 0 then return 0 end
  return redis.pcall('SPUBLISH', channel, message)
end
`;
