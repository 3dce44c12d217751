package sale

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

const (
	// lostAfter is how far apart the two looks are that find a claim lost: longer than a write to the log takes to
	// fail, and than a broker that has just become leader takes to know its log.
	lostAfter  = 10 * time.Second
	mostDoubts = 10_000
	// doubtKept is how long a doubt is kept for certain.
	doubtKept = time.Minute
	// doubtsSwept is the shortest time between two searches for doubts that need not be kept.
	doubtsSwept = time.Second
)

// losses find the claims that will never be decided, such as those of a log that was emptied or replaced after it had
// acknowledged them. A position of the old log says nothing in the new one. So a claim is lost when it has no verdict
// although, in two looks, the ledger had decided all that the log holds. The looks belong to the partition and are
// shared by all its claims.
type losses struct {
	settled    func(ctx context.Context, partition int) (epoch int64, settled bool, err error)
	partitions [events.Partitions]settledQuestions

	mu     sync.Mutex
	doubts map[uuid.UUID]doubt
	swept  time.Time
}

// doubt is a claim that was asked for, without a verdict, when everything in its log was decided.
type doubt struct {
	asked time.Time
	// first is when the first read began after that; zero: there was none yet. A look from before the question does not
	// count, since the claim may have been written after it.
	first time.Time
	epoch int64
}

// lost is false as long as the log cannot be asked. A verdict has to be looked for after it.
func (l *losses) lost(ctx context.Context, id uuid.UUID, partition int) (bool, error) {
	now := time.Now()
	d, known := l.doubt(id)
	if known && !d.first.IsZero() && now.Sub(d.first) < lostAfter {
		return false, nil
	}
	look := l.partitions[partition].latest(ctx, func(ctx context.Context) (int64, bool, error) { return l.settled(ctx, partition) })
	switch {
	case errors.Is(look.err, events.ErrLog):
		return false, nil
	case look.err != nil:
		return false, look.err
	case !look.settled:
		return false, nil
	case known && !d.first.IsZero() && d.epoch == look.epoch && look.askedAt.Sub(d.first) >= lostAfter:
		return true, nil
	case !known:
		d = doubt{asked: now}
	}
	if !look.askedAt.Before(d.asked) && (d.first.IsZero() || d.epoch != look.epoch) {
		d.first, d.epoch = look.askedAt, look.epoch
	}
	l.note(id, d, now)
	return false, nil
}

func (l *losses) doubt(id uuid.UUID) (doubt, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, ok := l.doubts[id]
	return d, ok
}

// note keeps a doubt. When there are too many, those go that have been kept for long, or this one has to wait.
func (l *losses) note(id uuid.UUID, d doubt, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doubts == nil {
		l.doubts = make(map[uuid.UUID]doubt)
	}
	if _, known := l.doubts[id]; !known && len(l.doubts) >= mostDoubts {
		l.sweep(now)
		if len(l.doubts) >= mostDoubts {
			return
		}
	}
	l.doubts[id] = d
}

// sweep takes out the doubts that have been kept for long. The caller holds the lock.
func (l *losses) sweep(now time.Time) {
	if now.Sub(l.swept) < doubtsSwept {
		return
	}
	l.swept = now
	for id, d := range l.doubts {
		if now.Sub(d.asked) > doubtKept {
			delete(l.doubts, id)
		}
	}
}
