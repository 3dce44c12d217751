package checkout

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

const (
	pendingShards = 32
	// shareKeptFor bounds how long a claim that nobody waits for still counts in the share of its sale.
	shareKeptFor = time.Minute
)

// pendingClaims are the claims of this process that have no verdict yet and that a request waits for, or that are kept
// for another reason (pendingState). Requests for one claim share its entry.
type pendingClaims struct {
	shards [pendingShards]pendingShard
	count  atomic.Int64

	mu     sync.Mutex
	shares map[sale.Key]int // how many pending claims were admitted without a place, by sale
}

type pendingShard struct {
	mu     sync.Mutex
	claims map[uuid.UUID]*pendingClaim
}

// pendingState says why a claim is among the pending ones:
//
//	state        requests  because                                           until
//	awaited      1 or more they wait for the verdict                         the verdict, or the last one leaves
//	inShare      none      it was admitted without a place, the log has it,  the verdict, or shareKeptFor after the
//	                       and it may still get a unit                       first request
//	justWritten  none      the log has it and a request was answered early:  the verdict, or resendEvery after it
//	                       repeats of that request do not write it again     was written
//
// A claim without requests whose state has run out leaves at the next search for overdue claims.
type pendingState byte

const (
	awaited pendingState = iota
	inShare
	justWritten
)

// pendingClaim is one claim without a verdict; all requests for it share it.
type pendingClaim struct {
	id    uuid.UUID
	key   sale.Key
	since time.Time
	// done is closed once verdict is there, and moments if it was decided in this process.
	done    chan struct{}
	verdict events.Verdict
	moments *events.Moments

	// How far the claim has got in the log. Requests set these without the lock of the shard:

	// writtenAt is when this process last began to write the claim to the log, in nanoseconds after since and one more;
	// 0: never.
	writtenAt atomic.Int64
	// position is where the log has it; nil: the log has not acknowledged it.
	position atomic.Pointer[events.Position]
	// logChecked is true once one of the requests checks, or is going to check, whether the log makes progress. Later ones do
	// not.
	logChecked atomic.Bool
	// answeredEarly is true once a request was answered without waiting for the verdict.
	answeredEarly atomic.Bool

	// Guarded by the shard:

	// requests is how many wait.
	requests int
	// withoutPlace is true for a claim that counts in the share of its sale.
	withoutPlace bool
	// Whose claim it is, and when it was pressed, for operators. shopper is 0 until the first request has said so.
	shopper   int64
	username  string
	pressedAt time.Time
}

// decidedHere are the moments of the transaction that decided the claim, if it was one of this process and has delivered its verdict.
func (c *pendingClaim) decidedHere() *events.Moments {
	select {
	case <-c.done:
		return c.moments
	default:
		return nil
	}
}

// state is why the claim is pending. The caller has locked the shard.
func (c *pendingClaim) state() pendingState {
	switch {
	case c.requests > 0:
		return awaited
	case c.withoutPlace:
		return inShare
	default:
		return justWritten
	}
}

func (w *pendingClaims) shard(id uuid.UUID) *pendingShard { return &w.shards[id[0]%pendingShards] }

// join adds a request that waits for the claim. Every join needs a leave.
func (w *pendingClaims) join(id uuid.UUID, k sale.Key) *pendingClaim {
	s := w.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.joined(s, id, k)
}

func (w *pendingClaims) joined(s *pendingShard, id uuid.UUID, k sale.Key) *pendingClaim {
	c := s.claims[id]
	if c == nil {
		c = &pendingClaim{id: id, key: k, since: time.Now(), done: make(chan struct{})}
		if s.claims == nil {
			s.claims = make(map[uuid.UUID]*pendingClaim)
		}
		s.claims[id] = c
		w.count.Add(1)
	}
	c.requests++
	return c
}

// admit joins a claim without a place, if the claim is pending already or fewer than limit claims of its sale are pending
// without a place. first is true for the request that made it pending; nil means that it is not admitted.
func (w *pendingClaims) admit(id uuid.UUID, k sale.Key, limit int) (c *pendingClaim, first bool) {
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
	c.withoutPlace = true
	return c, true
}

func (w *pendingClaims) takeShare(k sale.Key, limit int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shares[k] >= limit {
		return false
	}
	if w.shares == nil {
		w.shares = make(map[sale.Key]int)
	}
	w.shares[k]++
	return true
}

func (w *pendingClaims) returnShare(k sale.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shares[k]--; w.shares[k] <= 0 {
		delete(w.shares, k)
	}
}

// leave ends a join. When the last request leaves, the claim leaves too, unless it goes over to another state.
func (w *pendingClaims) leave(c *pendingClaim) {
	s := w.shard(c.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.requests--
	if c.requests > 0 || s.claims[c.id] != c {
		return
	}
	if c.position.Load() == nil || !c.withoutPlace && !c.answeredEarly.Load() || c.expired(time.Now()) {
		w.remove(s, c)
	}
}

// expired is true when nobody waits and the state of the claim has run out. The caller has locked the shard.
func (c *pendingClaim) expired(now time.Time) bool {
	return c.state() != awaited && !now.Before(c.keptUntil())
}

// keptUntil is when the state of a claim without requests runs out.
func (c *pendingClaim) keptUntil() time.Time {
	if c.state() == inShare {
		return c.since.Add(shareKeptFor)
	}
	return c.since.Add(time.Duration(c.writtenAt.Load()) - 1 + resendEvery)
}

// writtenNow is the value of writtenAt for this moment.
func (c *pendingClaim) writtenNow() int64 { return 1 + int64(time.Since(c.since)) }

// remove takes a claim out. The caller has locked the shard.
func (w *pendingClaims) remove(s *pendingShard, c *pendingClaim) {
	delete(s.claims, c.id)
	w.count.Add(-1)
	if c.withoutPlace {
		w.returnShare(c.key)
	}
}

// deliver wakes everybody who waits for this claim. It is false when it is not pending. moments are those of the transaction; nil: it
// was not of this process.
func (w *pendingClaims) deliver(v *events.Verdict, moments *events.Moments) bool {
	s := w.shard(v.ClaimID)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.claims[v.ClaimID]
	if c == nil {
		return false
	}
	c.verdict, c.moments = *v, moments
	close(c.done)
	w.remove(s, c)
	return true
}

// overdue lists claims that have been pending for longer than that, at most so many. Those without requests are among them
// only if unawaited is true; those whose state has run out are removed.
func (w *pendingClaims) overdue(now time.Time, than time.Duration, most int, unawaited bool) []uuid.UUID {
	if w.count.Load() == 0 {
		return nil
	}
	var ids []uuid.UUID
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for id, c := range s.claims {
			switch {
			case c.expired(now):
				w.remove(s, c)
			case c.requests == 0 && !unawaited, now.Sub(c.since) < than, len(ids) >= most:
			default:
				ids = append(ids, id)
			}
		}
		s.mu.Unlock()
	}
	return ids
}

// oldest is for how long the claim that came first has been pending.
func (w *pendingClaims) oldest(now time.Time) (age time.Duration) {
	if w.count.Load() == 0 {
		return 0
	}
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for _, c := range s.claims {
			age = max(age, now.Sub(c.since))
		}
		s.mu.Unlock()
	}
	return age
}

// waiting is true while the claim is pending in any state.
func (w *pendingClaims) waiting(id uuid.UUID) bool {
	s := w.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.claims[id]
	return c != nil && !c.expired(time.Now())
}
