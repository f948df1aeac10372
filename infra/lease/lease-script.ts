/**
 * Keeps what is ours, takes what is free. KEYS: for each name its lease, its token, its progress. ARGV: owner, ms that a
 * lease lives, whether names that nobody ever held may be taken, then the progress of each name ("" for none).
 * Answers for each name token and progress; token 0 where it is somebody else's, or has to wait.
 */
export const keepScript = `
local owner, ttl, mayBegin = ARGV[1], ARGV[2], ARGV[3] == '1'
local answer = {}
for i = 0, #KEYS / 3 - 1 do
  local lease, token, progress = KEYS[1 + 3 * i], KEYS[2 + 3 * i], KEYS[3 + 3 * i]
  local said = ARGV[4 + i]
  local held = redis.call('GET', lease)
  local number = 0
  if held and string.sub(held, 1, #owner + 1) == owner .. ' ' then
    redis.call('PEXPIRE', lease, ttl)
    number = tonumber(string.sub(held, #owner + 2))
  elseif not held and (mayBegin or said ~= '' or redis.call('EXISTS', token) == 1) then
    number = redis.call('INCR', token)
    redis.call('SET', lease, owner .. ' ' .. number, 'PX', ttl)
  end
  local known = redis.call('GET', progress) or ''
  if number > 0 and said ~= '' and tonumber(said) > (tonumber(known) or -1) then
    redis.call('SET', progress, said)
    known = said
  end
  answer[2 * i + 1] = number
  answer[2 * i + 2] = known
end
return answer`;

/** Gives back what is ours, with its progress. KEYS and ARGV as above, without the flags. */
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
