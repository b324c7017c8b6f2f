#!lua
-- Begins a log that has never been used.
--
-- KEYS: events, meta.
-- ARGV: the time in ms for which a log is remembered of which there is no event.
-- Returns the id of the newest event, or of the place before the first.
local events, meta, idle = KEYS[1], KEYS[2], ARGV[1]
local found = redis.call('HMGET', meta, 'epoch', 'number', 'lost')
local epoch, number = found[1], found[2]
if not epoch then
  local clock = redis.call('TIME')
  local run = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
  if not run then
    return redis.error_reply('ERR INFO replication has no master_replid')
  end
  local first = math.max(clock[1] * 1000000 + clock[2], (tonumber(found[3]) or 0) + 1)
  epoch, number = string.format('%.0f', first), '0'
  redis.call('DEL', events)
  redis.call('HSET', meta, 'run', run, 'epoch', epoch, 'number', number, 'bytes', '0')
end
if number == '0' then
  redis.call('PEXPIRE', meta, idle)
end
return epoch .. '-' .. number
