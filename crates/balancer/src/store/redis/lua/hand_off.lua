-- Who gets what: the lines of waiters, the choice among them, the choice among free resources.

-- A class as it was queued: what it asks for, and on what terms.
local function parse_line(class, packed)
  local w = words(packed)
  local line = { class = class, model = w[1], warm = w[2] == '1', load = num(w[3]), names = {}, caps = {} }
  for i = 4, #w, 2 do
    line.names[#line.names + 1] = w[i]
    line.caps[w[i]] = tonumber(w[i + 1])
  end
  return line
end

local function lines(c)
  if not c.lines then
    c.lines, c.order = {}, {}
    local raw = redis.call('HGETALL', c.k .. 'cls')
    for i = 1, #raw, 2 do
      local line = parse_line(raw[i], raw[i + 1])
      c.lines[raw[i]] = line
      c.order[#c.order + 1] = line
    end
  end
  return c.order
end

-- The first in a line whose replica would notice.
local function head(c, line)
  if line.head == nil then
    line.head = false
    for from = 0, SEARCH - 1, BATCH do
      local q = redis.call('ZRANGE', c.k .. 'q:' .. line.class, from, from + BATCH - 1, 'WITHSCORES')
      for i = 1, #q, 2 do
        local w = words(redis.call('HGET', c.k .. 'wait', q[i]))
        if notices(c, w[1]) then
          line.head = { id = q[i], ticket = tonumber(q[i + 1]), line = line, at = num(w[5]) }
          return line.head
        end
      end
      if #q < 2 * BATCH then break end
    end
  end
  return line.head
end

local function age(c, h) return c.now - h.at end

-- Whether waiting for a resource that has the model already is expected to be quicker than loading it elsewhere.
local function worth_waiting(c, line, ahead)
  if not line.warm or line.load <= 0 then return false end
  local soonest, slots, mean
  for _, r in ipairs(line.names) do
    local s = resident(c, r)
    if s.model == line.model then
      mean = s.mean > 0 and s.mean or line.load / 2
      local left = math.max(mean - (c.now - s.at), mean / 4)
      if not soonest or left < soonest then soonest = left end
      slots = (slots or 0) + line.caps[r]
    end
  end
  return soonest ~= nil and soonest + ahead * mean / slots < line.load
end

-- The waiter who gets the free resource r, or nil.
local function choose(c, r)
  local used, s = num(redis.call('HGET', c.k .. 'used', r)), nil
  local first, own
  for _, line in ipairs(lines(c)) do
    local cap = line.caps[r]
    local h = cap and used < cap and head(c, line)
    if h then
      if line.warm and not s then s = resident(c, r) end
      local warm = line.warm and line.model == s.model
      if warm and (not own or h.ticket < own.ticket) then own = h end
      local older = not first or h.ticket < first.ticket
      local holds_out = older and not warm and line.load > 0 and age(c, h) < line.load and worth_waiting(c, line, 0)
      if older and not holds_out then first = h end
    end
  end
  if not own or own == first then return first end
  local load = math.max(first.line.load, own.line.load)
  local stay
  if load > 0 then
    stay = c.now - s.since < DWELL * load or age(c, first) < PATIENCE * load
  else
    stay = redis.call('HINCRBY', c.k .. 'byp', first.id, 1) <= BYPASS
  end
  return stay and own or first
end

-- Gives what was freed to those who wait. Never during a quarantine; everything there is, once after it.
local function settle(c)
  if c.left > 0 then return end
  if c.dirty then
    c.dirty = false
    redis.call('HSET', c.k .. 'meta', 'dirty', 0)
    -- What nobody confirmed is over: to tell it now would bring an old fence back.
    local all = redis.call('HGETALL', c.k .. 'lease')
    for i = 1, #all, 2 do
      if words(all[i + 1])[6] ~= c.ep then drop_lease(c, all[i], all[i + 1]) end
    end
    for _, line in ipairs(lines(c)) do
      for _, r in ipairs(line.names) do c.freed[#c.freed + 1] = r end
    end
  end
  if #c.freed == 0 or redis.call('EXISTS', c.k .. 'cls') == 0 then return end
  local seen = {}
  for _, r in ipairs(c.freed) do
    local h = not seen[r] and choose(c, r)
    seen[r] = true
    while h do
      local w = drop_waiter(c, h.id)
      local fence = grant(c, h.id, r, w[1], w[2], num(w[3]))
      redis.call('SPUBLISH', c.k .. 'ch:' .. w[1], table.concat({ h.id, r, fence, c.ep, int(c.now) }, ' '))
      h = choose(c, r)
    end
  end
  c.freed = {}
end

-- Offers the free resources of a class once more: a waiter may have held out too long, or a capacity may have grown.
local function offer(c, class)
  lines(c)
  local line = c.lines[class]
  if c.left > 0 or not line then return end
  local used = redis.call('HMGET', c.k .. 'used', unpack(line.names))
  for i, r in ipairs(line.names) do
    if num(used[i]) < line.caps[r] then c.freed[#c.freed + 1] = r end
  end
  settle(c)
end

-- The best free candidate: where the model was last, where it is, an unused one, one whose model is elsewhere too, the
-- one left alone for longest. Second result: the model would have to be loaded there.
local function pick(c, line)
  local used = redis.call('HMGET', c.k .. 'used', unpack(line.names))
  if not line.warm then
    for i, r in ipairs(line.names) do
      if num(used[i]) < line.caps[r] then return r, false end
    end
    return nil
  end
  local last, copies, seen = redis.call('HGET', c.k .. 'res', 'last:' .. line.model), {}, {}
  for _, r in ipairs(line.names) do
    local s = resident(c, r)
    seen[r] = s
    if s.model then copies[s.model] = (copies[s.model] or 0) + 1 end
  end
  local best, rank, at
  for i, r in ipairs(line.names) do
    if num(used[i]) < line.caps[r] then
      local s, k = seen[r], 4
      if s.model == line.model then k = r == last and 0 or 1
      elseif not s.model then k = 2
      elseif copies[s.model] > 1 then k = 3 end
      if not best or k < rank or (k == rank and k >= 3 and s.at < at) then best, rank, at = r, k, s.at end
    end
  end
  return best, best ~= nil and rank >= 2
end

