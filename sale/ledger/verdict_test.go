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
func (d *ledgerFixture) lookup(ids ...uuid.UUID) map[uuid.UUID]events.Verdict {
	d.t.Helper()
	found, err := d.Verdicts(saletest.Context(d.t), ids)
	d.Must(err)
	byID := make(map[uuid.UUID]events.Verdict, len(found))
	for _, v := range found {
		if v.Fresh {
			d.t.Errorf("a verdict that was looked up is fresh: %+v", v)
		}
		byID[v.ClaimID] = v
	}
	if len(byID) != len(found) {
		d.t.Errorf("%d verdicts on %d claims", len(found), len(byID))
	}
	return byID
}

func TestUndecidedClaimsHaveNoVerdict(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.decide(d.claims(1, 3)...)
	if found := d.lookup(); len(found) != 0 {
		t.Errorf("no claims: %v", found)
	}
	if found := d.lookup(uuid.New(), d.claim(4, 1).ID, d.claim(2, 1).ID); len(found) != 1 {
		t.Errorf("one of three was decided: %v", found)
	}
}

func TestAThousandVerdictsAreFoundAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 400)
	made := d.decide(d.claims(1, 1000)...)
	ids := make([]uuid.UUID, len(made.Verdicts))
	for i, v := range made.Verdicts {
		ids[i] = v.ClaimID
	}
	found := d.lookup(ids...)
	for _, want := range made.Verdicts {
		want.Fresh = false
		if want.Outcome == events.Declined {
			want.NextAttempt = 2
		}
		if got := found[want.ClaimID]; got != want {
			t.Fatalf("looked up %+v, given %+v", got, want)
		}
	}
}

// Only the ledger knows the number, so a shopper can press again after every process has been restarted.
func TestTheNextAttemptIsOneMoreThanTheHighestDecided(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	owner := d.decideOne(d.claim(1, 1))
	next := map[uuid.UUID]int{}
	for _, c := range []struct {
		user     int64
		attempts []int
		next     int
	}{{2, []int{1}, 2}, {3, []int{1, 2, 3}, 4}, {4, []int{1, 3}, 4}, {5, []int{7}, 8}} {
		for _, attempt := range c.attempts {
			d.decideOne(d.claim(c.user, attempt))
		}
		again := d.claim(c.user, c.attempts[0])
		if v := d.decideOne(again); v.NextAttempt != c.next || v.Fresh {
			t.Errorf("attempts %v: decided again %+v, want next attempt %d", c.attempts, v, c.next)
		}
		if v := d.lookup(again.ID)[again.ID]; v.NextAttempt != c.next {
			t.Errorf("attempts %v: looked up %+v, want next attempt %d", c.attempts, v, c.next)
		}
		next[again.ID] = c.next
	}
	all := d.lookup(slices.Collect(maps.Keys(next))...)
	for id, want := range next {
		if got := all[id].NextAttempt; got != want {
			t.Errorf("looked up with others: next attempt %d, want %d", got, want)
		}
	}
	// Cancelled orders have attempts too.
	d.cancel(owner.ClaimID)
	second := d.decideOne(d.claim(1, 2))
	d.cancel(second.ClaimID)
	for _, v := range []events.Verdict{d.decideOne(d.claim(1, 1)), d.lookup(owner.ClaimID)[owner.ClaimID]} {
		if v.Outcome != events.Ordered || v.NextAttempt != 3 || v.Unit != 1 || v.Fresh {
			t.Errorf("the first of two cancelled orders: %+v, want next attempt 3", v)
		}
	}
}

func TestAttemptsAreCountedInEachGenerationOfEachSale(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 0)
	old := d.claim(1, 1)
	d.decide(old, d.claim(1, 2), d.claim(1, 3))
	d.begin(0)
	d.decideOne(d.claim(1, 1))
	other := d.secondSale(0)
	d.decideOne(other.claim(1, 1))
	d.decideOne(other.claim(1, 2))
	for _, c := range []struct {
		claim events.Claim
		next  int
	}{{old, 4}, {d.claim(1, 1), 2}, {other.claim(1, 1), 3}} {
		if v := d.decideOne(c.claim); v.NextAttempt != c.next {
			t.Errorf("%+v, want next attempt %d", v, c.next)
		}
	}
	// The same in one look-up.
	found := d.lookup(old.ID, d.claim(1, 1).ID, other.claim(1, 1).ID)
	next := []int{found[old.ID].NextAttempt, found[d.claim(1, 1).ID].NextAttempt, found[other.claim(1, 1).ID].NextAttempt}
	if !slices.Equal(next, []int{4, 2, 3}) {
		t.Errorf("next attempts %v, want 4, 2 and 3", next)
	}
}

// A look-up of verdicts does not read the live orders. The shopper sends the attempt that it names, and is told of the order.
func TestTheAttemptAfterALiveOrderNamesTheOrder(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	first := d.decideOne(d.claim(9, 1))
	d.decideOne(d.claim(1, 1))
	d.cancel(first.ClaimID)
	order := d.decideOne(d.claim(1, 2))
	next := d.lookup(d.claim(1, 1).ID)[d.claim(1, 1).ID].NextAttempt
	if next != 3 {
		t.Fatalf("next attempt %d, want 3", next)
	}
	if v := d.decideOne(d.claim(1, next)); v.Reason != events.ReasonAlreadyOwns || v.OrderID != order.ClaimID {
		t.Errorf("the next attempt got %+v, want order %s", v, order.ClaimID)
	}
}

