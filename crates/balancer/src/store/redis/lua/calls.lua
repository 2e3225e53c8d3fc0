-- The functions a client calls. Each opens with enter(), ends what is over and hands on what is free. Every answer
-- starts with the epoch (the server process, in short), the quarantine left and the server's time.

local function answer(c, ...) return { c.ep, c.left, c.now, ... } end

local function held(c, id)
  local p = redis.call('HGET', c.k .. 'lease', id)
  if not p then return nil end
  local l = words(p)
  if hearsay(c, l) then return answer(c, 'QUEUED', 0) end
  return answer(c, 'GRANTED', l[1], l[2])
end

local function queued(c, id, class)
  return answer(c, 'QUEUED', redis.call('ZRANK', c.k .. 'q:' .. class, id) or 0)
end

-- acquire: id replica class model mode load ttl quarantine trust hold wait limit  r1 cap1 r2 cap2 ...
-- -> GRANTED resource fence | QUEUED ahead | BUSY waiting | GONE
local function acquire(keys, a)
  local id, rep, class, model = a[1], a[2], a[3], a[4]
  local c = enter(keys[1], tonumber(a[8]), a[9])
  renew(c, rep, tonumber(a[7]))
  sweep(c)
  settle(c)
  if redis.call('ZSCORE', c.k .. 'done', id) then return answer(c, 'GONE') end
  local mine = held(c, id)
  if mine then return mine end
  local w = redis.call('HGET', c.k .. 'wait', id)
  if w then
    class = class_of(w)
    offer(c, class)
    return held(c, id) or queued(c, id, class)
  end
  local packed = table.concat({ model, a[5], a[6], unpack(a, 13) }, ' ')
  local line, wait = parse_line(class, packed), tonumber(a[11])
  if c.left == 0 then
    local r, cold = pick(c, line)
    if r and not (cold and wait > 0 and worth_waiting(c, line, redis.call('ZCARD', c.k .. 'q:' .. class))) then
      return answer(c, 'GRANTED', r, grant(c, id, r, rep, model, tonumber(a[10])))
    end
  end
  local waiting = redis.call('HLEN', c.k .. 'wait')
  if wait <= 0 or waiting >= tonumber(a[12]) then return answer(c, 'BUSY', waiting) end
  redis.call('HSET', c.k .. 'cls', class, packed)
  redis.call('HSET', c.k .. 'wait', id, table.concat({ rep, model, a[10], class, int(c.now) }, ' '))
  redis.call('ZADD', c.k .. 'wdl', c.now + wait, id)
  redis.call('ZADD', c.k .. 'q:' .. class, redis.call('HINCRBY', c.k .. 'meta', 'seq', 1), id)
  return queued(c, id, class)
end

