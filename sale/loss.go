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
	lostAfter = 10 * time.Second
	lossTime  = time.Second
	mostLooks = 10_000
	// lookKept is how long a first look is kept for certain.
	lookKept = time.Minute
)

// losses find the claims that will never be decided, such as those of a log that was emptied or replaced after it had
// acknowledged them. A position of the old log says nothing in the new one. So a claim is lost when it has no verdict
// although, in two looks, the ledger had decided all that the log holds.
type losses struct {
	settled func(ctx context.Context, partition int) (epoch int64, settled bool, err error)
	mu      sync.Mutex
	looks   map[uuid.UUID]settledLook // the first ones
}

// settledLook is when everything in the log was decided.
type settledLook struct {
	at    time.Time
	epoch int64
}

// lost is false as long as the log cannot be asked. A verdict has to be looked for after it.
func (l *losses) lost(ctx context.Context, id uuid.UUID, partition int) (bool, error) {
	first, before := l.first(id)
	if before && time.Since(first.at) < lostAfter {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lossTime)
	defer cancel()
	now := time.Now()
	epoch, settled, err := l.settled(ctx, partition)
	switch {
	case errors.Is(err, events.ErrLog):
		return false, nil
	case err != nil:
		return false, err
	case !settled:
		return false, nil
	case before && first.epoch == epoch:
		return true, nil
	}
	l.note(id, settledLook{now, epoch})
	return false, nil
}

func (l *losses) first(id uuid.UUID) (settledLook, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	look, ok := l.looks[id]
	return look, ok
}

// note keeps a first look. When there are too many, those go that have been kept for long, or this one has to wait.
func (l *losses) note(id uuid.UUID, look settledLook) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.looks == nil {
		l.looks = make(map[uuid.UUID]settledLook)
	}
	if len(l.looks) >= mostLooks {
		for old, kept := range l.looks {
			if look.at.Sub(kept.at) > lookKept {
				delete(l.looks, old)
			}
		}
	}
	if len(l.looks) < mostLooks {
		l.looks[id] = look
	}
}
