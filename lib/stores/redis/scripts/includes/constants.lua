-- Lengths of time.
-- OFFER_MS is the length of an offer, in ms: OFFER_MS of the store contract.
-- QUEUE_MS is how long a queue outlives its last check, in ms: more than three of the longest checks.
-- QUEUE_AGE is how often hand-offs set the expiry of a queue anew, in µs.
local OFFER_MS, QUEUE_MS, QUEUE_AGE = 1000, 60000, 10000000
