/**
 * Keeps what is ours, takes what is free. KEYS: the history, then for each name its lease, its token, its progress. ARGV:
 * owner, ms that a lease lives, then for each name 1 where the owner holds it by its own clock, else 0, and its progress
 * ("" for none). Answers, behind the words of what a take was refused by ("" for nothing), for each name token and
 * progress; token 0 where it is somebody else's, or has to wait. Progress begins with a number that only grows.
 *
 * The history says which run of which server these leases stand in, and since when: what another server, one begun anew or
 * one that was emptied knows of the newest leases may be missing (replication is asynchronous). There nobody but its holder
 * takes a name until a lease's time is over, so that every other holder has stopped by its own clock.
 *
 * Tokens grow with the server's clock, so that one whose token was lost does not give it out again.
 */
export const keepScript = `
local owner, ttl = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function saidOf(section, field)
  local text = redis.pcall('INFO', section)
  return type(text) == 'string' and string.match(text, field .. ':(%w+)') or ''
end
local here = saidOf('server', 'run_id') .. saidOf('replication', 'master_replid')

-- what is ours comes first: where memory is full it is renewed all the same
local held = {}
for i = 0, (#KEYS - 1) / 3 - 1 do
  local lease = KEYS[2 + 3 * i]
  held[i] = redis.call('GET', lease)
  if held[i] and string.sub(held[i], 1, #owner + 1) == owner .. ' ' then redis.call('PEXPIRE', lease, ttl) end
end

local refused = ''
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then return true end
  refused = answer.err
  return false
end

local since, where = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%w*)$')
if not since or where ~= here then
  since = string.format('%.0f', now)
  try('SET', KEYS[1], since .. ' ' .. here)
end
local isSettled = now - tonumber(since) >= ttl * 1000

local function numberOf(text) return tonumber(string.match(text, '^%-?%d+') or '') or -1 end

local answer = { '' }
for i = 0, (#KEYS - 1) / 3 - 1 do
  local lease, token, progress = KEYS[2 + 3 * i], KEYS[3 + 3 * i], KEYS[4 + 3 * i]
  local isHolder, said = ARGV[3 + 2 * i] == '1', ARGV[4 + 2 * i]
  local number = 0
  if held[i] and string.sub(held[i], 1, #owner + 1) == owner .. ' ' then
    number = tonumber(string.sub(held[i], #owner + 2))
  elseif not held[i] and (isSettled or isHolder) then
    local taken = math.max((tonumber(redis.call('GET', token) or '') or 0) + 1, now)
    local text = string.format('%.0f', taken)
    if try('SET', token, text) and try('SET', lease, owner .. ' ' .. text, 'PX', ttl) then number = taken end
  end
  local known = redis.call('GET', progress) or ''
  if number > 0 and said ~= '' and numberOf(said) > numberOf(known) and try('SET', progress, said) then
    known = said
  end
  answer[2 * i + 2] = number
  answer[2 * i + 3] = known
end
answer[1] = refused
return answer`;

/** Gives back what is ours, with its progress. KEYS: for each name lease, token, progress. ARGV: owner, each progress. */
export const releaseScript = `
local owner = ARGV[1]
for i = 0, #KEYS / 3 - 1 do
  local lease, progress, said = KEYS[1 + 3 * i], KEYS[3 + 3 * i], ARGV[2 + i]
  local held = redis.call('GET', lease)
  if held and string.sub(held, 1, #owner + 1) == owner .. ' ' then
    if said ~= '' then redis.call('SET', progress, said) end
    redis.call('DEL', lease)
  end
end
return 0`;

/** A note of whoever has the lease. KEYS: the lease, the note. ARGV: owner, the note. Answers 1 where it was taken. */
export const noteScript = `
local owner = ARGV[1]
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, #owner + 1) ~= owner .. ' ' then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1`;
