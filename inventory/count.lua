-- Looks at the holders (KEYS[1]) and the limit (KEYS[2]) in one moment.
-- Reply: the number of holders, the limit, its version; -1 for each that is not there.
-- What is stored must be whole numbers, because Go reads it; Lua's own reading takes 5.5, 1e9, 0x10 and inf.
local function whole(text) return #text <= 15 and string.match(text, '^%d+$') end
local stored = redis.pcall('HMGET', KEYS[2], 'limit', 'version')
if stored.err then return stored end
local loaded = redis.pcall('HEXISTS', KEYS[1], '0')
if type(loaded) == 'table' then return loaded end
for i = 1, 2 do
	if stored[i] and not whole(stored[i]) then
		return redis.error_reply('WRONGTYPE the limit is not a whole number')
	end
end
local holders = -1
if loaded == 1 then holders = redis.call('HLEN', KEYS[1]) - 1 end
return { tostring(holders), stored[1] or '-1', stored[2] or '-1' }
