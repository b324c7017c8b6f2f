#!lua flags=no-writes
-- Reads events: the oldest after an id, or the newest.
--
-- KEYS: events, meta.
-- ARGV: the id, or empty for the newest events, newest first; the most events and bytes; age in ms
--       or 0.
-- Returns the id of the newest event, or false if the log has never been used, and of each event
-- its id, its body, and its predecessor if that is not the number before it in the epoch.
local events, meta = KEYS[1], KEYS[2]
local last, max_events, max_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local age, oldest = tonumber(ARGV[4]), 0
if age > 0 then
  local clock = redis.call('TIME')
  oldest = clock[1] * 1000 + math.floor(clock[2] / 1000) - age
end

local newest = redis.call('HMGET', meta, 'epoch', 'number')
local page = { newest[1] and (newest[1] .. '-' .. newest[2]) }
local is_backward = last == ''
local count, bytes, chunk = 0, 0, 1
while count < max_events do
  chunk = math.min(chunk * 2, max_events - count, 256)
  local entries
  if is_backward then
    local from = last == '' and '+' or '(' .. last
    entries = redis.call('XREVRANGE', events, from, '-', 'COUNT', chunk)
  else
    entries = redis.call('XRANGE', events, '(' .. last, '+', 'COUNT', chunk)
  end
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    last = entry[1]
    if (tonumber(fields[4]) or 0) >= oldest then
      bytes = bytes + #fields[2]
      if count > 0 and bytes > max_bytes then
        return page
      end
      count = count + 1
      page[#page + 1] = last
      page[#page + 1] = fields[2]
      page[#page + 1] = fields[6] or ''
    elseif is_backward then
      return page
    end
  end
  if #entries < chunk then
    break
  end
end
return page
