-- The rule by which fences are drawn.
-- Reads: domain, now, count (the most fences), latest (if it is known).
-- Sets: latest, and the range: the fences above last, up to top. They are drawn once top is written to the domain.
-- Sets failed instead, the error to reply, if no fence may be drawn.
--
-- No fence is ever ahead of the server's clock. So the clock is enough to go on from when the domain is lost, by a flush, a
-- restart or a fail-over. Only a clock that goes back while the domain is lost breaks the order.
--
-- - One fence: what the clock shows, or the next one after the latest.
-- - Several: a range that ends at the clock at the latest. The range is shorter where the clock has not left as many fences
--   since the latest one. The range begins up to a millisecond back, because many grants in one moment would draw short
--   ranges otherwise. A range that began at the clock would end ahead of it: after a flush two holders would have one fence.
-- - The first after a loss: one fence, because nobody knows how far back the others were drawn.
-- - A domain ahead of the clock, because the clock went back: the next ones after the latest.
--
-- If a domain holds no whole number, or one more than a day ahead of the clock, then a foreign client wrote it, or the clock
-- went back by more than a day. No fence is drawn then: near 2^53 the next fences would be equal.
if not latest then
  local value = redis.pcall('GET', domain)
  if value == false then
    latest = now - 1
  else
    latest = tonumber(value)
    local whole = latest and latest % 1 == 0
    if not whole or latest > now + 86400000000 then
      local why = whole and 'ahead' or 'number'
      failed = value
      if type(value) == 'table' then why = string.find(value['err'], 'WRONGTYPE', 1, true) and 'type' end
      if why then failed = { err = 'NLCOUNTER ' .. why .. " '" .. domain .. "'" } end
    end
  end
end
if failed then
  latest = nil
else
  if latest > now then
    top = latest + count
  else
    top = now
    if count > 1 then top = math.min(now, math.max(latest, now - 1000) + count) end
    if top <= latest then top = latest + 1 end
  end
  last = top - count
  if last < latest then last = latest end
end
