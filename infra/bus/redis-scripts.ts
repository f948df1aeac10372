import { createHash } from "node:crypto";

const POSITION_VERSION = 1;
const POSITION_BYTES = 1 + 5 * 8;

/** Where a book stands in Redis. */
export interface BookPosition {
  /** Of the newest message. */
  readonly epoch: number;
  readonly sequence: number;
  /** In the list beside the value. */
  readonly increments: number;
  readonly valueEpoch: number;
  readonly valueSequence: number;
}

/** A book's `position:{…}`: a version, then five doubles, most significant byte first. Texts take Lua a microsecond. */
export function positionBytes(position: BookPosition): Buffer {
  const bytes = Buffer.allocUnsafe(POSITION_BYTES);
  let at = bytes.writeUInt8(POSITION_VERSION, 0);
  at = bytes.writeDoubleBE(position.epoch, at);
  at = bytes.writeDoubleBE(position.sequence, at);
  at = bytes.writeDoubleBE(position.increments, at);
  at = bytes.writeDoubleBE(position.valueEpoch, at);
  bytes.writeDoubleBE(position.valueSequence, at);
  return bytes;
}

/**
 * Publishes messages in order and keeps their last values by the rules of `LastValues`, in one step. What stands is
 * told by the heads of the payloads; of a book by `position:{…}`, as `positionBytes` has it, so that a list that Redis has
 * lost is noticed. Every call to Redis costs about a microsecond, and every table of Lua's a quarter of one: of a round's
 * values of one key only the newest is written, in a call that answers what stood there (and goes back where that was
 * newer), times to live are renewed when the code says so, tapes and books take all that a round has for them in one, and a
 * tape is trimmed every 16 events.
 *
 * KEYS: one, which says where in a cluster the round goes. ARGV: seconds to live, PUBLISH or SPUBLISH, how many
 * characters of channels are the namespace's, and the messages as `RoundWriter` packs them: the payload of each, then in one
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

-- the newest of each channel: what is known of the n-th in lists, since a table for each costs more than the rest
local numberOf, channels, ve, vs, newest, renewing = {}, {}, {}, {}, {}, {}
local function putValue(channel, e, s, payload, renews)
  local n = numberOf[channel]
  if not n then
    n = #channels + 1
    numberOf[channel], channels[n], ve[n], vs[n], newest[n], renewing[n] = n, channel, e, s, payload, renews
    return
  end
  if renews then renewing[n] = true end
  if newer(e, s, ve[n], vs[n]) then ve[n], vs[n], newest[n] = e, s, payload end
end

local function writeValue(n)
  local channel = channels[n]
  local key = 'last:{' .. channel .. '}'
  local old = call('SET', key, newest[n], 'KEEPTTL', 'GET')
  local oe, os = -1, -1
  if old then oe, os = head(old, #channel + shift) end
  if not newer(ve[n], vs[n], oe, os) then call('SET', key, old, 'KEEPTTL')
  elseif oe < 0 or renewing[n] then call('EXPIRE', key, ttl) end
end

local tapes = {}
local function putEvent(channel, e, s, payload, renews)
  local tape = tapes[channel]
  if not tape then
    local name = 'events:{' .. channel .. '}'
    local le, ls = head(call('LINDEX', name, -1) or '', #channel + shift)
    tape = { name = name, e = le, s = ls, renews = renews, fresh = {} }
    tapes[channel] = tape
  end
  if renews then tape.renews = true end
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
  local tag, at = '{' .. channel .. '}', #channel + shift
  local key, position = 'last:' .. tag, 'position:' .. tag
  local stands = call('GET', position)
  local _, ne, ns, count, ve, vs
  local isKnown = stands and string.byte(stands) == ${POSITION_VERSION}
  if isKnown then _, ne, ns, count, ve, vs = struct.unpack('>Bddddd', stands)
  else
    ve, vs = head(call('GETRANGE', key, 0, #channel + 80), at)
    ne, ns, count = ve, vs, 0
  end
  book = { key = key, increments = 'increments:' .. tag, position = position, at = at, fresh = {}, count = count,
    ne = ne, ns = ns, ve = ve, vs = vs, renews = not isKnown, changed = false, broken = false }
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

local function writeWhole(book, e, s, payload)
  call('SET', book.key, payload, 'EX', ttl)
  book.ve, book.vs, book.changed, book.renews = e, s, true, true
end

local function putWhole(book, e, s, payload)
  if not newer(e, s, book.ne, book.ns) then return end
  book.fresh, book.broken = {}, false
  writeWhole(book, e, s, payload)
  call('DEL', book.increments)
  book.ne, book.ns, book.count = e, s, 0
end

local function putSnapshot(book, e, s, payload)
  settle(book)
  if book.ve >= 0 and not newer(e, s, book.ve, book.vs) then return end
  if book.ve < 0 and newer(book.ne, book.ns, e, s) then return end
  writeWhole(book, e, s, payload)
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

local function writePosition(book)
  local text = struct.pack('>Bddddd', ${POSITION_VERSION}, book.ne, book.ns, book.count, book.ve, book.vs)
  if book.renews then call('SET', book.position, text, 'EX', ttl)
  else call('SET', book.position, text, 'KEEPTTL') end
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

for n = 1, #channels do writeValue(n) end
for _, tape in pairs(tapes) do writeTape(tape) end
for _, book in pairs(books) do
  settle(book)
  if book.changed then writePosition(book) end
end
return #heads / 4
`;

export const publishScriptSha = createHash("sha1").update(publishScript).digest("hex");
