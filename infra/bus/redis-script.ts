/**
 * Publishes messages and writes their last values where they are newer, all in one call. KEYS[1 + 4i…]: last,
 * increments, events, position of the message's channel; ARGV[1]: channel command, ARGV[2]: seconds that values live,
 * then for each message kind, epoch, sequence, channel, payload. What `LastValues` does in process, rule by rule.
 */
export const publishScript = `
local publish, ttl = ARGV[1], ARGV[2]
local function head(key)
  local text = redis.call('GETRANGE', key, 0, 299)
  local epoch, sequence = string.match(text, '"epoch":(%d+),"sequence":(%d+)')
  if epoch then return tonumber(epoch), tonumber(sequence) end
  return -1, -1
end
local function newer(e1, s1, e2, s2) return e1 > e2 or (e1 == e2 and s1 > s2) end
local function position(key, e, s)
  local text = redis.call('GET', key)
  if text then
    local epoch, sequence = string.match(text, '(%d+) (%d+)')
    epoch, sequence = tonumber(epoch), tonumber(sequence)
    if newer(epoch, sequence, e, s) then return epoch, sequence end
  end
  return e, s
end
for i = 0, (#ARGV - 2) / 5 - 1 do
  local kind, epoch, sequence = ARGV[3 + 5 * i], tonumber(ARGV[4 + 5 * i]), tonumber(ARGV[5 + 5 * i])
  local channel, payload = ARGV[6 + 5 * i], ARGV[7 + 5 * i]
  local last, increments, events, newest = KEYS[1 + 4 * i], KEYS[2 + 4 * i], KEYS[3 + 4 * i], KEYS[4 + 4 * i]
  if kind == 'v' then
    local le, ls = head(last)
    if newer(epoch, sequence, le, ls) then
      local ne, ns = position(newest, le, ls)
      if newer(epoch, sequence, ne, ns) then
        redis.call('SET', last, payload, 'EX', ttl)
        redis.call('DEL', increments, newest)
      end
    end
  elseif kind == 'i' then
    local le, ls = head(last)
    local ne, ns = position(newest, le, ls)
    if newer(epoch, sequence, ne, ns) then
      redis.call('SET', newest, ARGV[4 + 5 * i] .. ' ' .. ARGV[5 + 5 * i], 'EX', ttl)
      if le >= 0 then
        if le ~= epoch or redis.call('RPUSH', increments, payload) > 10000 then
          redis.call('DEL', last, increments)
        else
          redis.call('EXPIRE', increments, ttl)
        end
      end
    end
  elseif kind == 's' then
    local le, ls = head(last)
    local ne, ns = position(newest, le, ls)
    if newer(epoch, sequence, le, ls) and (le >= 0 or not newer(ne, ns, epoch, sequence)) then
      redis.call('SET', last, payload, 'EX', ttl)
      local kept = redis.call('LLEN', increments)
      while kept > 0 do
        local text = redis.call('LINDEX', increments, 0)
        local e, s = string.match(string.sub(text, 1, 300), '"epoch":(%d+),"sequence":(%d+)')
        if newer(tonumber(e), tonumber(s), epoch, sequence) then break end
        redis.call('LPOP', increments)
        kept = kept - 1
      end
      if newer(ne, ns, epoch, sequence) then redis.call('EXPIRE', newest, ttl) else redis.call('DEL', newest) end
    end
  else
    local ne, ns = position(newest, -1, -1)
    if newer(epoch, sequence, ne, ns) then
      redis.call('SET', newest, ARGV[4 + 5 * i] .. ' ' .. ARGV[5 + 5 * i], 'EX', ttl)
      if redis.call('RPUSH', events, payload) > 100 then redis.call('LPOP', events) end
      redis.call('EXPIRE', events, ttl)
    end
  end
  if kind ~= 's' then redis.call(publish, channel, payload) end
end
return 0`;
