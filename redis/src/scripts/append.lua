#!lua
-- Appends an event, once under a key, and tells all servers.
--
-- KEYS: events, meta, and the key of the event, if it has one.
-- ARGV: body, channel, epoch and number of the newest event that the caller has seen, and limits:
--       events, bytes, age in ms or 0, memory in ms, the time in ms for which a log is remembered of
--       which there is no event, bytes of the largest body in a message.
-- Returns the id, and unless it was appended before, its predecessor if that is not the number
-- before it in the epoch.
local events, meta, once = KEYS[1], KEYS[2], KEYS[3]
local body, channel = ARGV[1], ARGV[2]
local seen_epoch, seen_number = tonumber(ARGV[3]), tonumber(ARGV[4])
local max_events, max_bytes, age = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local memory, idle, max_message = ARGV[8], ARGV[9], tonumber(ARGV[10])

if once then
  local id = redis.call('GET', once)
  if id then
    redis.call('PEXPIRE', once, memory)
    return { id }
  end
end

local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local millis = math.floor(micros / 1000)
-- Another one at each start of a server, and at each promotion of a replica.
local run = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
if not run then
  return redis.error_reply('ERR INFO replication has no master_replid')
end
local found = redis.call('HMGET', meta, 'run', 'epoch', 'number', 'bytes', 'lost')
local epoch, number, bytes = tonumber(found[2]), tonumber(found[3]), tonumber(found[4])
local lost = tonumber(found[5]) or 0
local kept = redis.call('XLEN', events)
local after
if not epoch then
  -- Events without what belongs to them cannot be trusted.
  redis.call('DEL', events)
  epoch, number, kept = math.max(micros, seen_epoch + 1, lost + 1), 0, 0
elseif found[1] ~= run or epoch <= lost or epoch < seen_epoch
  or (epoch == seen_epoch and number < seen_number) then
  -- The history may be another than the one that was read.
  after = string.format('%.0f-%.0f', epoch, number)
  epoch, number = math.max(micros, epoch + 1, seen_epoch + 1, lost + 1), 0
end
if kept == 0 then
  bytes = 0
end

number = number + 1
local id = string.format('%.0f-%.0f', epoch, number)
if after then
  redis.call('XADD', events, id, 'd', body, 't', millis, 'a', after)
else
  redis.call('XADD', events, id, 'd', body, 't', millis)
end
kept, bytes = kept + 1, bytes + #body

-- The newest event is always kept.
while kept > 1 and (kept > max_events or bytes > max_bytes or age > 0) do
  local count = math.max(1, math.min(kept - max_events, 64))
  local dropped = 0
  for _, entry in ipairs(redis.call('XRANGE', events, '-', '+', 'COUNT', count)) do
    local fields, left = entry[2], kept - dropped
    local is_old = age > 0 and (tonumber(fields[4]) or 0) + age < millis
    if left == 1 or not (left > max_events or bytes > max_bytes or is_old) then
      break
    end
    dropped, bytes = dropped + 1, bytes - #fields[2]
  end
  if dropped == 0 then
    break
  end
  kept = kept - dropped
  redis.call('XTRIM', events, 'MAXLEN', '=', kept)
end

redis.call('HSET', meta, 'run', run, 'epoch', string.format('%.0f', epoch),
  'number', string.format('%.0f', number), 'bytes', string.format('%.0f', bytes))
if once then
  redis.call('SET', once, id, 'PX', memory)
end
if age > 0 then
  redis.call('PEXPIRE', events, age)
  redis.call('PEXPIRE', meta, idle)
elseif number == 1 then
  redis.call('PERSIST', meta)
end
-- The event is appended, whether or not anybody is told.
local message = id .. ' ' .. (after or '')
if #body <= max_message then
  message = message .. '\n' .. body
end
redis.pcall('PUBLISH', channel, message)
return { id, after or '' }
