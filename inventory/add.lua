-- Adds owners (ARGV) to the holders (KEYS[1]) whether there is room or not: they have their units already.
-- Reply: how many were added, or -1 when the holders are not loaded (what is begun here would look complete).
local loaded = redis.pcall('HEXISTS', KEYS[1], '0')
if type(loaded) == 'table' then return loaded end
if loaded == 0 then return -1 end
local joining = {}
for _, user in ipairs(ARGV) do
	joining[#joining + 1] = user
	joining[#joining + 1] = ''
end
return redis.call('HSET', KEYS[1], unpack(joining))
