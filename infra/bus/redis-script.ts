/**
 * Publishes messages and writes their last values where they are newer, all in one call. KEYS[1 + 4i…]: last,
 * increments, events, position of channel i; ARGV[1]: channel command, ARGV[2]: seconds that values live, then each
 * channel's name, then for each message "i kind epoch sequence" and its payload: arguments are what a call costs. What
 * `LastValues` does in process, rule by rule. Events and increments of one channel gather in `held` and are written
 * together: nobody sees the state within a call.
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
local held = {}
local function settle(newest)
  local one = held[newest]
  if not one then return end
  held[newest] = nil
  if one.moved then redis.call('SET', newest, one.moved, 'EX', ttl) end
  if #one.kept == 0 then return end
  local length = redis.call('RPUSH', one.list, unpack(one.kept))
  if one.last == nil then
    if length > 100 then redis.call('LTRIM', one.list, -100, -1) end
  elseif length > 10000 then
    redis.call('DEL', one.last, one.list)
    return
  end
  redis.call('EXPIRE', one.list, ttl)
end
local channels = #KEYS / 4
for i = 3 + channels, #ARGV, 2 do
  local place, kind, epochText, sequenceText = string.match(ARGV[i], '(%d+) (%a) (%d+) (%d+)')
  local payload, epoch, sequence = ARGV[i + 1], tonumber(epochText), tonumber(sequenceText)
  place = tonumber(place)
  local channel = ARGV[3 + place]
  local last, increments, events, newest = KEYS[1 + 4 * place], KEYS[2 + 4 * place], KEYS[3 + 4 * place], KEYS[4 + 4 * place]
  local one = held[newest]
  if one and one.kind ~= kind then
    settle(newest)
    one = nil
  end
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
    if not one then
      local le, ls = head(last)
      local ne, ns = position(newest, le, ls)
      one = { kind = kind, list = increments, last = last, le = le, e = ne, s = ns, kept = {} }
      held[newest] = one
    end
    if newer(epoch, sequence, one.e, one.s) then
      one.e, one.s, one.moved = epoch, sequence, epochText .. ' ' .. sequenceText
      if one.le >= 0 then
        if one.le ~= epoch then
          redis.call('DEL', last, increments)
          one.le, one.kept = -1, {}
        else
          one.kept[#one.kept + 1] = payload
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
    if not one then
      local ne, ns = position(newest, -1, -1)
      one = { kind = kind, list = events, e = ne, s = ns, kept = {} }
      held[newest] = one
    end
    if newer(epoch, sequence, one.e, one.s) then
      one.e, one.s, one.moved = epoch, sequence, epochText .. ' ' .. sequenceText
      one.kept[#one.kept + 1] = payload
    end
  end
  if kind ~= 's' then redis.call(publish, channel, payload) end
end
for newest in pairs(held) do settle(newest) end
return 0`;
