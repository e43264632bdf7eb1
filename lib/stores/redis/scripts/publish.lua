-- publish: send a message on a channel, for the inspection of locks.
--
-- ARGV  the channel, the message
-- Reply: how many subscribers of this node received the message.
return redis.call('PUBLISH', ARGV[1], ARGV[2])
