package checkout

import (
	"context"
	"slices"
	"sync"

	"flashsale/events"
)

// closeLog is a log for the close records of a catalog. It keeps those that could not be written, too.
type closeLog struct {
	mu      sync.Mutex
	away    error
	records []events.Claim
	at      []int // the partition of each record
	// onWrite is called with each record that was written; nil: nothing is.
	onWrite func(events.Claim)
	// hangs says of a record whether writing it never ends by itself; nil: none does.
	hangs   func(events.Claim) bool
	written chan events.Claim
}

func newCloseLog() *closeLog { return &closeLog{written: make(chan events.Claim, 64)} }

// kept is what was written until now.
func (l *closeLog) kept() (records []events.Claim, at []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records), slices.Clone(l.at)
}

func (l *closeLog) Append(ctx context.Context, partition int, c events.Claim) (events.Position, error) {
	if l.hangs != nil && l.hangs(c) {
		return events.Position{}, hangs(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c.Partition = partition // as who reads the log sets it
	l.records, l.at = append(l.records, c), append(l.at, partition)
	select {
	case l.written <- c:
	default:
	}
	if l.away == nil && l.onWrite != nil {
		l.onWrite(c)
	}
	return events.Position{Partition: partition, Offset: int64(len(l.records))}, l.away
}
