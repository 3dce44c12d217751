// Package saletest has what the tests of sale/ledger and sale/checkout share: a database with the siblings that a ledger needs,
// and claims.
package saletest

import (
	"context"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

// Secret is the secret of a sale in tests without a database.
func Secret() []byte { return []byte("0123456789abcdef0123456789abcdef") }

// Key is the key of a sale in tests without a database.
func Key() sale.Key { return sale.Key{Sale: 7, Generation: 2} }

// Noon is the present time in tests without a clock.
func Noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

// Patience is how long a test waits before it fails. It is no limit on how long the code may take.
const Patience = 30 * time.Second

// Context lasts as long as the test, and no longer than Patience.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Claim is a claim of a sale whose secret is Secret.
func Claim(k sale.Key, user int64, attempt int) events.Claim {
	return events.Claim{
		V: events.ClaimVersion, Kind: events.KindClaim, ID: sale.ClaimID(Secret(), k.Generation, user, attempt),
		SaleID: k.Sale, Generation: k.Generation, UserID: user, Username: "shopper", Attempt: attempt, PressedAt: Noon(),
	}
}

// InTime waits until done is true, and ends the test when that takes longer than Patience.
func InTime(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("%s: not in time", what)
}
