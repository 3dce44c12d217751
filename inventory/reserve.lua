-- Gives places to the shoppers in ARGV, in their order, while there is room.
-- KEYS: the holders, the limit (both hashes). Reply: one letter per shopper, R reserved, H held before,
-- F full; or M when the holders are not loaded. Everything is read, and so its type checked, before the one write.
local function whole(text) return #text <= 15 and string.match(text, '^%d+$') end
local stored = redis.pcall('HMGET', KEYS[2], 'limit', 'version')
if stored.err then return stored end
local held = redis.pcall('HMGET', KEYS[1], '0', unpack(ARGV))
if held.err then return held end
if not held[1] or not stored[1] or not stored[2] then return 'M' end
if not whole(stored[1]) then return redis.error_reply('WRONGTYPE the limit is not a whole number') end
local limit = tonumber(stored[1])

-- The mark that the holders are loaded, field 0, takes no room.
local room = limit - (redis.call('HLEN', KEYS[1]) - 1)
local places, joining, seen = {}, {}, {}
for i, user in ipairs(ARGV) do
	if held[i + 1] or seen[user] then
		places[i] = 'H'
	elseif room > 0 then
		room = room - 1
		seen[user] = true
		joining[#joining + 1] = user
		joining[#joining + 1] = ''
		places[i] = 'R'
	else
		places[i] = 'F'
	end
end
if #joining > 0 then redis.call('HSET', KEYS[1], unpack(joining)) end
return table.concat(places)
