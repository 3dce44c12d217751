package inventory

import (
	_ "embed" // for the Lua below
	"strconv"

	"github.com/redis/rueidis"
)

var (
	//go:embed reserve.lua
	reserveLua string
	//go:embed count.lua
	countLua string
	//go:embed load.lua
	loadLua string
	//go:embed add.lua
	addLua string
	//go:embed limit.lua
	limitLua string
	//go:embed repair.lua
	repairLua string
)

// The scripts run by EVALSHA and are sent in full only to a server that does not know them. None is retried by the
// client: a script whose reply was lost may have run.
var (
	reserveScript = rueidis.NewLuaScript(reserveLua)
	countScript   = rueidis.NewLuaScript(countLua)
	loadScript    = rueidis.NewLuaScript(loadLua)
	addScript     = rueidis.NewLuaScript(addLua)
	limitScript   = rueidis.NewLuaScript(limitLua)
	repairScript  = rueidis.NewLuaScript(repairLua)
)

// loadedMark is the field that makes the hash of holders exist even when nobody has a place. User ids start at 1, so it
// is no user's field.
const loadedMark = "0"

// decimal writes the numbers as arguments, with two allocations whatever their count.
func decimal(numbers []int64) []string {
	digits := make([]byte, 0, 8*len(numbers))
	ends := make([]string, len(numbers))
	for _, n := range numbers {
		digits = strconv.AppendInt(digits, n, 10)
	}
	rest := string(digits)
	for i, n := range numbers {
		width := digitCount(n)
		ends[i], rest = rest[:width], rest[width:]
	}
	return ends
}

func digitCount(n int64) int {
	width := 1
	if n < 0 {
		width++
	}
	for n /= 10; n != 0; n /= 10 {
		width++
	}
	return width
}
