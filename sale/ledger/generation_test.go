package ledger

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

func (s *realStockFixture) begin(total int64) (sale.Level, error) {
	var l sale.Level
	err := s.tx(func(tx pgx.Tx) (err error) {
		l, err = s.BeginGenerationTx(s.t.Context(), tx, firstSlug, total)
		return err
	})
	return l, err
}

// digested computes what digests are missing.
func (s *realStockFixture) digested() {
	s.t.Helper()
	for done := false; !done; {
		var err error
		done, err = s.DigestNext(s.t.Context())
		s.must(err)
	}
}

func TestAGenerationBeginsWithNothingSold(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 3)
	old := s.decideOne(s.claim(1, 11, 1))
	before, err := s.stock.Levels(t.Context(), []sale.Key{{Sale: s.id, Generation: 1}})
	s.must(err)
	s.outbox.drain()
	l, err := s.begin(1_000_000)
	s.must(err)
	if l.Total != 1_000_000 || l.Taken != 0 || l.Generation != 2 || l.Version <= before[0].Version {
		t.Errorf("new stock %+v after %+v", l, before[0])
	}
	if got := s.outbox.drain(); got[events.TypeGenerationBegun] != 1 || got[events.TypeStockChanged] != 1 {
		t.Errorf("messages %v", got)
	}
	if v := s.decideOne(s.claim(1, 12, 1)); v.Reason != events.ReasonGenerationChanged {
		t.Errorf("a claim of the old generation: %+v", v)
	}
	if v := s.decideOne(s.claim(1, 11, 1)); v.Outcome != events.Ordered || v.Unit != old.Unit || v.Fresh {
		t.Errorf("an order of the old generation: %+v", v)
	}
	if v := s.decideOne(s.claim(2, 11, 1)); v.Outcome != events.Ordered || v.Unit != 1 || !v.Fresh {
		t.Errorf("the same shopper in the new generation: %+v", v)
	}
	s.digested()
	s.whole()
}

func TestAResetMayKeepTheTotal(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 42)
	l, err := s.begin(KeepTotal)
	s.must(err)
	if l.Total != 42 {
		t.Errorf("total %d", l.Total)
	}
}

func TestTheStateAfterAResetFitsTheTimes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state      sale.State
		start, end time.Duration
		want       sale.State
	}{
		"running, was paused": {sale.Paused, -time.Hour, time.Hour, sale.Open},
		"running, was closed": {sale.Closed, -time.Hour, time.Hour, sale.Open},
		"running, closing":    {sale.Closing, -time.Hour, time.Hour, sale.Open},
		"over":                {sale.Open, -2 * time.Hour, -time.Hour, sale.Closed},
		"to come":             {sale.Closed, time.Hour, 2 * time.Hour, sale.Scheduled},
		"a draft":             {sale.Draft, -time.Hour, time.Hour, sale.Draft},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRealStock(t, 3)
			s.exec(`UPDATE sales SET state = $1, starts_at = now() + $2, ends_at = now() + $3, closing_version = 1, closing_at = now()`,
				c.state, c.start, c.end)
			_, err := s.begin(5)
			s.must(err)
			if got := s.state(); got != c.want {
				t.Errorf("state %s, want %s", got, c.want)
			}
		})
	}
}

// Resets race with the ledger on both paths. Nothing that was decided for one generation may count in another.
func TestResetsUnderLoadKeepGenerationsApart(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	var all sync.WaitGroup
	var begun atomic.Int64
	begun.Store(1)
	stop := make(chan struct{})
	for path := range 3 {
		all.Go(func() {
			for user := int64(1); ; user++ {
				select {
				case <-stop:
					return
				default:
				}
				// A claim is made for a generation that somebody has seen.
				generation := 1 + user%begun.Load()
				s.decide(events.Source(path%2), s.claim(generation, user, 1), s.claim(generation, user+1, 1))
			}
		})
	}
	for range 6 {
		if _, err := s.begin(5); err == nil {
			begun.Add(1)
		} else if !errors.Is(err, sale.ErrBusy) {
			t.Error(err)
		}
	}
	close(stop)
	all.Wait()
	s.digested()
	s.whole()
	keys, err := s.CurrentKeys(t.Context())
	s.must(err)
	if keys[0].Generation != begun.Load() || begun.Load() < 2 {
		t.Errorf("generation %d after %d beginnings", keys[0].Generation, begun.Load())
	}
}

