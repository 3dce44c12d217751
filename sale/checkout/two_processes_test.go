package checkout

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// directProcess is a process on the real Postgres and Redis. Its places and its log are away, so that every claim
// takes the direct path and is decided by this process.
type directProcess struct {
	*realLedger
	catalog  *Catalog
	checkout *Checkout
}

func (s *realLedger) directProcess(t *testing.T) *directProcess {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	ready := make(chan struct{}, 10)
	bus := redisBus(t, s.Schema)
	i := &directProcess{realLedger: s, catalog: NewCatalog(CatalogConfig{Store: s.Store, Bus: bus, Log: unavailable{}, Logger: quiet})}
	i.checkout = New(Deps{
		Store: s.Store, Catalog: i.catalog, Bus: bus, Places: unavailable{}, Releaser: unavailable{}, Rebuild: unavailable{}, Log: unavailable{}, Direct: i,
		Cursors: unavailable{}, Settled: neverSettled, Shoppers: unavailable{}, Live: func() int { return 2 }, Logger: quiet, Registerer: prometheus.NewRegistry(),
		Lookup: func(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error) {
			found, err := s.LiveReceipts(ctx, k, []int64{user})
			if err != nil {
				return sale.Receipt{}, err
			}
			return found[0], nil
		},
	})
	bus.OnConnect(func() { ready <- struct{}{} })
	s.Must(i.catalog.Refresh(t.Context()))
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
	err := pgx.BeginFunc(ctx, i.Pool, func(tx pgx.Tx) (err error) {
		d, err = i.checkout.DecideTx(ctx, tx, events.Direct, []events.Claim{c})
		return err
	})
	if err != nil {
		return events.Verdict{}, err
	}
	i.checkout.Decided(d)
	return d.Verdicts[0], nil
}

// unavailable are the servers that are away, and accounts in which every name is known.
type unavailable struct{}

func (unavailable) Reserve(context.Context, sale.Key, int64) (Place, error) {
	return 0, sale.ErrUnavailable
}
func (unavailable) Release(context.Context, sale.Key, []int64) error { return nil }
func (unavailable) Reconcile(context.Context, sale.Key) error        { return sale.ErrUnavailable }
func (unavailable) Warm(context.Context, []int64) error              { return nil }
func (unavailable) Known(name string) (sale.Shopper, bool) {
	return sale.Shopper{ID: int64(name[0]), Username: name, MayPurchase: true}, true
}
func (unavailable) Find(context.Context, string) (s sale.Shopper, ok bool, _ error) {
	return s, ok, nil
}
func (unavailable) Cursor(context.Context, int) (int64, time.Time, error) {
	return 0, time.Time{}, nil
}

func (unavailable) Append(context.Context, int, events.Claim) (events.Position, error) {
	return events.Position{}, sale.ErrUnavailable
}

func TestTwoProcessesSellOneStock(t *testing.T) {
	t.Parallel()
	s := openRealLedger(t, 3)
	a, b := s.directProcess(t), s.directProcess(t)
	buy := func(i *directProcess, name string) sale.Answer {
		return i.checkout.Buy(t.Context(), sale.PurchaseRequest{Name: name, IdempotencyKey: "k"})
	}

	first := buy(a, "a")
	expect(t, first, sale.Bought, "")
	saletest.InTime(t, "the order is announced to the other process", func() bool {
		_, known := b.catalog.find("").receipts.receipt(b.catalog.find("").Key, sale.Shopper{ID: 'a'})
		return known
	})
	again := buy(b, "a")
	expect(t, again, sale.AlreadyBought, "")
	if again.Receipt.OrderID != first.Receipt.OrderID || !again.SameKey {
		t.Errorf("%+v, want %+v with the same key", again.Receipt, first.Receipt)
	}
	expect(t, buy(b, "b"), sale.Bought, "")
	expect(t, buy(a, "c"), sale.Bought, "")
	saletest.InTime(t, "sold out on both", func() bool {
		return buy(a, "z").Reason == sale.ReasonSoldOut && buy(b, "z").Reason == sale.ReasonSoldOut
	})
	expect(t, buy(b, "c"), sale.AlreadyBought, "")

	// One process cancels an order and tells the other.
	s.Must(s.Try(func(tx pgx.Tx) error {
		_, err := s.CancelTx(t.Context(), tx, first.Receipt.OrderID)
		return err
	}))
	s.Must(a.catalog.Refresh(t.Context()))
	saletest.InTime(t, "the unit is sold again", func() bool { return buy(b, "z").Kind == sale.Bought })
	saletest.InTime(t, "the receipt is gone", func() bool { return buy(b, "a").Reason == sale.ReasonSoldOut })
	s.Verify()
}

// Neither Redis nor the log is there, so every request to every process takes the direct path for the same claim.
func TestOneRequestToTwoProcessesBuys(t *testing.T) {
	t.Parallel()
	const shoppers = 20
	s := openRealLedger(t, shoppers)
	a, b := s.directProcess(t), s.directProcess(t)
	for n := range shoppers {
		name, start := string(rune('A'+n)), make(chan struct{})
		answers := make([]sale.Answer, 8)
		var pressing sync.WaitGroup
		for i := range answers {
			at := a
			if i%2 == 1 {
				at = b
			}
			pressing.Go(func() { <-start; answers[i] = at.checkout.Buy(t.Context(), sale.PurchaseRequest{Name: name}) })
		}
		close(start)
		pressing.Wait()
		if slices.ContainsFunc(answers, func(a sale.Answer) bool { return a.Kind == sale.Unavailable }) {
			continue // the servers were too slow for one of them, and it may be the one that bought
		}
		expectOneBought(t, answers...)
	}
	s.Verify()
}
