package checkout

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

const (
	// mostTold is how many claims whose shoppers were told "pending" are remembered for operators, the first ones.
	mostTold = 200
	// toldKept is how long such a claim is remembered. By then its verdict has come, or its log has lost it.
	toldKept = 15 * time.Minute
	// toldLookUps is how many rounds of lookUpVerdicts lie between two look-ups of those claims: five seconds.
	toldLookUps = 100
)

// toldClaims are claims of this process that no request waits for any more, because their shoppers were told "pending". They are
// remembered only so that operators see them. One that is forgotten, or finds no room, loses nothing: the log has it.
type toldClaims struct {
	some atomic.Bool

	mu  sync.Mutex
	ids map[uuid.UUID]events.Undecided
}

// note remembers a claim, unless there are too many.
func (t *toldClaims) note(u *events.Undecided) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.ids[u.ClaimID]; known || len(t.ids) >= mostTold {
		return // how long it waits counts from the first time
	}
	if t.ids == nil {
		t.ids = make(map[uuid.UUID]events.Undecided)
	}
	t.ids[u.ClaimID] = *u
	t.some.Store(true)
}

// forget ends what is remembered of a claim.
func (t *toldClaims) forget(id uuid.UUID) {
	if !t.some.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.ids, id)
	t.some.Store(len(t.ids) > 0)
}

// all are those that are remembered.
func (t *toldClaims) all(now time.Time) (all []events.Undecided) {
	if !t.some.Load() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.ids {
		if u := t.ids[id]; now.Sub(u.Since) < toldKept {
			all = append(all, u)
		} else {
			delete(t.ids, id)
		}
	}
	t.some.Store(len(t.ids) > 0)
	return all
}

// Undecided lists the claims of this process that have had no verdict for that long, the one known longest first and at most so many.
func (c *Checkout) Undecided(now time.Time, than time.Duration, most int) []events.Undecided {
	list := c.pending.undecided(now, than, most)
	for _, u := range c.toldAndNotPending(now) {
		if now.Sub(u.Since) >= than {
			list = events.Oldest(list, &u, most)
		}
	}
	return list
}

// toldAndNotPending are those of toldClaims that no request has joined again.
func (c *Checkout) toldAndNotPending(now time.Time) (all []events.Undecided) {
	for _, u := range c.told.all(now) {
		if !c.pending.waiting(u.ClaimID) {
			all = append(all, u)
		}
	}
	return all
}

// undecided is how many claims this process knows of that have no verdict, and for how long the oldest has had none.
func (c *Checkout) undecided(now time.Time) (n int64, oldest time.Duration) {
	n, oldest = c.pending.count.Load(), c.pending.oldest(now)
	for _, u := range c.toldAndNotPending(now) {
		n, oldest = n+1, max(oldest, now.Sub(u.Since))
	}
	return n, oldest
}

// undecided lists the claims that have been pending for that long, the oldest first and at most so many.
func (w *pendingClaims) undecided(now time.Time, than time.Duration, most int) (list []events.Undecided) {
	if w.count.Load() == 0 {
		return nil
	}
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for _, c := range s.claims {
			if now.Sub(c.since) < than || c.expired(now) {
				continue
			}
			u := c.undecided()
			list = events.Oldest(list, &u, most)
		}
		s.mu.Unlock()
	}
	return list
}

// undecided is the claim as operators see it. The caller has locked the shard.
func (c *pendingClaim) undecided() events.Undecided {
	u := events.Undecided{
		ClaimID: c.id, SaleID: c.key.Sale, Generation: c.key.Generation, UserID: c.shopper, Username: c.username, PressedAt: c.pressedAt,
		Since: c.since, Position: c.position.Load(), Doing: events.Told,
	}
	if c.requests > 0 {
		u.Doing = events.Answering
	}
	return u
}

// describe says whose claim it is, and when it was pressed. The first request says it for all.
func (w *pendingClaims) describe(c *pendingClaim, claim *events.Claim) {
	s := w.shard(c.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.shopper == 0 {
		c.shopper, c.username, c.pressedAt = claim.UserID, claim.Username, claim.PressedAt
	}
}

// noteTold remembers a claim whose shopper is told "pending".
func (c *Checkout) noteTold(w *pendingClaim, claim *events.Claim) {
	c.told.note(&events.Undecided{
		ClaimID: claim.ID, SaleID: claim.SaleID, Generation: claim.Generation, UserID: claim.UserID, Username: claim.Username,
		PressedAt: claim.PressedAt, Since: w.since, Position: w.position.Load(), Doing: events.Told,
	})
}
