import { createHash } from "node:crypto";

/**
 * Publishes messages in order and keeps their last values by the rules of `LastValues`, in one step. What stands is
 * told by the heads of the payloads; of a book `position:{…}` says "newest epoch, its sequence, number of increments,
 * the value's epoch, its sequence", so that a list that Redis has lost is noticed. Every call to Redis costs about a
 * microsecond: of a round's values of one key only the newest is written, in a call that answers what stood there (and
 * goes back where that was newer), times to live are renewed when the code says so, tapes and books take all that a round
 * has for them in one, and a tape is trimmed every 16 events.
 *
 * KEYS: one, which says where in a cluster the round goes. ARGV: seconds to live, PUBLISH or SPUBLISH, how many
 * characters of keys are the namespace's, and the messages as `RoundWriter` packs them: the payload of each, then in one
 * of each the channel, a code (v value, e event, in capitals when it renews the time to live; of a book
 * b value, s snapshot, i increment), epoch and sequence.
 */
export const publishScript = `
local ttl, publish, shift = ARGV[1], ARGV[2], 23 - ARGV[3]
local call, match, tonumber = redis.call, string.match, tonumber
local heads = cmsgpack.unpack(ARGV[#ARGV])

-- all of a list in one call, or a few: Lua's stack takes only so many
local function append(name, list)
  local length = 0
  for first = 1, #list, 1000 do length = call('RPUSH', name, unpack(list, first, math.min(first + 999, #list))) end
  return length
end

local function newer(e1, s1, e2, s2) return e1 > e2 or (e1 == e2 and s1 > s2) end

-- a payload begins with its channel's name, so the place of the numbers is known
local function head(text, at)
  local e, s = match(text, '^(%d+),"sequence":(%d+)', at)
  if not e then return -1, -1 end
  return tonumber(e), tonumber(s)
end

-- the newest of each channel
local values = {}
local function putValue(channel, e, s, payload, renews)
  local value = values[channel]
  if not value then
    values[channel] = { e = e, s = s, payload = payload, renews = renews }
    return
  end
  value.renews = value.renews or renews
  if newer(e, s, value.e, value.s) then value.e, value.s, value.payload = e, s, payload end
end

local function writeValue(channel, value)
  local key = 'last:{' .. channel .. '}'
  local old = call('SET', key, value.payload, 'KEEPTTL', 'GET')
  local oe, os = -1, -1
  if old then oe, os = head(old, #channel + shift) end
  if not newer(value.e, value.s, oe, os) then call('SET', key, old, 'KEEPTTL')
  elseif oe < 0 or value.renews then call('EXPIRE', key, ttl) end
end

local tapes = {}
local function putEvent(channel, e, s, payload, renews)
  local tape = tapes[channel]
  if not tape then
    local name = 'events:{' .. channel .. '}'
    local le, ls = head(call('LINDEX', name, -1) or '', #channel + shift)
    tape = { name = name, e = le, s = ls, fresh = {} }
    tapes[channel] = tape
  end
  tape.renews = tape.renews or renews
  if not newer(e, s, tape.e, tape.s) then return end
  tape.e, tape.s, tape.fresh[#tape.fresh + 1] = e, s, payload
end

local function writeTape(tape)
  local more = #tape.fresh
  if more == 0 then return end
  local length = append(tape.name, tape.fresh)
  if length > 115 then call('LTRIM', tape.name, -100, -1) end
  if tape.renews or length == more then call('EXPIRE', tape.name, ttl) end
end

local books = {}
local function bookOf(channel)
  local book = books[channel]
  if book then return book end
  local tag = '{' .. channel .. '}'
  book = { key = 'last:' .. tag, increments = 'increments:' .. tag, position = 'position:' .. tag }
  book.at, book.fresh, book.count = #channel + shift, {}, 0
  local position = call('GET', book.position)
  if position then
    local e, s, count, ve, vs = match(position, '^(%d+) (%d+) (%d+) (%-?%d+) (%-?%d+)$')
    book.ne, book.ns, book.count = tonumber(e), tonumber(s), tonumber(count)
    book.ve, book.vs = tonumber(ve), tonumber(vs)
  else
    book.ve, book.vs = head(call('GETRANGE', book.key, 0, #channel + 80), book.at)
    book.ne, book.ns = book.ve, book.vs
  end
  books[channel] = book
  return book
end

local function settle(book)
  local more = #book.fresh
  if more == 0 then return end
  local length = append(book.increments, book.fresh)
  book.fresh, book.count = {}, book.count + more
  if length == more then call('EXPIRE', book.increments, ttl) end
  if book.broken or length > 10000 or length ~= book.count then
    call('DEL', book.key, book.increments)
    book.ve, book.vs, book.count, book.broken = -1, -1, 0, false
  end
end

local function putWhole(book, e, s, payload)
  if not newer(e, s, book.ne, book.ns) then return end
  book.fresh, book.broken = {}, false
  call('SET', book.key, payload, 'EX', ttl)
  call('DEL', book.increments)
  book.ve, book.vs, book.ne, book.ns, book.count, book.changed = e, s, e, s, 0, true
end

local function putSnapshot(book, e, s, payload)
  settle(book)
  if book.ve >= 0 and not newer(e, s, book.ve, book.vs) then return end
  if book.ve < 0 and newer(book.ne, book.ns, e, s) then return end
  call('SET', book.key, payload, 'EX', ttl)
  book.ve, book.vs, book.changed = e, s, true
  if not newer(book.ne, book.ns, e, s) then
    call('DEL', book.increments)
    book.ne, book.ns, book.count = e, s, 0
    return
  end
  while book.count > 0 do
    local ie, is = head(call('LINDEX', book.increments, 0) or '', book.at)
    if newer(ie, is, e, s) then return end
    call('LPOP', book.increments)
    book.count = book.count - 1
  end
end

local function putIncrement(book, e, s, payload)
  if not newer(e, s, book.ne, book.ns) then return end
  book.ne, book.ns, book.changed = e, s, true
  if book.ve < 0 then return end
  book.fresh[#book.fresh + 1] = payload
  if e == book.ve then return end
  book.broken = true
  settle(book)
end

for at = 1, #heads, 4 do
  local channel, code, e, s = heads[at], heads[at + 1], heads[at + 2], heads[at + 3]
  local payload = ARGV[4 + (at - 1) / 4]
  if code == 'v' or code == 'V' then putValue(channel, e, s, payload, code == 'V')
  elseif code == 'e' or code == 'E' then putEvent(channel, e, s, payload, code == 'E')
  elseif code == 'i' then putIncrement(bookOf(channel), e, s, payload)
  elseif code == 'b' then putWhole(bookOf(channel), e, s, payload)
  else putSnapshot(bookOf(channel), e, s, payload) end
  if code ~= 's' then call(publish, channel, payload) end
end

for channel, value in pairs(values) do writeValue(channel, value) end
for _, tape in pairs(tapes) do writeTape(tape) end
for _, book in pairs(books) do
  settle(book)
  if book.changed then
    local text = string.format('%.0f %.0f %d %.0f %.0f', book.ne, book.ns, book.count, book.ve, book.vs)
    call('SET', book.position, text, 'EX', ttl)
  end
end
return #heads / 4
`;

export const publishScriptSha = createHash("sha1").update(publishScript).digest("hex");
