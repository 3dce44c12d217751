package sale

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	// askAgain is how long "pending" is good for: whoever asks for a claim within it is answered from memory.
	askAgain = 500 * time.Millisecond
	// pendingKept is for how long at least it stands in for an answer that the ledger cannot give.
	pendingKept = 30 * time.Second
	mostPending = 50_000
)

// pendings remembers which claims had no verdict when they were last asked for, until one is heard of. Those who ask
// again and again, as everybody whose press was answered "pending" does, are no burden on the ledger. It is bounded:
// a claim that is forgotten costs a question.
type pendings struct {
	some atomic.Bool

	mu sync.Mutex
	// recent are those since turned, earlier those of the time before.
	recent, earlier map[uuid.UUID]time.Time
	turned          time.Time
}

// age is how long ago the claim was known to be pending.
func (p *pendings) age(id uuid.UUID, now time.Time) (time.Duration, bool) {
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
func (p *pendings) note(id uuid.UUID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.recent == nil || len(p.recent) >= mostPending || now.Sub(p.turned) >= pendingKept {
		p.recent, p.earlier, p.turned = make(map[uuid.UUID]time.Time), p.recent, now
	}
	p.recent[id] = now
	p.some.Store(true)
}

// forget ends what is remembered of a claim.
func (p *pendings) forget(id uuid.UUID) {
	if !p.some.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.recent, id)
	delete(p.earlier, id)
}
