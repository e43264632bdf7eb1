-- notify: send a message to a session, as an offer is sent.
--
-- KEYS  the fence domain, which is not read: it leads to the node where the hand-offs are made
-- ARGV  the session, the message
-- Reply: how many subscribers received the message.
local domain, session, message = KEYS[1], ARGV[1], ARGV[2]
local reached
--- @include notify
return reached