func TestAVerdictHasTheTimeOfPostgres(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	var before, after time.Time
	clock := func() (at time.Time) {
		d.Scan([]any{&at}, `SELECT clock_timestamp()`)
		return at
	}
	before = clock()
	v := d.decideOne(d.claim(1, 1))
	after = clock()
	if v.At.Before(before) || v.At.After(after) || v.At.Location() != time.UTC {
		t.Errorf("decided at %s, between %s and %s", v.At, before, after)
	}
}

// Several purchase requests may write the same claim. The order keeps the id of the request whose record was decided first.
func TestAnOrderKeepsTheRequestIDOfTheRecordThatWasDecided(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 2)
	first, second := d.claim(1, 1), d.claim(1, 1)
	first.RequestID, second.RequestID = uuid.New(), uuid.New()
	old := d.claim(2, 1) // of a version that writes no request id
	made := d.decide(first, second, old).Verdicts
	again := d.decide(second, old).Verdicts
	found := d.lookup(first.ID, old.ID)
	for what, v := range map[string]events.Verdict{
		"decided": made[0], "its repeat in the batch": made[1], "decided again": again[0], "looked up": found[first.ID],
	} {
		if v.RequestID != first.RequestID || v.Unit != 1 {
			t.Errorf("%s: unit %d for request %s, want %s", what, v.Unit, v.RequestID, first.RequestID)
		}
	}
	for what, v := range map[string]events.Verdict{"decided": made[2], "decided again": again[1], "looked up": found[old.ID]} {
		if v.RequestID != uuid.Nil || v.Unit != 2 {
			t.Errorf("without a request id, %s: unit %d for request %s", what, v.Unit, v.RequestID)
		}
	}
	if n := d.Number(`SELECT count(*) FROM orders WHERE press IS NULL`); n != 1 {
		t.Errorf("%d orders are stored without a request id, want 1", n)
	}
}

func TestAVerdictIsForEver(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	won, lost := d.decideOne(d.claim(11, 1)), d.decideOne(d.claim(12, 1))
	again := d.decideFrom(events.Direct, d.claim(12, 1), d.claim(11, 1))
	if v := again.Verdicts[1]; v.Fresh || v.Unit != won.Unit || !v.At.Equal(won.At) || v.NextAttempt != 0 || v.Username != "shopper" {
		t.Errorf("the order became %+v, was %+v", v, won)
	}
	if v := again.Verdicts[0]; v.Fresh || v.Reason != lost.Reason || !v.At.Equal(lost.At) || v.NextAttempt != 2 {
		t.Errorf("the decline became %+v, was %+v", v, lost)
	}
	if len(again.Stocks) != 0 {
		t.Errorf("a repeat changed the stock: %+v", again.Stocks)
	}
	d.verify()
}

func TestAnOldVerdictNamesTheNextAttemptOrTheOrder(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	d.decideOne(d.claim(11, 1))
	for attempt := 1; attempt <= 3; attempt++ {
		d.decideOne(d.claim(12, attempt))
	}
	if v := d.decideOne(d.claim(12, 1)); v.NextAttempt != 4 {
		t.Errorf("next attempt %d, want 4", v.NextAttempt)
	}
	d.cancel(d.claim(11, 1).ID)
	if v := d.decideOne(d.claim(12, 4)); v.Outcome != events.Ordered || v.Unit != 1 {
		t.Errorf("after the cancel: %+v", v)
	}
	if v := d.decideOne(d.claim(12, 2)); v.OrderID != d.claim(12, 4).ID || v.NextAttempt != 0 {
		t.Errorf("an owner's old decline: %+v", v)
	}
	if v := d.decideOne(d.claim(11, 1)); v.Fresh || v.Outcome != events.Ordered || v.NextAttempt != 2 {
		t.Errorf("a cancelled order: %+v", v)
	}
	if v := d.decideOne(d.claim(12, 5)); v.Reason != events.ReasonAlreadyOwns || v.OrderID != d.claim(12, 4).ID {
		t.Errorf("an owner's further claim: %+v", v)
	}
	d.verify()
}

// Versions run side by side, and a newer one may decline for reasons that this one does not know.
func TestADeclineForAnUnknownReasonIsReadAsOther(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	c := d.claim(11, 1)
	d.Exec(`INSERT INTO declines (claim_id, sale_id, generation, user_id, username, attempt, reason, decided_at)
VALUES ($1, $2, 1, 11, 'anna', 1, 'moon-phase', now())`, c.ID, d.key.Sale)
	if v := d.decideOne(c); v.Outcome != events.Declined || v.Reason != events.ReasonOther || v.NextAttempt != 2 {
		t.Errorf("the claim again: %+v", v)
	}
	if v := d.lookup(c.ID)[c.ID]; v.Reason != events.ReasonOther {
		t.Errorf("looked up: %+v", v)
	}
}
