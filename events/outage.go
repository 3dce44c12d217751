package events

import (
	"log/slog"
	"sync"
	"time"
)

// outage tells once that something has begun to fail and once that it works again, however often it is tried in
// between. Several that fail for one reason, such as the partitions of a topic, share it and are told of as one.
// Safe for concurrent use.
type outage struct {
	logger *slog.Logger
	// begun and ended are what is told.
	begun, ended string

	mu    sync.Mutex
	out   map[int]bool
	since time.Time
}

// sole stands for the one who fails where there are no several.
const sole = 0

func newOutage(logger *slog.Logger, begun, ended string) *outage {
	return &outage{logger: logger, begun: begun, ended: ended, out: make(map[int]bool)}
}

// met notes that who has failed once more.
func (o *outage) met(who int, err error, attrs ...any) {
	o.mu.Lock()
	first := len(o.out) == 0
	o.out[who] = true
	if first {
		o.since = time.Now()
	}
	o.mu.Unlock()
	attrs = append(attrs, "error", err)
	if first {
		o.logger.Warn(o.begun, attrs...)
		return
	}
	o.logger.Debug(o.begun, attrs...)
}

// over notes that who has had success.
func (o *outage) over(who int) {
	if lasted, last := o.without(who); last {
		o.logger.Info(o.ended, "after", lasted.Round(time.Millisecond))
	}
}

// drop forgets who has stopped trying; that is no success.
func (o *outage) drop(who int) { o.without(who) }

// without says for how long the outage lasted, if who was the last that it kept from working.
func (o *outage) without(who int) (lasted time.Duration, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.out[who] {
		return 0, false
	}
	delete(o.out, who)
	return time.Since(o.since), len(o.out) == 0
}
