package checkout

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale/ledger"
	"flashsale/sale/saletest"
)

// realLedger is the real ledger on a database of the test's own.
type realLedger struct {
	*ledger.Store
	*saletest.Database
}

// openRealLedger makes a ledger whose only sale is open and has so many units.
func openRealLedger(t testing.TB, units int64) *realLedger {
	t.Helper()
	d := saletest.Open(t)
	l := &realLedger{ledger.New(d.Pool, d.Stock, d.Outbox), d}
	if created, err := l.EnsureSale(saletest.Context(t), ledger.Defaults{Stock: units}); err != nil || !created {
		t.Fatalf("create the sale: %v, %v", created, err)
	}
	return l
}

// decide commits the verdicts on claims of the log.
func (l *realLedger) decide(claims ...events.Claim) (made events.Decision) {
	l.Do(func(tx pgx.Tx) (err error) {
		made, err = saletest.Decide(context.Background(), tx, l.Prepare, events.FromLog, claims)
		return err
	})
	return made
}
