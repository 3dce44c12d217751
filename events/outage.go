package events

import (
	"log/slog"
	"sync"
	"time"
)

// Outage logs once that something has begun to fail and once that it works again, however often it is tried in between.
// Several that fail for one reason, such as the partitions of a topic, share an Outage, which logs them as one. Safe
// for concurrent use.
type Outage struct {
	logger *slog.Logger
	// begun and ended are the lines for the log.
	begun, ended string

	mu     sync.Mutex
	out    map[int]bool
	since  time.Time
	latest time.Time // when one of them failed last
	cause  error     // and why
}

// failingFor is how long a failure counts after which nothing was tried again.
const failingFor = 30 * time.Second

// Sole is the number to use where only one can fail.
const Sole = 0

// NewOutage returns an outage that has not begun. begun and ended are the lines that the logger gets.
func NewOutage(logger *slog.Logger, begun, ended string) *Outage {
	return &Outage{logger: logger, begun: begun, ended: ended, out: make(map[int]bool)}
}

// Failed notes that who has failed once more.
func (o *Outage) Failed(who int, err error, attrs ...any) {
	o.mu.Lock()
	first := len(o.out) == 0
	o.out[who] = true
	o.latest, o.cause = time.Now(), err
	if first {
		o.since = o.latest
	}
	o.mu.Unlock()
	attrs = append(attrs, "error", err)
	if first {
		o.logger.Warn(o.begun, attrs...)
		return
	}
	o.logger.Debug(o.begun, attrs...)
}

// Recovered notes that who has had success.
func (o *Outage) Recovered(who int) {
	if lasted, last := o.without(who); last {
		o.logger.Info(o.ended, "after", lasted.Round(time.Millisecond))
	}
}

// Failing is why the latest try failed while the outage lasts, else nil. Where only requests try, nobody may have for a
// while: what failed longer than failingFor ago is no longer said to fail.
func (o *Outage) Failing() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.out) == 0 || time.Since(o.latest) > failingFor {
		return nil
	}
	return o.cause
}

// Forget removes one that no longer tries. That is not a success.
func (o *Outage) Forget(who int) { o.without(who) }

// without removes who from those that fail. It returns how long the outage lasted, and whether who was the last one.
func (o *Outage) without(who int) (lasted time.Duration, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.out[who] {
		return 0, false
	}
	delete(o.out, who)
	return time.Since(o.since), len(o.out) == 0
}
