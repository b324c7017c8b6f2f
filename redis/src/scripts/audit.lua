#!lua flags=allow-oom
-- Compares a log with what a server has seen of it, and keeps it while a server has it open.
--
-- KEYS: meta.
-- ARGV: epoch and number of the newest event that the caller has seen; age in ms or 0; the time in
--       ms for which a log is remembered of which there is no event.
-- Returns the id of the newest event, or false if the log is lost.
local meta = KEYS[1]
local seen_epoch, seen_number = tonumber(ARGV[1]), tonumber(ARGV[2])
local age, idle = tonumber(ARGV[3]), ARGV[4]
local found = redis.call('HMGET', meta, 'epoch', 'number')
local epoch, number = tonumber(found[1]), tonumber(found[2])
if not epoch or epoch < seen_epoch or (epoch == seen_epoch and number < seen_number) then
  -- What comes next must be larger than all that was seen.
  redis.call('HSET', meta, 'lost', string.format('%.0f', seen_epoch))
end
if age > 0 or not epoch or number == 0 then
  redis.call('PEXPIRE', meta, idle)
end
return epoch and (found[1] .. '-' .. found[2])
