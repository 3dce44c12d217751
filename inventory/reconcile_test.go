package inventory_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/jackc/pgx/v5"

	"flashsale/inventory"
)

func TestMissingSetIsLoadedAtOnce(t *testing.T) {
	t.Parallel()
	s := openSale(t, 3)
	s.buy(t, 11, 12)
	r := s.reconciler(quick)
	now(t, r)
	s.wantHolders(t, 3, s.level(t).Version, 11, 12)
	s.wantReserve(t, "HRF", 11, 1, 2)
	if n := s.corrections(t, "loaded"); n != 1 {
		t.Fatalf("%v loads counted", n)
	}
}

func TestALostSetIsLoadedAgain(t *testing.T) {
	t.Parallel()
	s := openSale(t, 3)
	s.buy(t, 11)
	s.run(t, quick)
	eventually(t, "first load", s.holdersAre(11))
	s.mini.FlushAll()
	s.buy(t, 12)
	eventually(t, "load after the loss", s.holdersAre(11, 12))
}

func TestOwnersWithoutAPlaceGetOne(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.run(t, quick)
	eventually(t, "empty set", s.holdersAre())
	s.buy(t, 21, 22) // past Redis, by the direct path
	eventually(t, "owners have places", s.holdersAre(21, 22))
	// They are counted once Redis has answered that it has them.
	eventually(t, "both counted", func() bool { return s.corrections(t, "added") == 2 })
}

func TestLimitFollowsTheTotal(t *testing.T) {
	t.Parallel()
	s := openSale(t, 1)
	r := s.reconciler(quick)
	now(t, r)
	s.wantReserve(t, "RF", 1, 2)
	s.must(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := s.SetTotalTx(ctx, tx, key, 2)
		return err
	})
	now(t, r)
	s.wantReserve(t, "HRF", 1, 2, 3)
}

// A holder without an order looks like a claim under way until the log is decided to its end.
func TestPlacesWhoseClaimsAreNeverDecidedAreFreed(t *testing.T) {
	t.Parallel()
	for name, holder := range map[string]struct {
		user int64
		take func(*testing.T, *saleFixture)
	}{
		"the process died before the claim was written": {66, func(t *testing.T, s *saleFixture) { s.wantReserve(t, "R", 66) }},
		"an id that nobody presses with":                {math.MaxInt64, func(t *testing.T, s *saleFixture) { s.do(t, "HSET", s.name("holders"), "9223372036854775807", "") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openSale(t, 1)
			s.run(t, quick)
			eventually(t, "first load", s.holdersAre())
			s.change(func() { s.end, s.cursor = 10, 9 })
			holder.take(t, s)
			s.waitForReads(t, 4)
			if !s.holdersAre(holder.user)() {
				t.Fatal("a place was taken away although the log is not decided to its end")
			}
			s.wantReserve(t, "F", 67)
			s.change(func() { s.cursor = 10 })
			eventually(t, "the place is free", s.holdersAre())
			eventually(t, "it is counted", func() bool { return s.corrections(t, "removed") == 1 })
			s.wantReserve(t, "R", 67)
		})
	}
}

// A field that is no user's id, as the product writes it, takes a place that can never be given back.
func TestForeignFieldsTakeNoPlaces(t *testing.T) {
	t.Parallel()
	s := openSale(t, 3)
	s.buy(t, 7)
	now(t, s.reconciler(quick))
	// A claim is under way all the time.
	s.change(func() { s.end, s.cursor = 10, 9 })
	s.wantReserve(t, "R", 66)
	s.do(t, "HSET", s.name("holders"), "nobody", "", "007", "", "-5", "x", "00", "", "", "")
	s.wantReserve(t, "F", 1)
	s.run(t, quick)
	eventually(t, "only ids are left", func() bool {
		n, err := s.do(t, "HLEN", s.name("holders")).AsInt64()
		return err == nil && n == 3 // the mark, 7 and 66
	})
	eventually(t, "they are counted", func() bool { return s.corrections(t, "foreign") == 5 })
	s.waitForReads(t, 4)
	if !s.holdersAre(7, 66)() {
		t.Fatal("the place of an owner or of a claim under way was taken away")
	}
	s.wantReserve(t, "HHRF", 7, 66, 1, 2) // the whole stock is given
	if n := strings.Count(s.log.String(), "fields that are no user's"); n != 1 {
		t.Errorf("%d alarms, want one:\n%s", n, s.log)
	}
}

func TestNobodyIsRemovedWhileTheLogIsUnknown(t *testing.T) {
	t.Parallel()
	s := openSale(t, 2)
	s.change(func() { s.logDown = errors.New("no broker") })
	s.run(t, quick)
	eventually(t, "first load", s.holdersAre())
	s.wantReserve(t, "R", 66)
	s.waitForReads(t, 4)
	if !s.holdersAre(66)() {
		t.Fatal("a place was taken away although nobody knows what the log contains")
	}
	// The unknown end of the first read is not taken for the log's beginning.
	s.change(func() { s.logDown, s.end, s.cursor = nil, 10, 9 })
	s.waitForReads(t, 3)
	if !s.holdersAre(66)() {
		t.Fatal("a place was taken away before the log was decided")
	}
	s.change(func() { s.cursor = 10 })
	eventually(t, "the place is free", s.holdersAre())
}