func TestASecondOperatorIsToldThatTheSaleIsBusy(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.must(s.tx(func(tx pgx.Tx) error {
		if _, err := s.BeginGenerationTx(t.Context(), tx, firstSlug, 5); err != nil {
			return err
		}
		if _, err := s.begin(7); !errors.Is(err, sale.ErrBusy) {
			t.Errorf("the second one: %v", err)
		}
		return nil
	}))
}

func TestTheStockFollowsTheOperatorDownToWhatIsSold(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.decide(events.FromLog, s.claim(1, 1, 1), s.claim(1, 2, 1))
	set := func(n int64) error {
		return s.tx(func(tx pgx.Tx) error {
			_, err := s.SetTotalTx(t.Context(), tx, firstSlug, n)
			return err
		})
	}
	if err := set(1); !errors.Is(err, sale.ErrBelowSold) {
		t.Errorf("below what is sold: %v", err)
	}
	s.must(set(2))
	if v := s.decideOne(s.claim(1, 3, 1)); v.Reason != events.ReasonSoldOut {
		t.Errorf("at the new total: %+v", v)
	}
	s.must(set(3))
	if v := s.decideOne(s.claim(1, 3, 2)); v.Outcome != events.Ordered {
		t.Errorf("with one more: %+v", v)
	}
	s.whole()
}

func TestACancelledOrderGivesItsUnitBack(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 1)
	order := s.decideOne(s.claim(1, 11, 1)).ClaimID
	s.outbox.drain()
	if r, err := s.cancel(order); err != nil || r.UserID != 11 || r.Unit != 1 {
		t.Errorf("cancelled %+v, %v", r, err)
	}
	if got := s.outbox.drain(); got[events.TypeOrderCancelled] != 1 || got[events.TypeStockChanged] != 1 {
		t.Errorf("messages %v", got)
	}
	if v := s.decideOne(s.claim(1, 12, 1)); v.Outcome != events.Ordered || v.Unit != 1 {
		t.Errorf("the unit went to %+v", v)
	}
	s.whole()
}

func TestDigestsFindWhatWasChangedBehindTheLedger(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.decide(events.FromLog, s.claim(1, 1, 1), s.claim(1, 2, 1))
	_, err := s.begin(5)
	s.must(err)
	s.digested()
	s.whole()

	// A cancellation is audited and counts as it was made.
	s.must(s.tx(func(tx pgx.Tx) error {
		_, err := s.CancelTx(t.Context(), tx, s.claim(1, 1, 1).ID)
		return err
	}))
	s.digested()
	s.whole()

	s.exec(`UPDATE orders SET unit = 99 WHERE id = $1`, s.claim(1, 2, 1).ID)
	wrong, _, err := s.DigestCheck(t.Context())
	s.must(err)
	if len(wrong) != 1 || wrong[0].Key != (sale.Key{Sale: s.id, Generation: 1}) {
		t.Errorf("mismatches %+v", wrong)
	}
}

func TestTheFirstSaleIsCreatedOnce(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.exec(`TRUNCATE sales, products, generations, stock, returned_units CASCADE`)
	var all sync.WaitGroup
	made := make(chan bool, 8)
	for range cap(made) {
		all.Go(func() {
			created, err := s.EnsureSale(t.Context(), Defaults{Stock: 3, StartsAt: time.Now().Add(time.Hour)})
			if err != nil {
				t.Error(err)
			}
			made <- created
		})
	}
	all.Wait()
	close(made)
	created := 0
	for c := range made {
		if c {
			created++
		}
	}
	var sales, partition, id int64
	s.must(s.pool.QueryRow(t.Context(), `SELECT count(*), min(partition), min(id) FROM sales`).Scan(&sales, &partition, &id))
	if created != 1 || sales != 1 || partition != id%events.Partitions || s.state() != sale.Scheduled {
		t.Errorf("%d created, %d sales, partition %d of sale %d", created, sales, partition, id)
	}
}

func TestUnknownSlugsAreNoSale(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.must(s.tx(func(tx pgx.Tx) error {
		if _, err := s.BeginGenerationTx(t.Context(), tx, "nowhere", 5); !errors.Is(err, sale.ErrNoSale) {
			t.Errorf("reset: %v", err)
		}
		if err := s.PauseTx(t.Context(), tx, "nowhere"); !errors.Is(err, sale.ErrNoSale) {
			t.Errorf("pause: %v", err)
		}
		return nil
	}))
}
