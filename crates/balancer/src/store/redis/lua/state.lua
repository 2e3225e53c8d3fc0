#!lua name=llmr1
-- Exclusive and counted leases, handed on in order. One pool is one hash slot: every key starts with KEYS[1], which is
-- "<prefix>{<pool>}:". Raise the number in the names whenever the meaning of a key or an argument changes.
--
--   meta  hash  run, since, quar: the server process seen first at `since`, which grants nothing for `quar` ms
--               dirty: hand out everything once the quarantine is over; fence, seq: last fence, last ticket
--   sess  zset  replica -> end of its session      lease hash  id -> "resource fence replica model at epoch"
--   hold  zset  lease -> hard limit                used  hash  resource -> leases in use
--   wait  hash  id -> "replica model hold class at"   wdl zset id -> deadline    byp hash id -> times passed over
--   cls   hash  class -> "model mode load resource cap ..."      q:<class> zset id -> ticket
--   res   hash  resource -> "model since at mean", last:<model> -> resource
--   deaf  hash  replica that no message reaches -> when that was found, or 'heard' if it has called since
--   done  zset  id -> when it ended                ch:<replica> shard channel "id resource fence epoch time"
--
-- All times are milliseconds of this server's clock. Every function may run twice, or late, without harm.
local BYPASS = 4
local DONE_MS, DONE_MAX = 60000, 65536
local IDLE_MS = 86400000
local BATCH = 64
local SEARCH = 1024 -- how far into a line one call looks for somebody who would notice
local DWELL, PATIENCE = 3, 2 -- in load times: how long a resource stays with its model, how old the first in line may get

local run_id -- constant for the life of a server process, and so is this variable
local function identity()
  if not run_id then run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') end
  return run_id
end

