package server

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// TuneMemory uses more memory to save CPU, within bounds. With a live heap of a few megabytes the collector runs so
// often that it takes a third of the CPU when a sale opens; with a large one, four times its size is a waste. What the
// operator set through GOGC or GOMEMLIMIT stays. The returned function ends the adjusting.
func TuneMemory() (stop func()) {
	if limit := memoryLimit(); limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 10 * 8)
	}
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	return newHeadroom().keep()
}

// memoryLimit is what the control group allows in bytes, or 0 where there is no limit.
func memoryLimit() int64 {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
		if err == nil && n > 0 && n < math.MaxInt64/2 {
			return n
		}
	}
	return 0
}
