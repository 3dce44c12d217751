-- Takes one attempt from each of several budgets, or from none when one of them is spent. Generic cell rate algorithm: a key has
-- the time, in microseconds, at which its budget is whole again.
-- KEYS: the budgets; after them, if given, the mark of a network from which the account has signed in before.
-- ARGV, for each budget: the microseconds in which one attempt comes back, the burst, and 1 if the budget is for strangers only.
-- Reply: 1 or 0 whether it was taken, and of the budget with the longest wait, or else the least left: its number, how many
-- attempts are left, the microseconds to wait.
-- The clock is the server's, so that all processes go by the same one. Everything is read before the first write.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local count = #ARGV / 3
local known = #KEYS > count and redis.call('EXISTS', KEYS[count + 1]) == 1

local whole, taken = {}, 1
local index, left, wait = 0, 0, 0
for i = 1, count do
	if not (known and ARGV[3 * i] == '1') then
		local interval, burst = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
		local stored = redis.pcall('GET', KEYS[i])
		if type(stored) == 'table' and stored.err then return stored end
		-- Nobody waits longer than a spent budget takes, also when the clock of the server has gone back.
		local at = math.min(math.max(tonumber(stored or '0') or 0, now), now + burst * interval)
		local over = at + interval - burst * interval - now
		if over > 0 then
			if over > wait then index, left, wait = i, 0, over end
			taken = 0
		else
			local rest = math.floor(-over / interval)
			if taken == 1 and (index == 0 or rest < left) then index, left = i, rest end
			whole[i] = at + interval
		end
	end
end
if taken == 1 then
	for i, at in pairs(whole) do
		redis.call('SET', KEYS[i], string.format('%.0f', at), 'PX', math.ceil((at - now) / 1000) + 1)
	end
end
return {taken, index, left, wait}