local function int(x) return string.format('%.0f', x) end
local function num(x) return tonumber(x or 0) or 0 end
local function words(s)
  local t = {}
  for w in string.gmatch(s, '%S+') do t[#t + 1] = w end
  return t
end

-- The class of a packed waiter.
local function class_of(packed) return string.match(packed, '^%S+ %S+ %S+ (%S+)') end

-- Opens a call: reads the clock, and starts a quarantine when this server process is new to the pool.
local function enter(base, quarantine, trust)
  local t = redis.call('TIME')
  local sec, mic = tonumber(t[1]), tonumber(t[2])
  local c = { k = base, now = sec * 1000 + math.floor(mic / 1000), us = sec * 1000000 + mic, freed = {} }
  local run = identity()
  c.ep = string.sub(run, 1, 8)
  local m = redis.call('HMGET', base .. 'meta', 'run', 'since', 'quar', 'dirty', 'fence')
  local since, quar = num(m[2]), num(m[3])
  c.dirty, c.fence = m[4] == '1', num(m[5])
  if m[1] ~= run then
    since, quar, c.dirty = c.now, quarantine, true
    if trust == '1' and not m[1] then quar = 0 end
    redis.call('HSET', base .. 'meta', 'run', run, 'since', since, 'quar', quar, 'dirty', 1)
    -- Nobody could renew a session while the server was away; whoever lives will, before the quarantine ends.
    for _, rep in ipairs(redis.call('ZRANGE', base .. 'sess', 0, -1)) do
      redis.call('ZADD', base .. 'sess', 'XX', 'GT', since + quar, rep)
    end
  elseif c.now < since + quar and quarantine > quar then
    quar = quarantine
    redis.call('HSET', base .. 'meta', 'quar', quar)
  end
  c.left = math.max(since + quar - c.now, 0)
  return c
end

-- A replica calls: its session goes on.
local function renew(c, rep, ttl)
  redis.call('ZADD', c.k .. 'sess', 'GT', c.now + ttl, rep)
  if redis.call('HEXISTS', c.k .. 'deaf', rep) == 1 then redis.call('HSET', c.k .. 'deaf', rep, 'heard') end
end

-- Whether a grant for this replica would be noticed. One that no message reaches is passed over until it calls, so
-- that a dead process, whose connections are closed at once, is granted nothing until its session is over. A live one
-- calls within one poll, and from then on finds its grants by polling.
local function notices(c, rep)
  c.ears = c.ears or {}
  if c.ears[rep] == nil then
    local heard = redis.call('HGET', c.k .. 'deaf', rep)
    if redis.call('PUBSUB', 'SHARDNUMSUB', c.k .. 'ch:' .. rep)[2] > 0 then
      if heard then redis.call('HDEL', c.k .. 'deaf', rep) end
      c.ears[rep] = true
    else
      if not heard then redis.call('HSET', c.k .. 'deaf', rep, c.now) end
      c.ears[rep] = heard == 'heard'
    end
  end
  return c.ears[rep]
end

local function resident(c, r)
  local p = redis.call('HGET', c.k .. 'res', r)
  if not p then return { since = 0, at = 0, mean = 0 } end
  local w = words(p)
  return { model = w[1], since = num(w[2]), at = num(w[3]), mean = num(w[4]) }
end

local function keep_resident(c, r, s)
  redis.call('HSET', c.k .. 'res', r, s.model .. ' ' .. int(s.since) .. ' ' .. int(s.at) .. ' ' .. int(s.mean))
end

local function grant(c, id, r, rep, model, hold)
  -- The clock alone is greater than every fence of a memory that was lost.
  c.fence = math.max(c.fence + 1, c.us)
  local fence = int(c.fence)
  redis.call('HSET', c.k .. 'meta', 'fence', fence)
  redis.call('HSET', c.k .. 'lease', id, table.concat({ r, fence, rep, model, int(c.now), c.ep }, ' '))
  redis.call('HINCRBY', c.k .. 'used', r, 1)
  redis.call('ZADD', c.k .. 'hold', c.now + hold, id)
  local s = resident(c, r)
  if s.model ~= model then s.model, s.since = model, c.now end
  s.at = c.now
  keep_resident(c, r, s)
  redis.call('HSET', c.k .. 'res', 'last:' .. model, r)
  return fence
end

local function drop_lease(c, id, packed)
  local r = words(packed)[1]
  redis.call('HDEL', c.k .. 'lease', id)
  redis.call('ZREM', c.k .. 'hold', id)
  if redis.call('HINCRBY', c.k .. 'used', r, -1) <= 0 then redis.call('HDEL', c.k .. 'used', r) end
  c.freed[#c.freed + 1] = r
end

-- A lease that this server neither granted nor has seen its holder confirm, during a quarantine: a server that lost the
-- end of the story may believe in one that is over, and its resource may be held by somebody else. Nobody is told of it
-- before the quarantine is over and whoever holds anything has said so.
local function hearsay(c, lease) return c.left > 0 and lease[6] ~= c.ep end

local function drop_waiter(c, id)
  local p = redis.call('HGET', c.k .. 'wait', id)
  if not p then return nil end
  local w = words(p)
  local class = w[4]
  redis.call('HDEL', c.k .. 'wait', id)
  redis.call('ZREM', c.k .. 'wdl', id)
  redis.call('HDEL', c.k .. 'byp', id)
  redis.call('ZREM', c.k .. 'q:' .. class, id)
  if redis.call('EXISTS', c.k .. 'q:' .. class) == 0 then redis.call('HDEL', c.k .. 'cls', class) end
  if c.lines and c.lines[class] then c.lines[class].head = nil end
  return w
end

-- Ends what outlived its session, its hard limit or its deadline.
local function sweep(c)
  local dead = redis.call('ZRANGEBYSCORE', c.k .. 'sess', '-inf', c.now, 'LIMIT', 0, BATCH)
  if #dead > 0 then
    local gone = {}
    for _, rep in ipairs(dead) do gone[rep] = true end
    redis.call('ZREM', c.k .. 'sess', unpack(dead))
    redis.call('HDEL', c.k .. 'deaf', unpack(dead))
    local l = redis.call('HGETALL', c.k .. 'lease')
    for i = 1, #l, 2 do
      if gone[words(l[i + 1])[3]] then drop_lease(c, l[i], l[i + 1]) end
    end
    local w = redis.call('HGETALL', c.k .. 'wait')
    for i = 1, #w, 2 do
      if gone[words(w[i + 1])[1]] then drop_waiter(c, w[i]) end
    end
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', c.k .. 'hold', '-inf', c.now, 'LIMIT', 0, BATCH)) do
    local p = redis.call('HGET', c.k .. 'lease', id)
    if p then drop_lease(c, id, p) else redis.call('ZREM', c.k .. 'hold', id) end
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', c.k .. 'wdl', '-inf', c.now, 'LIMIT', 0, BATCH)) do
    drop_waiter(c, id)
  end
end

