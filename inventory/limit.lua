-- Sets the limit (KEYS[1]) to ARGV[1] of version ARGV[2], unless the stored one is newer. With a third argument it
-- makes a limit that is not there. Reply: 1 set, 0 nothing to do or older, -1 when there is no limit.
local function whole(text) return #text <= 15 and string.match(text, '^%d+$') end
local stored = redis.pcall('HMGET', KEYS[1], 'limit', 'version')
if stored.err then return stored end
if stored[1] and stored[2] then
	if not whole(stored[1]) or not whole(stored[2]) then
		return redis.error_reply('WRONGTYPE the limit or its version is not a whole number')
	end
	local version, given = tonumber(stored[2]), tonumber(ARGV[2])
	if given < version or (given == version and stored[1] == ARGV[1]) then return 0 end
elseif not ARGV[3] then
	return -1
end
redis.call('HSET', KEYS[1], 'limit', ARGV[1], 'version', ARGV[2])
return 1
