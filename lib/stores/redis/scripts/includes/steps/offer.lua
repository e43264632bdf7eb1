-- Offers the key to the first of the queue, which leaves the queue.
-- Reads: key, queue, domain, head, session (of the head; none of a foreign value), now, latest.
-- Sets: reached, whether the session received the offer; top, the fence of the offer; latest; headScore, the head's place in
-- the queue; failure, an error of PUBLISH.
-- Sets failed instead, the error to reply, if no fence may be drawn. Nothing is written then.
--
-- The head leaves the queue first: that frees memory, so that an offer works while the server refuses writes.
reached = false
do
  local count, last = 1, nil
  --- @include fences
end
if not failed then
  headScore = call('ZPOPMIN', queue)[2]
  if session then
    local message = string.format('%.0f', top) .. ' ' .. head .. ' ' .. key
    --- @include notify
    if type(reached) == 'table' then
      failure = reached['err']
      reached = false
    else
      -- Also if nobody was reached: a replica may have delivered the message to a subscriber that the reply does not count.
      call('SET', domain, top)
      latest = top
      reached = reached > 0
    end
  end
end
