package checkout

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	// askAgain is how long the answer "pending" is repeated from memory.
	askAgain = 500 * time.Millisecond
	// pendingKept is how long at least it is repeated while the ledger cannot be asked.
	pendingKept = 30 * time.Second
	mostPending = 50_000
)

// pendingAnswers remembers which claims had no verdict when they were last asked for, until a verdict comes. Clients whose
// request was answered "pending" ask again and again; most of that does not reach the ledger. The memory is bounded: a claim
// that is forgotten costs one question.
type pendingAnswers struct {
	some atomic.Bool

	mu sync.Mutex
	// recent are those since rotatedAt, earlier those of the period before.
	recent, earlier map[uuid.UUID]time.Time
	rotatedAt       time.Time
}

// age is how long ago the claim was known to be pending.
func (p *pendingAnswers) age(id uuid.UUID, now time.Time) (time.Duration, bool) {
	if !p.some.Load() {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, known := p.recent[id]
	if !known {
		at, known = p.earlier[id]
	}
	return now.Sub(at), known
}

// note says that the claim is pending now.
func (p *pendingAnswers) note(id uuid.UUID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.recent == nil || len(p.recent) >= mostPending || now.Sub(p.rotatedAt) >= pendingKept {
		p.recent, p.earlier, p.rotatedAt = make(map[uuid.UUID]time.Time), p.recent, now
	}
	p.recent[id] = now
	p.some.Store(true)
}

// forget ends what is remembered of a claim.
func (p *pendingAnswers) forget(id uuid.UUID) {
	if !p.some.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.recent, id)
	delete(p.earlier, id)
}