-- poll: replica ttl quarantine trust  id ... -> {id resource fence ...} {unknown id ...}
local function poll(keys, a)
  local c = enter(keys[1], tonumber(a[3]), a[4])
  renew(c, a[1], tonumber(a[2]))
  sweep(c)
  settle(c)
  local ids, granted, unknown, offered = { unpack(a, 5) }, {}, {}, {}
  if #ids == 0 then return answer(c, granted, unknown) end
  local waits = redis.call('HMGET', c.k .. 'wait', unpack(ids))
  for i = 1, #ids do
    local class = waits[i] and class_of(waits[i])
    if class and not offered[class] then
      offered[class] = true
      offer(c, class)
    end
  end
  local leases = redis.call('HMGET', c.k .. 'lease', unpack(ids))
  for i, id in ipairs(ids) do
    if leases[i] then
      local l = words(leases[i])
      for _, x in ipairs(hearsay(c, l) and {} or { id, l[1], l[2] }) do granted[#granted + 1] = x end
    elseif not waits[i] then
      unknown[#unknown + 1] = id
    end
  end
  return answer(c, granted, unknown)
end

-- release: quarantine trust  id fence id fence ...   Fence 0 ends whatever the id has, lease or place in line.
-- -> {1 lease ended | 2 left the line | 0 nothing ...}
local function release(keys, a)
  local c, out = enter(keys[1], tonumber(a[1]), a[2]), {}
  for i = 3, #a, 2 do
    local id, fence, what = a[i], a[i + 1], 0
    local p = redis.call('HGET', c.k .. 'lease', id)
    local l = p and words(p)
    if not l or fence == '0' or fence == l[2] then
      if l then
        local s, slot = resident(c, l[1]), c.now - num(l[5])
        s.mean = s.mean > 0 and s.mean + (slot - s.mean) / 8 or slot
        if s.model then keep_resident(c, l[1], s) end
        drop_lease(c, id, p)
        what = 1
      elseif drop_waiter(c, id) then
        what = 2
      end
      redis.call('ZADD', c.k .. 'done', c.now, id)
    end
    out[#out + 1] = what
  end
  redis.call('ZREMRANGEBYSCORE', c.k .. 'done', '-inf', c.now - DONE_MS)
  redis.call('ZREMRANGEBYRANK', c.k .. 'done', 0, -DONE_MAX - 1)
  sweep(c)
  settle(c)
  return answer(c, out)
end

-- Lets the keys of a pool that nobody uses any more go.
local function keep(c)
  local names = { 'meta', 'sess', 'lease', 'used', 'hold', 'wait', 'wdl', 'byp', 'deaf', 'cls', 'res', 'done' }
  for _, class in ipairs(redis.call('HKEYS', c.k .. 'cls')) do names[#names + 1] = 'q:' .. class end
  for _, name in ipairs(names) do redis.call('PEXPIRE', c.k .. name, IDLE_MS) end
end

-- Whether a holder who lives finds room on a resource, after hearsay has made way. Those who hold are never too many,
-- so that whoever has to make way now finds room in the same manner.
local function make_room(c, r, cap)
  if num(redis.call('HGET', c.k .. 'used', r)) < cap then return true end
  local all = redis.call('HGETALL', c.k .. 'lease')
  for i = 1, #all, 2 do
    local l = words(all[i + 1])
    if l[1] == r and hearsay(c, l) then
      drop_lease(c, all[i], all[i + 1])
      return true
    end
  end
  return false
end

-- heartbeat: replica ttl quarantine trust  then for each lease held: id resource fence model left cap
-- -> {lost id ...} {id resource fence of leases not listed ...} {replica ...}
local function heartbeat(keys, a)
  local rep = a[1]
  local c = enter(keys[1], tonumber(a[3]), a[4])
  renew(c, rep, tonumber(a[2]))
  sweep(c)
  local listed, lost, extra = {}, {}, {}
  for i = 5, #a, 6 do
    local id, r, fence, model, left, cap = a[i], a[i + 1], a[i + 2], a[i + 3], tonumber(a[i + 4]), tonumber(a[i + 5])
    listed[id] = true
    local p = redis.call('HGET', c.k .. 'lease', id)
    -- A server that missed the hand-off still has the holder in line.
    if not p then drop_waiter(c, id) end
    local l = p and words(p)
    if l and tonumber(l[2]) < tonumber(fence) and hearsay(c, l) then
      drop_lease(c, id, p)
      l = nil
    end
    if l then
      if l[2] ~= fence then lost[#lost + 1] = id end
      if l[2] == fence and l[6] ~= c.ep then
        l[6] = c.ep
        redis.call('HSET', c.k .. 'lease', id, table.concat(l, ' '))
      end
    elseif c.left > 0 and left > 0 and not redis.call('ZSCORE', c.k .. 'done', id) and make_room(c, r, cap) then
      -- The memory was lost and the holder lives: it keeps its lease, and with it its place before everybody else.
      c.fence = math.max(c.fence, tonumber(fence))
      redis.call('HSET', c.k .. 'meta', 'fence', int(c.fence))
      redis.call('HSET', c.k .. 'lease', id, table.concat({ r, fence, rep, model, int(c.now), c.ep }, ' '))
      redis.call('HINCRBY', c.k .. 'used', r, 1)
      redis.call('ZADD', c.k .. 'hold', c.now + left, id)
      keep_resident(c, r, { model = model, since = c.now, at = c.now, mean = resident(c, r).mean })
    else
      lost[#lost + 1] = id
    end
  end
  settle(c)
  local all = redis.call('HGETALL', c.k .. 'lease')
  for i = 1, #all, 2 do
    local l = words(all[i + 1])
    if l[3] == rep and not listed[all[i]] and not hearsay(c, l) then
      for _, x in ipairs({ all[i], l[1], l[2] }) do extra[#extra + 1] = x end
    end
  end
  keep(c)
  local roster = redis.call('ZRANGE', c.k .. 'sess', 0, -1)
  table.sort(roster)
  return answer(c, lost, extra, roster)
end

-- drain: replica quarantine trust. The replica says farewell; its leases and waiters end.
local function drain(keys, a)
  local c = enter(keys[1], tonumber(a[2]), a[3])
  redis.call('ZADD', c.k .. 'sess', c.now - 1, a[1])
  sweep(c)
  settle(c)
  return answer(c)
end

local function register(name, run, flags)
  redis.register_function({ function_name = 'llmr1_' .. name, callback = run, flags = flags })
end

-- What gives memory back, or keeps what is held, must work in a full server too.
register('acquire', acquire, {})
register('poll', poll, { 'allow-oom' })
register('release', release, { 'allow-oom' })
register('heartbeat', heartbeat, { 'allow-oom' })
register('drain', drain, { 'allow-oom' })
