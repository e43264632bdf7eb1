/**
 * Lua that goes before a script of ours, in place of the server's clock, expiries and channels. The clock stands still within
 * a step, and expiries are kept in a hash. So two runs see the same time exactly, and what is left of an expiry is equal or
 * it is not. The types, the values and the scores are the server's own.
 */
export const FAKE_SERVER = `
local server = redis
local micros = tonumber(server.call('GET', 'test:now'))
local millis = math.floor(micros / 1000)
local function forget(key) server.call('HDEL', 'test:ends', key) end
local function endOf(key) return tonumber(server.call('HGET', 'test:ends', key) or nil) end
local function purge(key)
  local at = endOf(key)
  if at and at < millis then
    server.call('DEL', key)
    forget(key)
  end
end
local function expire(key, at)
  if server.call('EXISTS', key) == 0 then return 0 end
  if at <= millis then
    server.call('DEL', key)
    forget(key)
  else
    server.call('HSET', 'test:ends', key, string.format('%.0f', at))
  end
  return 1
end
local function listens(channel)
  return server.call('SISMEMBER', 'test:dead', string.match(channel, '[^:]+$')) == 0
end
local function publish(channel, message)
  if server.call('EXISTS', 'test:refused') == 1 then return { err = 'NOPERM no channel' } end
  if not listens(channel) then return 0 end
  server.call('RPUSH', 'test:log', channel .. ' ' .. message)
  return 1
end
local fakes = {
  TIME = function()
    return { string.format('%.0f', math.floor(micros / 1000000)), string.format('%.0f', micros % 1000000) }
  end,
  PUBLISH = publish,
  SPUBLISH = publish,
  PUBSUB = function(_, channel) return { channel, listens(channel) and 1 or 0 } end,
  PTTL = function(key)
    if server.call('EXISTS', key) == 0 then return -2 end
    local at = endOf(key)
    return at and at - millis or -1
  end,
  PEXPIRE = function(key, length) return expire(key, millis + length) end,
  PEXPIREAT = function(key, at) return expire(key, tonumber(at)) end,
}
local keyless = { TIME = true, PUBLISH = true, SPUBLISH = true, PUBSUB = true }
local function fake(run)
  return function(name, key, ...)
    if not keyless[name] then purge(key) end
    if fakes[name] then return fakes[name](key, ...) end
    if name == 'SET' then
      local words, length = {}, nil
      local given = { ... }
      for i, word in ipairs(given) do
        if given[i - 1] == 'PX' then length = word elseif word ~= 'PX' then words[#words + 1] = word end
      end
      local reply = run(name, key, unpack(words))
      if type(reply) == 'table' and not reply.err then
        forget(key)
        if length then expire(key, millis + length) end
      end
      return reply
    end
    local reply = run(name, key, ...)
    if server.call('EXISTS', key) == 0 then forget(key) end
    return reply
  end
end
local redis = setmetatable({ call = fake(server.call), pcall = fake(server.pcall) }, { __index = server })
`;

/** Replies with all that there is: each key with its type, its end, and what it holds; then the messages, which are forgotten. */
export const DUMP = `${FAKE_SERVER}
local all = {}
for _, key in ipairs(server.call('KEYS', '*')) do
  if string.sub(key, 1, 5) ~= 'test:' then
    purge(key)
    local kind = server.call('TYPE', key).ok
    local holds
    if kind == 'string' then holds = { server.call('GET', key) } end
    if kind == 'zset' then holds = server.call('ZRANGE', key, 0, -1, 'WITHSCORES') end
    if kind == 'list' then holds = server.call('LRANGE', key, 0, -1) end
    if holds then all[#all + 1] = { key, kind, tostring(endOf(key)), holds } end
  end
end
local log = server.call('LRANGE', 'test:log', 0, -1)
server.call('DEL', 'test:log')
return { all, log }
`;

/** As checks do: the queues live on. ARGV: ms. */
export const KEEP_QUEUES = `${FAKE_SERVER}
for _, key in ipairs(server.call('KEYS', '*~nl:q*')) do redis.call('PEXPIRE', key, ARGV[1]) end
`;
