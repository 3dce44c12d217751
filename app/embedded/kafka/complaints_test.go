package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// A full disk was a line for each record, 240 a second.
func TestComplaintsAreSampled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var written bytes.Buffer
		c := &complaints{to: slog.New(slog.NewTextHandler(&written, nil))}
		for range 1000 {
			c.Logf(kfake.LogLevelWarn, "persist batch %s: %v", "claims-1", "no space left on device")
			c.Logf(kfake.LogLevelInfo, "nothing to worry about")
		}
		time.Sleep(complainEvery)
		c.Logf(kfake.LogLevelError, "persist batch %s: %v", "claims-2", "no space left on device")
		lines := strings.Split(strings.TrimSpace(written.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "claims-1: no space left") || !strings.Contains(lines[1], "claims-2") || !strings.Contains(lines[1], `"left out"=999`) {
			t.Errorf("logged %q", lines)
		}
	})
}
