/**
 * The rule by which both scripts draw fences. None is ever ahead of the server's clock, which therefore is enough to go on
 * from when the counter is lost, by a flush, a restart or a fail-over: what it shows then is above all that were drawn
 * before. The one thing that breaks it is a clock that goes back while the counter is lost.
 *
 * - One fence: what the clock shows, or the next one after the last.
 * - Several: a block that ends there at the latest, and holds fewer than were asked for where the clock has not left as
 *   many since the last. What the clock has left unused is used up first, as far as a millisecond back: many grants in one
 *   moment would draw small blocks otherwise. (Blocks that began at the clock ran up to 1.6 ms ahead of it; after a flush
 *   two holders then had the same fence.)
 * - The first after the counter was lost: one fence, as how far back the others were drawn is not known.
 * - While the counter is ahead, because the clock went back: the next ones after the last.
 *
 * A counter that is behind, as a new master's that lost the last writes, is thus gone on from with fences of the last
 * millisecond at the worst.
 *
 * A counter that holds no whole number, or one that is more than a day ahead of the clock, was written by somebody else, or
 * the clock went back by more than a day. No fence is drawn from it: near 2^53 the next ones would be equal.
 */

/** In µs. */
const REACH_BACK = 1_000;

/** The most that the counter may be ahead of the server's clock, in µs: a day. */
export const MOST_AHEAD = 86_400_000_000;

/** Begins what the scripts say of a counter that no fence may be drawn from. See counter-error.ts. */
export const COUNTER_ERROR = 'NLCOUNTER';

/** Defines `topOfFences(last, count, now)`: the highest of up to `count` fences, of which `top - last` at the most are free. */
export const TOP_OF_FENCES = `
local function topOfFences(last, count, now)
  if last > now then return last + count end
  local top = now
  if count > 1 then top = math.min(now, math.max(last, now - ${REACH_BACK}) + count) end
  return math.max(last + 1, top)
end
`;

/**
 * Defines `latestFence(F, now)`: the latest fence, below the clock where the counter is lost; or nil, and the error to reply.
 */
export const LATEST_FENCE = `
local function latestFence(F, now)
  local value = redis.pcall('GET', F)
  if value == false then return now - 1 end
  local last = tonumber(value)
  local whole = last and last % 1 == 0
  if whole and last <= now + ${MOST_AHEAD} then return last end
  local why = whole and 'ahead' or 'number'
  if type(value) == 'table' then
    if not string.find(value['err'], 'WRONGTYPE', 1, true) then return nil, value end
    why = 'type'
  end
  return nil, { err = "${COUNTER_ERROR} " .. why .. " '" .. F .. "'" }
end
`;
