package sale

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

const (
	waiterShards = 32
	// keptFor bounds how long a claim that nobody waits for any more still counts in the share of its sale.
	keptFor = time.Minute
)

// waiters is the bookkeeping of the claims that wait for their verdict in this process. A claim is pending
// while a press waits for it, and afterwards for as long as it is not to be written again; if it was admitted without a
// place, until its verdict or for a minute.
type waiters struct {
	shards [waiterShards]waiterShard
	count  atomic.Int64

	mu     sync.Mutex
	shares map[Key]int // claims admitted without a place, by sale
}

type waiterShard struct {
	mu     sync.Mutex
	claims map[uuid.UUID]*waiter
}

// waiter is one claim that waits; all presses for it share it.
type waiter struct {
	id    uuid.UUID
	key   Key
	since time.Time
	// done is closed once verdict is there.
	done    chan struct{}
	verdict events.Verdict

	// sent is when this process last wrote the claim to the log, in nanoseconds after since and one more; 0: never.
	sent atomic.Int64
	// position is where the log has it, once it said so.
	position atomic.Pointer[events.Position]
	// seen is true once a press sees to it that the claim is decided though the log does not get on.
	seen atomic.Bool
	// unawaited is true once a press was answered without waiting.
	unawaited atomic.Bool

	// Guarded by the shard.
	presses int
	share   bool
	kept    bool
}

func (w *waiters) shard(id uuid.UUID) *waiterShard { return &w.shards[id[0]%waiterShards] }

// join waits for a claim. Every join needs a leave.
func (w *waiters) join(id uuid.UUID, k Key) *waiter {
	s := w.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.joined(s, id, k)
}

func (w *waiters) joined(s *waiterShard, id uuid.UUID, k Key) *waiter {
	c := s.claims[id]
	if c == nil {
		c = &waiter{id: id, key: k, since: time.Now(), done: make(chan struct{})}
		if s.claims == nil {
			s.claims = make(map[uuid.UUID]*waiter)
		}
		s.claims[id] = c
		w.count.Add(1)
	}
	c.presses++
	return c
}

// admit joins a claim without a place: only while fewer than limit of its sale are undecided, or when it is on the
// books already. first is true for the press that put it there; nil means no.
func (w *waiters) admit(id uuid.UUID, k Key, limit int) (c *waiter, first bool) {
	s := w.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claims[id] != nil {
		return w.joined(s, id, k), false
	}
	if !w.takeShare(k, limit) {
		return nil, false
	}
	c = w.joined(s, id, k)
	c.share = true
	return c, true
}

func (w *waiters) takeShare(k Key, limit int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shares[k] >= limit {
		return false
	}
	if w.shares == nil {
		w.shares = make(map[Key]int)
	}
	w.shares[k]++
	return true
}

func (w *waiters) returnShare(k Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shares[k]--; w.shares[k] <= 0 {
		delete(w.shares, k)
	}
}

// leave ends a join. A claim that the log has stays pending: of the share, because it may still get a unit, else so
// that a press that does not wait, made over and over, does not write it each time.
func (w *waiters) leave(c *waiter) {
	s := w.shard(c.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.presses--
	if c.presses > 0 || s.claims[c.id] != c {
		return
	}
	if c.kept = c.position.Load() != nil && (c.share || c.unawaited.Load()) && time.Now().Before(c.keptUntil()); !c.kept {
		w.remove(s, c)
	}
}

func (c *waiter) keptUntil() time.Time {
	if c.share {
		return c.since.Add(keptFor)
	}
	return c.since.Add(time.Duration(c.sent.Load()) - 1 + resendEvery)
}

// sentNow is the value of sent for this moment.
func (c *waiter) sentNow() int64 { return 1 + int64(time.Since(c.since)) }

// remove takes a claim off the pending claims. The caller holds the shard.
func (w *waiters) remove(s *waiterShard, c *waiter) {
	delete(s.claims, c.id)
	w.count.Add(-1)
	if c.share {
		w.returnShare(c.key)
	}
}

// deliver wakes everybody who waits for this claim. It is false when it is not pending.
func (w *waiters) deliver(v *events.Verdict) bool {
	s := w.shard(v.ClaimID)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.claims[v.ClaimID]
	if c == nil {
		return false
	}
	c.verdict = *v
	close(c.done)
	w.remove(s, c)
	return true
}

// overdue lists claims that have waited for longer than that, at most so many; those that nobody waits for only
// when kept is true, and those that were kept for too long leave the books.
func (w *waiters) overdue(now time.Time, than time.Duration, most int, kept bool) []uuid.UUID {
	if w.count.Load() == 0 {
		return nil
	}
	var ids []uuid.UUID
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for id, c := range s.claims {
			switch {
			case c.kept && c.presses == 0 && now.After(c.keptUntil()):
				w.remove(s, c)
			case c.presses == 0 && !kept, now.Sub(c.since) < than, len(ids) >= most:
			default:
				ids = append(ids, id)
			}
		}
		s.mu.Unlock()
	}
	return ids
}

// waiting is true while the claim is pending.
func (w *waiters) waiting(id uuid.UUID) bool {
	s := w.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.claims[id]
	return c != nil && (c.presses > 0 || time.Now().Before(c.keptUntil()))
}
