-- Removes the holders (KEYS[1]) and the limit (KEYS[2]) where they are not what they should be, so that they can
-- be loaded again. Reply: how many keys were removed.
local function whole(text) return #text <= 15 and string.match(text, '^%d+$') end
local removed = 0
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then removed = removed + redis.call('UNLINK', KEYS[1]) end

kind = redis.call('TYPE', KEYS[2]).ok
local sound = kind == 'none'
if kind == 'hash' then
	local stored = redis.call('HMGET', KEYS[2], 'limit', 'version')
	sound = whole(stored[1] or '') and whole(stored[2] or '')
end
if not sound then removed = removed + redis.call('UNLINK', KEYS[2]) end
return removed
