package kafka

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// complainEvery is the shortest time between two lines. With a full disk kfake complains of every record.
const complainEvery = 10 * time.Second

// complaints pass on what goes wrong inside kfake: one line in a while, and how many like it were left out.
type complaints struct {
	to *slog.Logger

	mu      sync.Mutex
	last    time.Time
	leftOut int
}

// Logf takes what kfake logs.
func (c *complaints) Logf(level kfake.LogLevel, msg string, args ...any) {
	if level != kfake.LogLevelError && level != kfake.LogLevelWarn {
		return
	}
	if leftOut, now := c.turn(time.Now()); now {
		c.to.Warn("embedded Kafka", "level", level.String(), "message", fmt.Sprintf(msg, args...), "left out", leftOut)
	}
}

// turn is whether it is time for a line, and how many were left out before it.
func (c *complaints) turn(now time.Time) (leftOut int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.last) < complainEvery {
		c.leftOut++
		return 0, false
	}
	leftOut, c.leftOut, c.last = c.leftOut, 0, now
	return leftOut, true
}
