-- The common hand-off: a key that `release` holds alone goes to the first of the queue, for an exclusive lock again. The session
-- that releases may queue anew, at the end.
-- Reads: key, queue, domain, release, acquire (exclusive, mode 'queue'), notAfter, owner and head (see free), now.
-- Sets: failure, latest; skipped, 1 if the first of the queue could not be reached. Returns the reply, if the key was handed off. Otherwise the general case follows.
if owner == release and head and head ~= acquire then
  --- @include token
  local session, marker = readToken(head)
  if session and not marker then
    if not now then
      --- @include clock
    end
    if acquire == '' or now <= tonumber(notAfter) then
      local reached, top, headScore, failed
      --- @include steps/offer
      if failed then return failed end
      if reached then
        call('SET', key, head, 'PX', OFFER_MS)
        if acquire == '' then return 1 end
        -- Queue scores and fences are drawn from one domain, so the latest fence is behind all others.
        local queueScore = string.format('%.0f', top)
        call('ZADD', queue, queueScore, acquire)
        local length = call('ZCARD', queue)
        -- The first hand-off of an interval sets the expiry anew.
        if length == 1 or math.floor(top / QUEUE_AGE) ~= math.floor(headScore / QUEUE_AGE) then
          call('PEXPIRE', queue, QUEUE_MS)
        end
        return { 1, 0, head, OFFER_MS, queueScore, length, length - 1, top }
      end
      skipped = 1
      -- The fence of the next offer must not be ahead of the clock.
      now = nil
    end
  end
end
