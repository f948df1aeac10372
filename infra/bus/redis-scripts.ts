import { createHash } from "node:crypto";

/**
 * Publishes messages in order and keeps their last values by the rules of `LastValues`, in one step. What stands is
 * read from the heads of the payloads; a book's newest position and its number of increments stand beside them
 * wherever the value alone does not tell them, so that a list that Redis has lost is noticed.
 *
 * KEYS: of each message the key of its last value. ARGV: seconds to live, PUBLISH or SPUBLISH, then of each message
 * its code (v value, e event; of a book b value, s snapshot, i increment), epoch, sequence and payload.
 */
export const publishScript = `
local ttl, publish = ARGV[1], ARGV[2]
local call, match, sub = redis.call, string.match, string.sub

local function newer(e1, s1, e2, s2) return e1 > e2 or (e1 == e2 and s1 > s2) end

local function head(text)
  local e, s = match(text, '"epoch":(%d+),"sequence":(%d+)')
  if not e then return -1, -1 end
  return tonumber(e), tonumber(s)
end

local function headAt(key) return head(call('GETRANGE', key, 0, #key + 80)) end

local epochs, sequences, fresh = {}, {}, {}
local function putValue(key, e, s, payload)
  if not epochs[key] then epochs[key], sequences[key] = headAt(key) end
  if not newer(e, s, epochs[key], sequences[key]) then return end
  epochs[key], sequences[key], fresh[key] = e, s, payload
end

local tapes = {}
local function putEvent(key, e, s, payload)
  local tape = tapes[key]
  if not tape then
    local name = 'events:' .. sub(key, 6)
    tape = { name = name, length = 0 }
    tape.e, tape.s = head(call('LINDEX', name, -1) or '')
    tapes[key] = tape
  end
  if not newer(e, s, tape.e, tape.s) then return end
  tape.e, tape.s = e, s
  tape.length = call('RPUSH', tape.name, payload)
end

local books = {}
local function bookOf(key)
  local book = books[key]
  if book then return book end
  local tag = sub(key, 6)
  book = { key = key, increments = 'increments:' .. tag, position = 'position:' .. tag, count = 0 }
  book.ve, book.vs = headAt(key)
  book.ne, book.ns = book.ve, book.vs
  local position = call('GET', book.position)
  if position then
    local e, s, count = match(position, '^(%d+) (%d+) (%d+)$')
    book.ne, book.ns, book.count = tonumber(e), tonumber(s), tonumber(count)
    book.placed = true
  end
  books[key] = book
  return book
end

local function putWhole(book, e, s, payload)
  if not newer(e, s, book.ne, book.ns) then return end
  call('SET', book.key, payload, 'EX', ttl)
  call('DEL', book.increments)
  book.ve, book.vs, book.ne, book.ns, book.count, book.changed = e, s, e, s, 0, true
end

local function putSnapshot(book, e, s, payload)
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
    local ie, is = head(call('LINDEX', book.increments, 0) or '')
    if newer(ie, is, e, s) then return end
    call('LPOP', book.increments)
    book.count = book.count - 1
  end
end

local function putIncrement(book, e, s, payload)
  if not newer(e, s, book.ne, book.ns) then return end
  book.ne, book.ns, book.changed = e, s, true
  if book.ve < 0 then return end
  local length = call('RPUSH', book.increments, payload)
  book.count = book.count + 1
  if e ~= book.ve or length > 10000 or length ~= book.count then
    call('DEL', book.key, book.increments)
    book.ve, book.vs, book.count = -1, -1, 0
  end
end

local at = 3
for i = 1, #KEYS do
  local key, code, payload = KEYS[i], ARGV[at], ARGV[at + 3]
  local e, s = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  at = at + 4
  if code == 'v' then putValue(key, e, s, payload)
  elseif code == 'e' then putEvent(key, e, s, payload)
  elseif code == 'i' then putIncrement(bookOf(key), e, s, payload)
  elseif code == 'b' then putWhole(bookOf(key), e, s, payload)
  else putSnapshot(bookOf(key), e, s, payload) end
  if code ~= 's' then call(publish, sub(key, 7, -2), payload) end
end

for key, payload in pairs(fresh) do call('SET', key, payload, 'EX', ttl) end
for _, tape in pairs(tapes) do
  if tape.length > 0 then
    if tape.length > 100 then call('LTRIM', tape.name, -100, -1) end
    call('EXPIRE', tape.name, ttl)
  end
end
for _, book in pairs(books) do
  if book.changed then
    if book.count == 0 and book.ve == book.ne and book.vs == book.ns then
      if book.placed then call('DEL', book.position) end
    else
      call('SET', book.position, string.format('%.0f %.0f %d', book.ne, book.ns, book.count), 'EX', ttl)
      if book.count > 0 then
        call('EXPIRE', book.increments, ttl)
        call('EXPIRE', book.key, ttl)
      end
    end
  end
end
return #KEYS
`;

export const publishScriptSha = createHash("sha1").update(publishScript).digest("hex");
