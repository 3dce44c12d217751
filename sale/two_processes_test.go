package sale

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
)

// directProcess is a process on the real Postgres and Redis. Its places and its log are away, so that every claim
// takes the direct path and is decided by this process.
type directProcess struct {
	*realStockFixture
	catalog  *Catalog
	checkout *Checkout
}

func (s *realStockFixture) directProcess(t *testing.T) *directProcess {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	ready := make(chan struct{}, 10)
	bus := redisBus(t, s.schema)
	i := &directProcess{realStockFixture: s, catalog: NewCatalog(CatalogConfig{Store: s.Store, Bus: bus, Log: unavailable{}, Logger: quiet})}
	i.checkout = NewCheckout(Deps{
		Store: s.Store, Catalog: i.catalog, Bus: bus, Places: unavailable{}, Releaser: unavailable{}, Rebuild: unavailable{}, Log: unavailable{}, Direct: i,
		Cursors: unavailable{}, Settled: neverSettled, Shoppers: unavailable{}, Live: func() int { return 2 }, Logger: quiet, Registerer: prometheus.NewRegistry(),
		Lookup: func(ctx context.Context, k Key, user int64) (Receipt, error) {
			found, err := s.LiveReceipts(ctx, k, []int64{user})
			if err != nil {
				return Receipt{}, err
			}
			return found[0], nil
		},
	})
	bus.OnConnect(func() { ready <- struct{}{} })
	s.must(i.catalog.Refresh(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = bus.Run(ctx) })
	running.Go(func() { _ = i.catalog.Run(ctx) })
	running.Go(func() { _ = i.checkout.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	<-ready
	return i
}

// Decide is the direct path, as events has it: a transaction, then Decided.
func (i *directProcess) Decide(ctx context.Context, c events.Claim) (events.Verdict, error) {
	var d events.Decision
	err := pgx.BeginFunc(ctx, i.pool, func(tx pgx.Tx) (err error) {
		d, err = i.checkout.DecideTx(ctx, tx, events.Direct, []events.Claim{c})
		return err
	})
	if err != nil {
		return events.Verdict{}, err
	}
	i.checkout.Decided(d)
	return d.Verdicts[0], nil
}

// unavailable stands for the servers that are away, and for a directory that knows everybody.
type unavailable struct{}

func (unavailable) Reserve(context.Context, Key, int64) (Place, error) { return 0, ErrUnavailable }
func (unavailable) Release(context.Context, Key, []int64) error        { return nil }
func (unavailable) Reconcile(context.Context, Key) error               { return ErrUnavailable }
func (unavailable) Warm(context.Context, []int64) error                { return nil }
func (unavailable) Known(name string) (Shopper, bool) {
	return Shopper{ID: int64(name[0]), Username: name, MayPurchase: true}, true
}
func (unavailable) Find(context.Context, string) (s Shopper, ok bool, _ error) { return s, ok, nil }
func (unavailable) Cursor(context.Context, int) (int64, time.Time, error) {
	return 0, time.Time{}, nil
}

func (unavailable) Append(context.Context, int, events.Claim) (events.Position, error) {
	return events.Position{}, ErrUnavailable
}

func TestTwoProcessesSellOneStock(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 3)
	a, b := s.directProcess(t), s.directProcess(t)
	press := func(i *directProcess, name string) Answer {
		return i.checkout.Buy(t.Context(), Press{Name: name, IdempotencyKey: "k"})
	}

	first := press(a, "a")
	want(t, "on the first process", first, Bought, "")
	inTime(t, "the other process hears of it", func() bool {
		_, heard := b.catalog.find("").receipts.receipt(Key{s.id, 1}, Shopper{ID: 'a'})
		return heard
	})
	again := press(b, "a")
	want(t, "the same press on the other process", again, AlreadyBought, "")
	if again.Receipt.OrderID != first.Receipt.OrderID || !again.SameKey {
		t.Errorf("%+v, want %+v with the same key", again.Receipt, first.Receipt)
	}
	want(t, "b", press(b, "b"), Bought, "")
	want(t, "c", press(a, "c"), Bought, "")
	inTime(t, "sold out on both", func() bool {
		return press(a, "z").Reason == ReasonSoldOut && press(b, "z").Reason == ReasonSoldOut
	})
	want(t, "an owner of the other process", press(b, "c"), AlreadyBought, "")

	// One process cancels an order and tells the other.
	s.must(s.tx(func(tx pgx.Tx) error {
		_, err := s.CancelTx(t.Context(), tx, first.Receipt.OrderID)
		return err
	}))
	s.must(a.catalog.Refresh(t.Context()))
	inTime(t, "the unit is sold again", func() bool { return press(b, "z").Kind == Bought })
	inTime(t, "the receipt is gone", func() bool { return press(b, "a").Reason == ReasonSoldOut })
	s.whole()
}

// Neither Redis nor the log is there, so every press of every process takes the direct path for the same claim.
func TestOnePressOfTwoProcessesBuys(t *testing.T) {
	t.Parallel()
	const shoppers = 20
	s := newRealStock(t, shoppers)
	a, b := s.directProcess(t), s.directProcess(t)
	for n := range shoppers {
		name, start := string(rune('A'+n)), make(chan struct{})
		answers := make([]Answer, 8)
		var pressing sync.WaitGroup
		for i := range answers {
			at := a
			if i%2 == 1 {
				at = b
			}
			pressing.Go(func() { <-start; answers[i] = at.checkout.Buy(t.Context(), Press{Name: name}) })
		}
		close(start)
		pressing.Wait()
		if slices.ContainsFunc(answers, func(a Answer) bool { return a.Kind == Unavailable }) {
			continue // the servers were too slow for one of them, and it may be the one that bought
		}
		alone(t, answers...)
	}
	s.whole()
}

func TestOwnersAreListedForThePlaces(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 3)
	s.decide(events.FromLog, s.claim(1, 11, 1), s.claim(1, 12, 1))
	s.must(s.tx(func(tx pgx.Tx) error {
		_, err := s.CancelTx(t.Context(), tx, s.claim(1, 11, 1).ID)
		return err
	}))
	keys, err := s.CurrentKeys(t.Context())
	s.must(err)
	s.must(s.tx(func(tx pgx.Tx) error {
		users, err := s.OwnersTx(t.Context(), tx, keys[0])
		if len(users) != 1 || users[0] != 12 {
			t.Errorf("owners %v", users)
		}
		counts, err2 := s.CountsTx(t.Context(), tx)
		if len(counts) != 1 || counts[0] != (Count{keys[0], 1, 1, 1, 2}) {
			t.Errorf("counts %+v", counts)
		}
		if err == nil {
			err = err2
		}
		return err
	}))
	changed, err := s.ordersSince(t.Context(), keys[0], 0)
	s.must(err)
	slices.SortFunc(changed, func(a, b order) int { return cmp.Compare(b.UserID, a.UserID) })
	if len(changed) != 2 || !changed[0].live || changed[0].UserID != 12 || changed[1].live || changed[1].UserID != 11 {
		t.Fatalf("all orders: %+v", changed)
	}
	changed, err = s.ordersSince(t.Context(), keys[0], changed[0].revision)
	s.must(err)
	if len(changed) != 1 || changed[0].live || changed[0].UserID != 11 {
		t.Errorf("what changed since: %+v", changed)
	}
}

func TestTheFirstProductIsComplete(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 3)
	n, err := s.readChanges(t.Context(), nil, nil)
	s.must(err)
	p := n.rows[0].product
	if p.Name == "" || p.Description == "" || len(p.Details) == 0 || len(p.Specification) == 0 || len(p.ImportantInfo) == 0 ||
		p.Images.Main.URL == "" || p.Images.Main.Alt == "" || len(p.Images.Gallery) == 0 || len(p.Images.Thumbnails) == 0 {
		t.Errorf("product %+v", p)
	}
	if p.PriceMinor != 49_900 || p.PriceAfterDiscountMinor() != p.PriceMinor-p.DiscountMinor || p.CurrencyCode != "USD" {
		t.Errorf("price %d after discount %d", p.PriceMinor, p.PriceAfterDiscountMinor())
	}
}

func TestPresetsAreNamed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Preset{
		"small": {"small", 5, 15}, "medium": {"medium", 100, 150}, "large": {"large", 1000, 1500}, "extreme": {"extreme", 10000, 10000},
	} {
		if got, ok := PresetNamed(name); !ok || got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, ok := PresetNamed("Small"); ok {
		t.Error("a name is not exact")
	}
}
