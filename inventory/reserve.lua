-- Gives places to the shoppers in ARGV, in their order, while there is room.
-- KEYS: the holders, the limit (both hashes). Reply: one letter per shopper, R reserved, H has a place already,
-- F full; or M when the holders are not loaded. Everything is read, and so its type checked, before the one write.
local function whole(text) return #text <= 15 and string.match(text, '^%d+$') end
local stored = redis.pcall('HMGET', KEYS[2], 'limit', 'version')
if stored.err then return stored end
local before = redis.pcall('HMGET', KEYS[1], '0', unpack(ARGV))
if before.err then return before end
if not before[1] or not stored[1] or not stored[2] then return 'M' end
if not whole(stored[1]) then return redis.error_reply('WRONGTYPE the limit is not a whole number') end
local limit = tonumber(stored[1])

-- The mark that the holders are loaded, field 0, takes no room.
local room = limit - (redis.call('HLEN', KEYS[1]) - 1)
local places, joining, last, seen = {}, {}, 0, {}
for i = 1, #ARGV do
	local user = ARGV[i]
	if before[i + 1] or seen[user] then
		places[i] = 'H'
	elseif last < room then
		last = last + 1
		seen[user] = true
		joining[2 * last - 1], joining[2 * last] = user, ''
		places[i] = 'R'
	else
		places[i] = 'F'
	end
end
if last > 0 then redis.call('HSET', KEYS[1], unpack(joining)) end
return table.concat(places)
