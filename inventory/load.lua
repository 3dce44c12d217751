-- Puts prepared holders in the place of holders that are not loaded, and sets the limit.
-- KEYS: the holders, the limit, the prepared ones. ARGV: the limit, its version, the size the prepared ones must
-- have. Reply: loaded; older when the stored limit is newer; present when somebody else loaded the holders in the
-- meantime (shoppers may have places there, so they stay); torn when some of the prepared ones were lost.
local function whole(text) return #text <= 15 and string.match(text, '^%d+$') end
local stored = redis.pcall('HMGET', KEYS[2], 'limit', 'version')
if stored.err then return stored end
if stored[2] and not whole(stored[2]) then
	return redis.error_reply('WRONGTYPE the version is not a whole number')
end
local loaded = redis.pcall('HEXISTS', KEYS[1], '0')
if type(loaded) == 'table' then return loaded end
local prepared = redis.pcall('HLEN', KEYS[3])
if type(prepared) == 'table' then return prepared end

local refusal
if stored[2] and tonumber(stored[2]) > tonumber(ARGV[2]) then
	refusal = 'older'
elseif loaded == 1 then
	refusal = 'present'
elseif prepared ~= tonumber(ARGV[3]) then
	refusal = 'torn'
end
if refusal then
	redis.call('UNLINK', KEYS[3])
	return refusal
end
redis.call('RENAME', KEYS[3], KEYS[1])
redis.call('PERSIST', KEYS[1])
redis.call('HSET', KEYS[2], 'limit', ARGV[1], 'version', ARGV[2])
redis.call('PERSIST', KEYS[2])
return 'loaded'
