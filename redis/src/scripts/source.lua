#!lua
-- Claims, advances or releases a source of events from a client.
--
-- KEYS: sources, the times of their last use.
-- ARGV: what to do, source, owner, the number that has been handled; lease in ms, memory in ms, the
--       most sources.
-- Returns whether it is granted, and how far the source has been handled.
local sources, used = KEYS[1], KEYS[2]
local what, source, owner, handled = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local lease, memory, max_sources = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local now, forgotten = math.floor(micros / 1000), micros - memory * 1000

local seen, holder, expiry, wanted = '', '', 0, ''
local score = redis.call('ZSCORE', used, source)
if score and tonumber(score) >= forgotten then
  local record = redis.call('HGET', sources, source)
  if record then
    seen, holder, expiry, wanted = string.match(record, '^(%d*) (%d*) (%d+) (%w*)$')
  end
end
if what == 'claim' then
  if holder ~= '' and holder ~= owner and tonumber(expiry) > now then
    wanted = 'wanted'
  else
    holder, expiry, wanted = owner, now + lease, ''
  end
elseif holder ~= owner and (holder ~= '' or what == 'release') then
  return { 0 }
elseif what == 'advance' then
  -- Also one that was forgotten meanwhile: nobody else has it. Decimals of any length, without leading zeros.
  if #seen < #handled or (#seen == #handled and seen < handled) then
    seen = handled
  end
  holder, expiry = owner, now + lease
else
  holder, wanted = '', ''
end

redis.call('HSET', sources, source, string.format('%s %s %.0f %s', seen, holder, expiry, wanted))
if what ~= 'release' then
  redis.call('ZADD', used, string.format('%.0f', micros), source)
end
-- The ones that have been silent for longest are forgotten.
local surplus = redis.call('ZCARD', used) - max_sources
local old = redis.call('ZRANGE', used, '-inf', string.format('(%.0f', forgotten), 'BYSCORE', 'LIMIT', 0, 100)
if surplus > #old then
  old = redis.call('ZRANGE', used, 0, math.min(surplus, 100) - 1)
end
if #old > 0 then
  redis.call('HDEL', sources, unpack(old))
  redis.call('ZREM', used, unpack(old))
end
redis.call('PEXPIRE', sources, memory)
redis.call('PEXPIRE', used, memory)
local is_granted = holder == owner and wanted == ''
return { is_granted and 1 or 0, seen }
