package consumer

import (
	"errors"
	"slices"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/events/eventstest"
)

func TestBadClaimsAreQuarantinedAndTheRestGoesOnInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	claims := eventstest.NewClaims(40)
	claims[13].UserID, claims[14].UserID, claims[31].UserID = eventstest.BadClaim, eventstest.BadClaim, eventstest.UndeclinableClaim
	w.append(0, claims...)
	w.follow(l, 0)
	w.reaches(l, 0, 40)

	var want []int64
	for i := range claims {
		if i != 13 && i != 14 && i != 31 {
			want = append(want, int64(i+1))
		}
	}
	if got := w.shop.Order(t); !slices.Equal(got, want) {
		t.Errorf("units went to %v, want %v", got, want)
	}
	if n := w.Count(`SELECT count(*) FROM quarantine
		WHERE record_offset IN (13, 14, 31) AND sqlstate = '22012' AND epoch = 1 AND partition = 0`); n != 3 {
		t.Errorf("%d of the 3 bad claims are in quarantine", n)
	}
	if n := w.Count(`SELECT count(*) FROM quarantine WHERE claim_id = $1 AND raw IS NOT NULL`, claims[13].ID); n != 1 {
		t.Error("the quarantined claim cannot be found by its id")
	}
	w.Eventually("the shopper of the bad claim is told its decline", func() bool { return len(w.shop.Told(claims[13].ID)) == 1 })
	if v := w.shop.Told(claims[13].ID)[0]; v.Outcome != events.Declined || v.Reason != events.ReasonUndecidable {
		t.Errorf("it was told %+v", v)
	}
	if told := w.shop.Told(claims[31].ID); len(told) != 0 {
		t.Errorf("the claim that cannot be declined was told %+v", told)
	}
}

func TestUnreadableRecordsAreSampled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	w.append(0, eventstest.NewClaim(1))
	w.appendRaw(0, "nonsense")
	w.appendRaw(0, `{"v":1,"kind":"refund","sale":1,"generation":1,"x":"`+"\x00"+`"}`)
	w.append(0, eventstest.NewClaim(2))
	w.follow(l, 0)
	w.reaches(l, 0, 4)
	if got := w.shop.Order(t); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("units went to %v", got)
	}
	if n := w.Count(`SELECT count(*) FROM quarantine WHERE record_offset IN (1, 2) AND claim_id IS NULL AND sqlstate = ''`); n != 2 {
		t.Errorf("%d of the 2 records are in quarantine", n)
	}
	if n := w.Count(`SELECT count(*) FROM quarantine WHERE raw = 'nonsense' AND record_key = 'raw'`); n != 1 {
		t.Error("the record was not kept as it was")
	}
}

func TestAClaimThatFailsOnlyOnceIsNotQuarantined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad := make(chan struct{}, 1)
	bad <- struct{}{}
	w.shop.Before = func(events.Source, []events.Claim) error {
		select {
		case <-bad:
			_, err := w.Pool.Exec(t.Context(), `SELECT 1/0`)
			return err
		default:
			return nil
		}
	}
	l := w.ledger(Config{})
	w.append(0, eventstest.NewClaim(1))
	w.follow(l, 0)
	w.reaches(l, 0, 1)
	if got := w.shop.Order(t); !slices.Equal(got, []int64{1}) {
		t.Errorf("units went to %v", got)
	}
}

func TestTooManyBadClaimsStopThePartitionForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{QuarantineMax: 3, QuarantineWindow: 2 * time.Second})
	claims := eventstest.NewClaims(10)
	for i := range 5 {
		claims[i].UserID = eventstest.BadClaim
	}
	w.append(0, claims...)
	w.follow(l, 0)
	w.Eventually("the partition is stopped", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		moving, ours := l.owned[0]
		return ours && !moving
	})
	if n := w.Count(`SELECT count(*) FROM quarantine`); n != 3 {
		t.Errorf("%d claims in quarantine when it stopped, want 3", n)
	}
	if c, err := l.Cursor(t.Context(), 0); err != nil || c.Offset != 3 {
		t.Errorf("it stopped at %d (%v), want 3", c.Offset, err)
	}
	w.reaches(l, 0, 10)
	if got := w.shop.Order(t); !slices.Equal(got, []int64{6, 7, 8, 9, 10}) {
		t.Errorf("units went to %v", got)
	}
}

func TestOnlyTheBadClaimOfADirectBatchIsDeclined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	claims := eventstest.NewClaims(9)
	claims[4].UserID = eventstest.BadClaim
	verdicts, err := l.Decide(t.Context(), claims)
	if err != nil || len(verdicts) != 9 {
		t.Fatalf("%d verdicts (%v)", len(verdicts), err)
	}
	for i, v := range verdicts {
		want := events.Ordered
		if i == 4 {
			want = events.Declined
		}
		if v.ClaimID != claims[i].ID || v.Outcome != want {
			t.Errorf("claim %d got %+v", i, v)
		}
	}
	if n := w.Count(`SELECT count(*) FROM quarantine WHERE claim_id = $1 AND record_offset IS NULL`, claims[4].ID); n != 1 {
		t.Error("the claim is not in quarantine")
	}
}

func TestBadDirectClaimsAreLimitedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{QuarantineMax: 1})
	bad := eventstest.NewClaims(2)
	bad[0].UserID, bad[1].UserID = eventstest.BadClaim, eventstest.BadClaim
	if _, err := l.Decide(t.Context(), bad[:1]); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Decide(t.Context(), bad[1:]); !errors.Is(err, errTooManyBad) {
		t.Errorf("the second one got %v", err)
	}
	if n := w.Count(`SELECT count(*) FROM quarantine`); n != 1 {
		t.Errorf("%d claims in quarantine, want 1", n)
	}
}
