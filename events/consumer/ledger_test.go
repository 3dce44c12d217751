package consumer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"

	"flashsale/events"
	"flashsale/events/eventstest"
)

func TestClaimsOfTheLogAreDecidedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{BatchMax: 7})
	w.Start(l.Run)
	claims := eventstest.NewClaims(100)
	w.append(3, claims[:60]...)
	w.append(3, claims[60:]...)
	w.reaches(l, 3, 100)

	want := make([]int64, 100)
	for i := range want {
		want[i] = int64(i + 1)
	}
	if got := w.shop.Order(t); !slices.Equal(got, want) {
		t.Errorf("units went to %v", got)
	}
	for _, c := range claims {
		w.Eventually("everybody is told", func() bool { return len(w.shop.Told(c.ID)) > 0 })
		if told := w.shop.Told(c.ID); len(told) != 1 || !told[0].Fresh || told[0].Outcome != events.Ordered {
			t.Fatalf("claim of shopper %d was told %+v", c.UserID, told)
		}
	}
}

func TestEveryPartitionIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	w.Start(l.Run)
	for p := range events.Partitions {
		w.append(p, eventstest.NewClaim(int64(p+1)))
	}
	for p := range events.Partitions {
		w.reaches(l, p, 1)
	}
}

func TestRepeatedDeliveryChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	claims := eventstest.NewClaims(5)
	w.append(0, claims...)
	w.append(0, claims...)
	w.follow(l, 0)
	w.reaches(l, 0, 10)
	if n := w.Count(`SELECT count(*) FROM shop`); n != 5 {
		t.Errorf("%d verdicts for 5 claims", n)
	}
}

func TestStopIsCleanAndCommitsOffsets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	stop := w.Start(l.Run)
	w.append(2, eventstest.NewClaims(40)...)
	w.reaches(l, 2, 40)
	stop()

	res, err := w.client().OffsetFetch(t.Context(), &kafka.OffsetFetchRequest{
		GroupID: w.log.Group(), Topics: map[string][]int{w.log.ClaimsTopic(): {2}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Topics[w.log.ClaimsTopic()][0].CommittedOffset; got != 40 {
		t.Errorf("the group is at %d, want 40", got)
	}
}

func TestNextProcessGoesOnWhereTheLastOneStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.ledger(Config{})
	stop := w.Start(first.Run)
	w.append(1, eventstest.NewClaims(10)...)
	w.reaches(first, 1, 10)
	stop()

	w.append(1, eventstest.NewClaims(5)...)
	second := w.ledger(Config{})
	w.Start(second.Run)
	w.reaches(second, 1, 15)
	if n := w.Count(`SELECT count(*) FROM shop`); n != 15 {
		t.Errorf("%d verdicts for 15 claims", n)
	}
}

func TestTwoConsumersOfOnePartitionDecideNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.ledger(Config{BatchMax: 3}), w.ledger(Config{BatchMax: 5})
	w.follow(one, 0)
	w.follow(two, 0)
	claims := eventstest.NewClaims(200)
	for i := 0; i < len(claims); i += 20 {
		w.append(0, claims[i:i+20]...)
	}
	w.reaches(one, 0, 200)
	if n := w.Count(`SELECT count(*) FROM shop`); n != 200 {
		t.Errorf("%d verdicts for 200 claims", n)
	}
	fresh := 0
	for _, c := range claims {
		for _, v := range w.shop.Told(c.ID) {
			if v.Fresh {
				fresh++
			}
		}
	}
	if fresh > 200 {
		t.Errorf("%d fresh verdicts for 200 claims: a claim was decided twice", fresh)
	}
}

func TestTheSlowerConsumerIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	w.append(0, eventstest.NewClaims(4)...)
	seat, err := l.resume(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	records, err := w.log.Fetch(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	follower := func() *follower {
		return &follower{ledger: l, partition: 0, offset: seat, passed: func(int, int64) {}}
	}
	if err := follower().decide(t.Context(), records[:3]); err != nil {
		t.Fatal(err)
	}
	if err := follower().decide(t.Context(), records[:2]); !errors.Is(err, events.ErrFenced) {
		t.Errorf("a consumer that was overtaken got %v, want a refusal", err)
	}
	if c, _ := l.Cursor(t.Context(), 0); c.Offset != 3 {
		t.Errorf("the cursor is at %d, want 3", c.Offset)
	}
}

func TestACloseRecordIsDecidedInItsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	w.append(0, eventstest.NewClaim(1), eventstest.NewClose(), eventstest.NewClaim(2))
	w.follow(l, 0)
	w.reaches(l, 0, 3)
	w.Eventually("the sale is closed", func() bool { return slices.Equal(w.shop.Closed(), []int64{7}) })
}

func TestClaimsWaitWhileTheDeciderCannotDecide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tries := make(chan struct{}, 100)
	w.shop.Before = func(events.Source, []events.Claim) error {
		tries <- struct{}{}
		if len(tries) < 4 {
			return errors.New("something passing")
		}
		return nil
	}
	l := w.ledger(Config{})
	w.append(0, eventstest.NewClaims(3)...)
	w.follow(l, 0)
	w.reaches(l, 0, 3)
	if len(tries) < 4 {
		t.Errorf("it was tried %d times", len(tries))
	}
	if n := w.Count(`SELECT count(*) FROM quarantine`); n != 0 {
		t.Errorf("%d claims were quarantined for a passing fault", n)
	}
}

func TestCommittedIsCalledAfterTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	committed := make(chan int, 10)
	l := w.ledger(Config{Committed: func() { committed <- w.Count(`SELECT count(*) FROM shop`) }})
	if _, err := l.Decide(t.Context(), eventstest.NewClaims(2)); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-committed:
		if n != 2 {
			t.Errorf("it was told when %d of 2 verdicts could be seen", n)
		}
	case <-time.After(eventstest.Patience):
		t.Error("nobody was told")
	}
}

func TestLagCountsWhatIsNotPassed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	w.append(4, eventstest.NewClaims(6)...)
	lags, err := l.Lag(t.Context())
	if err != nil || lags[4].Records != 6 || lags[5].Records != 0 {
		t.Fatalf("lag is %+v (%v)", lags, err)
	}
	w.follow(l, 4)
	w.reaches(l, 4, 6)
	if lags, err = l.Lag(t.Context()); err != nil || lags[4] != (Lag{Records: 0, Cursor: 6}) {
		t.Errorf("lag is %+v (%v)", lags[4], err)
	}
}

func TestVerifyFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	claims := eventstest.NewClaims(6)
	claims[2].UserID = eventstest.UndeclinableClaim
	w.append(0, claims...)
	w.appendRaw(0, "nonsense")
	w.follow(l, 0)
	w.reaches(l, 0, 7)
	w.append(0, eventstest.NewClaim(99)) // may be before or after the cursor; either way it is not missing
	w.reaches(l, 0, 8)

	audit := func() Finding {
		findings := l.Verify(t.Context(), w.unaccounted)
		if len(findings) != events.Partitions {
			t.Fatalf("%d findings", len(findings))
		}
		return findings[0]
	}
	if f := audit(); !sound(f) || f.Claims != 7 {
		t.Errorf("a sound ledger is called broken: %s", f)
	}
	if _, err := w.Pool.Exec(t.Context(), `DELETE FROM shop WHERE claim_id = $1`, claims[4].ID); err != nil {
		t.Fatal(err)
	}
	if f := audit(); sound(f) || !slices.Equal(f.Missing, []uuid.UUID{claims[4].ID}) {
		t.Errorf("a lost verdict was not found: %s", f)
	}
	if f := audit(); f.Foreign[events.ForeignUnreadable] != 1 {
		t.Errorf("the record that is no claim was not counted: %v", f.Foreign)
	}
	if _, err := w.Pool.Exec(t.Context(), `UPDATE log_cursors SET next_offset = 50`); err != nil {
		t.Fatal(err)
	}
	if f := audit(); f.Cursor <= f.End || sound(f) {
		t.Errorf("a cursor past the end was not found: %s", f)
	}
}

func TestTheTimeWithoutMovingCountsFromTheFirstLookThatLags(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := make(idleTimes)
	steps := []struct {
		after time.Duration
		lag   Lag
		want  time.Duration
	}{
		{0, Lag{Records: 0, Cursor: 5}, 0},
		{time.Hour, Lag{Records: 0, Cursor: 5}, 0},
		{time.Hour + time.Second, Lag{Records: 3, Cursor: 5}, time.Second},
		{time.Hour + 2*time.Second, Lag{Records: 2, Cursor: 6}, 0},
		{time.Hour + 9*time.Second, Lag{Records: 2, Cursor: 6}, 7 * time.Second},
	}
	for i, step := range steps {
		got := s.update(map[int]Lag{0: step.lag}, began.Add(step.after))[0]
		if got != step.want {
			t.Errorf("look %d: still for %v, want %v", i, got, step.want)
		}
	}
}

func TestOnlyAPartitionThatThisProcessCanMoveIsAStall(t *testing.T) {
	t.Parallel()
	waits := map[int]time.Duration{3: time.Minute}
	cases := map[string]struct {
		owned map[int]bool
		want  bool
	}{
		"ours and moving":                {map[int]bool{3: true}, true},
		"ours, stopped by alarm":         {map[int]bool{3: false}, false},
		"another process has it":         {map[int]bool{1: true}, false},
		"no partition is assigned to us": {map[int]bool{}, true},
	}
	for name, c := range cases {
		l := &Ledger{cfg: Config{}.withDefaults(), owned: c.owned}
		if got := l.stall(waits); got != c.want {
			t.Errorf("%s: stall is %v", name, got)
		}
		if l.stall(map[int]time.Duration{3: time.Second}) {
			t.Errorf("%s: a second is no stall", name)
		}
	}
}

func TestAGroupThatStallsIsJoinedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	stalled := make(chan struct{}, 1)
	stalled <- struct{}{}
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), eventstest.Patience)
	defer cancel()
	go func() { ended <- l.session(ctx, stalled) }()
	if err := <-ended; err == nil || ctx.Err() != nil {
		t.Errorf("the session ended with %v", err)
	}
}
