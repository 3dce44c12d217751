package codes

import (
	"context"
	"time"
)

const (
	// cleaningPause is how long the deleting of old codes rests when it has found few.
	cleaningPause = 5 * time.Minute
	// cleaningBatch is how many rows one statement deletes.
	cleaningBatch = 500
)

// Run deletes old codes, a few at a time, until ctx ends; then it returns nil. Several processes may do so.
func (c *Codes) Run(ctx context.Context) error {
	for {
		gone, err := c.store.deleteOldCodes(ctx, codesKept, cleaningBatch)
		if err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("old codes are deleted later", "error", err)
		}
		rest := cleaningPause
		if gone == cleaningBatch {
			rest = time.Second
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
	}
}
