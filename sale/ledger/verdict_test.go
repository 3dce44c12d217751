package ledger

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale/saletest"
)

// lookup reads the verdicts by their claims.
func (d *ledgerFixture) lookup(t *testing.T, ids ...uuid.UUID) map[uuid.UUID]events.Verdict {
	t.Helper()
	found, err := d.Verdicts(saletest.Context(t), ids)
	if err != nil {
		t.Fatal(err)
	}
	byID := make(map[uuid.UUID]events.Verdict, len(found))
	for _, v := range found {
		if v.Fresh {
			t.Errorf("a verdict that was looked up is fresh: %+v", v)
		}
		byID[v.ClaimID] = v
	}
	if len(byID) != len(found) {
		t.Errorf("%d verdicts on %d claims", len(found), len(byID))
	}
	return byID
}

func TestClaimsThatNobodyDecidedHaveNoVerdict(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.decide(t, d.claims(1, 3)...)
	if found := d.lookup(t); len(found) != 0 {
		t.Errorf("no claims: %v", found)
	}
	if found := d.lookup(t, uuid.New(), d.claim(4, 1).ID, d.claim(2, 1).ID); len(found) != 1 {
		t.Errorf("one of three was decided: %v", found)
	}
}

// A thousand verdicts are one look-up, and each is what its shopper was told.
func TestManyVerdictsAreLookedUpAtOnce(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 400)
	made := d.decide(t, d.claims(1, 1000)...)
	ids := make([]uuid.UUID, len(made.Verdicts))
	for i, v := range made.Verdicts {
		ids[i] = v.ClaimID
	}
	found := d.lookup(t, ids...)
	for _, want := range made.Verdicts {
		want.Fresh = false
		if want.Outcome == events.Declined {
			want.NextAttempt = 2
		}
		if got := found[want.ClaimID]; got != want {
			t.Fatalf("looked up %+v, was told %+v", got, want)
		}
	}
}

// The number of the next attempt is the ledger's: what no process and no shopper remembers can still be pressed again.
func TestTheNextAttemptIsTheFirstThatWasNeverDecided(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	owner := d.one(t, d.claim(1, 1))
	next := map[uuid.UUID]int{}
	for _, c := range []struct {
		user     int64
		attempts []int
		next     int
	}{{2, []int{1}, 2}, {3, []int{1, 2, 3}, 4}, {4, []int{1, 3}, 4}, {5, []int{7}, 8}} {
		for _, attempt := range c.attempts {
			d.one(t, d.claim(c.user, attempt))
		}
		again := d.claim(c.user, c.attempts[0])
		if v := d.one(t, again); v.NextAttempt != c.next || v.Fresh {
			t.Errorf("attempts %v: decided again %+v, want next attempt %d", c.attempts, v, c.next)
		}
		if v := d.lookup(t, again.ID)[again.ID]; v.NextAttempt != c.next {
			t.Errorf("attempts %v: looked up %+v, want next attempt %d", c.attempts, v, c.next)
		}
		next[again.ID] = c.next
	}
	all := d.lookup(t, slices.Collect(maps.Keys(next))...)
	for id, want := range next {
		if got := all[id].NextAttempt; got != want {
			t.Errorf("looked up with others: next attempt %d, want %d", got, want)
		}
	}
	// Cancelled orders count as well.
	d.cancel(t, owner)
	second := d.one(t, d.claim(1, 2))
	d.cancel(t, second)
	for _, v := range []events.Verdict{d.one(t, d.claim(1, 1)), d.lookup(t, owner.ClaimID)[owner.ClaimID]} {
		if v.Outcome != events.Ordered || v.NextAttempt != 3 || v.Unit != 1 || v.Fresh {
			t.Errorf("the first of two cancelled orders: %+v, want next attempt 3", v)
		}
	}
}

func TestAttemptsAreCountedForEachGenerationAndSale(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 0)
	old := d.claim(1, 1)
	d.decide(t, old, d.claim(1, 2), d.claim(1, 3))
	d.begin(t, 0)
	d.one(t, d.claim(1, 1))
	other := d.secondSale(t, 0)
	d.one(t, other.claim(1, 1))
	d.one(t, other.claim(1, 2))
	for _, c := range []struct {
		claim events.Claim
		next  int
	}{{old, 4}, {d.claim(1, 1), 2}, {other.claim(1, 1), 3}} {
		if v := d.one(t, c.claim); v.NextAttempt != c.next {
			t.Errorf("%+v, want next attempt %d", v, c.next)
		}
	}
	// All in one look-up, too.
	found := d.lookup(t, old.ID, d.claim(1, 1).ID, other.claim(1, 1).ID)
	next := []int{found[old.ID].NextAttempt, found[d.claim(1, 1).ID].NextAttempt, found[other.claim(1, 1).ID].NextAttempt}
	if !slices.Equal(next, []int{4, 2, 3}) {
		t.Errorf("next attempts %v, want 4, 2 and 3", next)
	}
}

// Whoever presses again on the word of a look-up, which does not know of orders, is shown the order.
func TestTheAttemptAfterALiveOrderNamesIt(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	first := d.one(t, d.claim(9, 1))
	d.one(t, d.claim(1, 1))
	d.cancel(t, first)
	order := d.one(t, d.claim(1, 2))
	next := d.lookup(t, d.claim(1, 1).ID)[d.claim(1, 1).ID].NextAttempt
	if next != 3 {
		t.Fatalf("next attempt %d, want 3", next)
	}
	if v := d.one(t, d.claim(1, next)); v.Reason != events.ReasonAlreadyOwns || v.OrderID != order.ClaimID {
		t.Errorf("the next attempt got %+v, want order %s", v, order.ClaimID)
	}
}

func TestVerdictsKeepTheTimeOfTheLedger(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	var before, after time.Time
	clock := func() (at time.Time) {
		if err := d.pool.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	before = clock()
	v := d.one(t, d.claim(1, 1))
	after = clock()
	if v.At.Before(before) || v.At.After(after) || v.At.Location() != time.UTC {
		t.Errorf("decided at %s, between %s and %s", v.At, before, after)
	}
}

// The records of one claim by several presses, in one batch and later, by both paths: the first one's press stays.
func TestAnOrderKeepsThePressOfTheRecordThatWasDecided(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 2)
	first, second := d.claim(1, 1), d.claim(1, 1)
	first.RequestID, second.RequestID = uuid.New(), uuid.New()
	before := d.claim(2, 1) // by the version before, which knows no presses
	made := d.decide(t, first, second, before).Verdicts
	again := d.decide(t, second, before).Verdicts
	found := d.lookup(t, first.ID, before.ID)
	for what, v := range map[string]events.Verdict{
		"decided": made[0], "its repeat in the batch": made[1], "decided again": again[0], "looked up": found[first.ID],
	} {
		if v.RequestID != first.RequestID || v.Unit != 1 {
			t.Errorf("%s: unit %d for press %s, want %s", what, v.Unit, v.RequestID, first.RequestID)
		}
	}
	for what, v := range map[string]events.Verdict{"decided": made[2], "decided again": again[1], "looked up": found[before.ID]} {
		if v.RequestID != uuid.Nil || v.Unit != 2 {
			t.Errorf("without a press, %s: unit %d for press %s", what, v.Unit, v.RequestID)
		}
	}
	if n := d.number(t, `SELECT count(*) FROM orders WHERE press IS NULL`); n != 1 {
		t.Errorf("%d orders are stored without a press, want 1", n)
	}
}
