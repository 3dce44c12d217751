package checkout

import (
	"context"
	"slices"
	"sync"
	"time"

	"flashsale/events"
)

// simulatedLog is Kafka with one partition of the claims log, and the position of its one consumer.
type simulatedLog struct {
	fault
	calls *callCounts
	wake  chan struct{}

	mu      sync.Mutex
	claims  []events.Claim
	epoch   int64
	cursor  int
	movedAt time.Time
	paused  bool
}

func newSimulatedLog(calls *callCounts) *simulatedLog {
	return &simulatedLog{calls: calls, wake: make(chan struct{}, 1)}
}

func (l *simulatedLog) Append(ctx context.Context, partition int, c events.Claim) (events.Position, error) {
	l.calls.add("append")
	if err := l.ask(ctx); err != nil {
		return events.Position{}, err
	}
	defer l.wakeConsumer()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claims = append(l.claims, c)
	return events.Position{Partition: partition, Offset: int64(len(l.claims) - 1)}, nil
}

func (l *simulatedLog) wakeConsumer() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// pauseConsumer stops the consumer until resumeConsumer.
func (l *simulatedLog) pauseConsumer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = true
}

func (l *simulatedLog) resumeConsumer() {
	l.mu.Lock()
	l.paused = false
	l.mu.Unlock()
	l.wakeConsumer()
}

// unread lists the records that the consumer may read now.
func (l *simulatedLog) unread() []events.Claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused {
		return nil
	}
	return slices.Clone(l.claims[l.cursor:])
}

// advance moves the cursor over so many records.
func (l *simulatedLog) advance(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cursor, l.movedAt = l.cursor+n, time.Now()
}

// position is the cursor, and when it last moved.
func (l *simulatedLog) position() (int64, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.cursor), l.movedAt
}

// settled is true while nothing is left to be decided.
func (l *simulatedLog) settled(context.Context, int) (int64, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch, l.cursor == len(l.claims), nil
}

// replace puts an empty log in the place of this one.
func (l *simulatedLog) replace() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch, l.claims, l.cursor = l.epoch+1, nil, 0
}

// written lists the records.
func (l *simulatedLog) written() []events.Claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.claims)
}

// neverSettled is a log that always has a record without a verdict.
func neverSettled(context.Context, int) (int64, bool, error) { return 0, false, nil }

// unacknowledged is a log that writes the records, and whose acknowledgements are lost.
type unacknowledged struct{ appender }

func (u unacknowledged) Append(ctx context.Context, partition int, c events.Claim) (events.Position, error) {
	if _, err := u.appender.Append(ctx, partition, c); err != nil {
		return events.Position{}, err
	}
	return events.Position{}, errAway
}
