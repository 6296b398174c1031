-- The calls that wrk makes: each for a user and a todo at random, always in
-- the same order. wrk.go puts a table before this that says what they are.

local tokens, syncs = {}, {}

function init()
  for token in io.lines(calls.tokens) do tokens[#tokens + 1] = token end
  for token in io.lines(calls.syncs) do syncs[#syncs + 1] = token end
end

-- As todoID in dataset.go.
local function id(n)
  local digits = string.format("%d", tonumber(calls.base + n * calls.factor % calls.prime))
  return digits:sub(1, 8) .. "-" .. digits:sub(9) .. "-0000-0000-000000000000"
end

function request()
  local percent, n, i = math.random(0, 99), math.random(0, calls.todos - 1), 0
  repeat
    i = i + 1
    percent = percent - calls[i].percent
  until percent < 0
  if calls[i].deletes then
    n = calls.spare
    calls.spare = n + 1
  end
  local user = n % calls.users + 1
  return calls[i].request(tokens[user], id(n), syncs[user])
end

if calls.pause > 0 then
  function delay() return math.floor(0.5 - calls.pause * math.log(1 - math.random())) end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("\nbench: %d %d %d %d %d %d %d\n", summary.requests, e.status,
    e.connect + e.read + e.write + e.timeout, summary.duration,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