// Two reads count only when they are far enough apart, even when an outage causes many reads.
func TestReadsCloseTogetherRemoveNobody(t *testing.T) {
	t.Parallel()
	s := openSale(t, 2)
	r := s.reconciler(inventory.ReconcilerConfig{Settle: time.Hour})
	now(t, r)
	s.wantReserve(t, "R", 66)
	for range 4 {
		s.mini.SetError("LOADING")
		if err := r.Now(t.Context(), key); !errors.Is(err, inventory.ErrUnavailable) {
			t.Fatalf("reconciled without Redis: %v", err)
		}
		s.mini.SetError("")
		from := s.counted(&s.reads)
		eventually(t, "a read after the outage", func() bool {
			return r.Now(t.Context(), key) == nil && s.counted(&s.reads) > from
		})
	}
	s.wantHolders(t, 2, 1, 66)
}

func TestDecidedHoldersStay(t *testing.T) {
	t.Parallel()
	s := openSale(t, 2)
	s.run(t, quick)
	eventually(t, "first load", s.holdersAre())
	s.change(func() { s.end, s.cursor = 5, 4 })
	s.wantReserve(t, "RR", 1, 2)
	s.waitForReads(t, 2)
	s.buy(t, 1, 2)
	s.change(func() { s.cursor = 5 })
	from := s.counted(&s.ticks)
	eventually(t, "more ticks", func() bool { return s.counted(&s.ticks) > from+10 })
	if !s.holdersAre(1, 2)() {
		t.Fatal("an owner lost the place")
	}
}

// Reading a million owners each second costs more than the sale: the sizes show that nothing changed.
func TestNothingIsReadWhileNothingChanges(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.buy(t, 1, 2)
	s.run(t, quick)
	// One read loads, one compares.
	eventually(t, "first load and comparison", func() bool { return s.counted(&s.reads) == 2 })
	from := s.counted(&s.ticks)
	eventually(t, "more ticks", func() bool { return s.counted(&s.ticks) > from+20 })
	if n := s.counted(&s.reads); n != 2 {
		t.Fatalf("the owners were read %d times, want twice", n)
	}
}

func TestEqualSizesAreComparedFromTimeToTime(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.buy(t, 1)
	config := quick
	config.Refresh = 10 * time.Millisecond
	s.run(t, config)
	eventually(t, "first load", s.holdersAre(1))
	s.do(t, "HDEL", s.name("holders"), "1")
	s.do(t, "HSET", s.name("holders"), "9", "")
	eventually(t, "the right member", s.holdersAre(1))
}

// Reading all holders stops the embedded server for everybody. Where sizes agree each owner is asked for instead.
func TestHoldersAreNotReadWhileSizesAgree(t *testing.T) {
	t.Parallel()
	s := openSale(t, 2000)
	users := make([]int64, 1200)
	for i := range users {
		users[i] = int64(i) + 1
	}
	s.buy(t, users...)
	config := quick
	config.Refresh = time.Millisecond
	r := s.reconciler(config)
	now(t, r) // loads
	now(t, r) // reads the holders
	from := s.mini.CommandCount()
	s.mini.Server().SetPreHook(func(c *server.Peer, command string, _ ...string) bool {
		if command == "HSCAN" {
			t.Error("the holders were read")
		}
		return false
	})
	reads := s.counted(&s.reads)
	eventually(t, "the owners are looked at", func() bool { now(t, r); return s.counted(&s.reads) > reads+1 })
	if s.mini.CommandCount() == from {
		t.Error("redis was not asked")
	}
	s.mini.Server().SetPreHook(nil)
	s.wantHolders(t, 2000, s.level(t).Version, users...)
}

func TestOverwrittenKeysAreLoadedAgain(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.buy(t, 1)
	s.run(t, quick)
	eventually(t, "first load", s.holdersAre(1))
	s.do(t, "SET", s.name("holders"), "x")
	eventually(t, "the set again", s.holdersAre(1))
	if n := s.alarms(t); n != 1 {
		t.Fatalf("%v alarms, want 1", n)
	}
}

// A standby without the last commits was promoted, so the version stored in Redis is newer than the ledger's.
func TestTheLimitFollowsARestoredLedger(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	r := s.reconciler(quick)
	now(t, r)
	if set, err := s.SetLimit(t.Context(), key, 9, 1000); !set || err != nil {
		t.Fatal(set, err)
	}
	now(t, r)
	s.wantHolders(t, 5, 1)
	if !strings.Contains(s.log.String(), "was the database restored?") || s.corrections(t, "rewound") != 1 {
		t.Fatalf("no alarm: %s", s.log)
	}
}

func TestAfterAnOutageTheHoldersAreTheOwners(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.run(t, quick)
	eventually(t, "first load", s.holdersAre())
	s.wantReserve(t, "R", 1)
	s.mini.SetError("LOADING")
	eventually(t, "the outage is seen", func() bool { return !s.Available() })
	s.buy(t, 2, 3)
	s.mini.SetError("")
	eventually(t, "the owners have places, the lost press does not", s.holdersAre(2, 3))
	if !s.Available() {
		t.Fatal("not available afterwards")
	}
}

func TestOldGenerationsExpire(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.run(t, quick)
	eventually(t, "first load", s.holdersAre())
	next := inventory.Key{Sale: key.Sale, Generation: key.Generation + 1}
	s.begin(t, next, 5)
	s.change(func() { s.current = []inventory.Key{next} })
	eventually(t, "the new set", func() bool {
		_, err := s.Count(context.Background(), next)
		return err == nil
	})
	eventually(t, "the old set expires", func() bool {
		ttl, err := s.do(t, "TTL", s.name("holders")).AsInt64()
		return err == nil && ttl > 0
	})
}

func TestNowRefusesOldGenerations(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	r := s.reconciler(quick)
	old := inventory.Key{Sale: key.Sale, Generation: key.Generation - 1}
	if err := r.Now(t.Context(), old); !errors.Is(err, inventory.ErrNotCurrent) {
		t.Fatalf("got %v, want ErrNotCurrent", err)
	}
	s.change(func() { s.current = []inventory.Key{old} })
	if err := r.Now(t.Context(), old); !errors.Is(err, inventory.ErrUnknown) {
		t.Fatalf("current without stock: %v, want ErrUnknown", err)
	}
}

func TestNowSaysWhenRedisIsAway(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.mini.SetError("LOADING")
	if err := s.reconciler(quick).Now(t.Context(), key); !errors.Is(err, inventory.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
}

// A hundred requests that meet a missing set cause one load, and one more for those that came during it: a run that
// began before a call may have missed what the caller did.
func TestCallersOfNowShareARunThatBeginsAfterTheirCall(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.stall = make(chan struct{})
	r := s.reconciler(quick)
	results := make(chan error, 101)
	go func() { results <- r.Now(context.Background(), key) }()
	<-s.reading // the first run has read no owners
	s.buy(t, 31)
	waiting := make(chan struct{}, 100)
	for range 100 {
		go func() {
			waiting <- struct{}{}
			results <- r.Now(context.Background(), key)
		}()
	}
	for range 100 {
		<-waiting
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Now(ctx, key); !errors.Is(err, context.Canceled) {
		t.Fatalf("a caller who left got %v", err)
	}
	close(s.stall)
	for range 101 {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	s.wantHolders(t, 5, s.level(t).Version, 31)
	if n := s.counted(&s.reads); n < 2 || n > 5 {
		t.Fatalf("the owners were read %d times by 101 calls", n)
	}
}

func TestFiveReconcilersAtOnceAgree(t *testing.T) {
	t.Parallel()
	s := openSale(t, 1000)
	for range 5 {
		s.run(t, quick)
	}
	var owners []int64
	for i := range int64(20) {
		s.buy(t, 1+i)
		owners = append(owners, 1+i)
		switch i % 5 {
		case 1:
			s.mini.FlushAll()
		case 3:
			s.reserveSome(100 + i)
		}
	}
	eventually(t, "holders are the owners", s.holdersAre(owners...))
	h, err := s.Count(t.Context(), key)
	if err != nil || h.Limit != 1000 {
		t.Fatalf("count %+v, %v", h, err)
	}
}

func TestEachSaleHasItsMetrics(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.buy(t, 1, 2)
	r := s.reconciler(quick)
	now(t, r)
	s.wantReserve(t, "R", 3)
	now(t, r)
	sale := strconv.FormatInt(key.Sale, 10)
	if n := metric(t, s.registry, "flashsale_owners", sale); n != 2 {
		t.Errorf("owners %v, want 2", n)
	}
	if n := metric(t, s.registry, "flashsale_holders", sale); n != 3 {
		t.Errorf("holders %v, want 3", n)
	}
}

func TestAFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	s := openSale(t, 5)
	s.mini.SetError("LOADING")
	s.run(t, quick)
	eventually(t, "many ticks", func() bool { return s.counted(&s.ticks) > 20 })
	s.mini.SetError("")
	eventually(t, "the end of it", func() bool { return strings.Contains(s.log.String(), "reconciled again") })
	if n := strings.Count(s.log.String(), "cannot be reconciled"); n != 1 {
		t.Fatalf("logged %d times, want once:\n%s", n, s.log)
	}
}
