// Package eventstest is what the tests of events and of its packages share: a schema of their own in a real Postgres, a
// patient Eventually, claims, a ledger that decides them, and a proxy to Postgres that loses the replies to commits.
package eventstest

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
)

// Patience is how long a test waits for something that should happen soon; only a failure takes that long.
const Patience = 30 * time.Second

// World is a schema of Postgres and the test that it belongs to.
type World struct {
	*testing.T
	// Schema is also a name that no other test has.
	Schema string
	// Pool has the settings of the caller of New.
	Pool    *pgxpool.Pool
	prepare func(*pgxpool.Config)
}

// New returns a world whose pools are prepared by the given function, such as events.WatchNotices.
func New(t *testing.T, prepare func(*pgxpool.Config)) *World {
	t.Helper()
	_, schema := embeddedtest.Postgres(t)
	w := &World{T: t, Schema: schema, prepare: prepare}
	w.Pool = w.NewPool(embeddedtest.DatabaseURL(t))
	return w
}

// NewPool is a pool of the schema, over any address of the server.
func (w *World) NewPool(url string) *pgxpool.Pool {
	w.Helper()
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		w.Fatal(err)
	}
	w.prepare(cfg)
	cfg.ConnConfig.RuntimeParams["search_path"] = w.Schema
	pool, err := pgxpool.NewWithConfig(w.Context(), cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(pool.Close)
	return pool
}

// Quiet is a logger for the alarms that tests provoke: it drops them.
func Quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Start runs something until the returned function is called, which waits for its clean end.
func (w *World) Start(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				w.Errorf("it ended with %v", err)
			}
		case <-time.After(Patience):
			w.Error("it does not end")
		}
	}
	w.Cleanup(stop)
	return stop
}

// Eventually asks until the answer is yes.
func (w *World) Eventually(what string, yes func() bool) {
	w.Helper()
	Eventually(w.T, what, yes)
}

// Eventually asks until the answer is yes.
func Eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !yes(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}

// Count is the single number a query answers with.
func (w *World) Count(query string, args ...any) int {
	w.Helper()
	var n int
	if err := w.Pool.QueryRow(w.Context(), query, args...).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

// Exec runs a statement.
func (w *World) Exec(statement string, args ...any) {
	w.Helper()
	if _, err := w.Pool.Exec(w.Context(), statement, args...); err != nil {
		w.Fatal(err)
	}
}

// KeptPlan is the plan that a connection of the pool makes of a statement now, and keeps.
func (w *World) KeptPlan(settings, sql string) (plan string) {
	w.Helper()
	err := pgx.BeginFunc(w.Context(), w.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.Context(), settings); err != nil {
			return err
		}
		plan = embeddedtest.KeptPlan(w, tx, sql)
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return plan
}

// NewClaim is a shopper's first claim.
func NewClaim(user int64) events.Claim {
	return events.Claim{
		V: events.ClaimVersion, Kind: events.KindClaim, ID: uuid.New(), SaleID: 7, Generation: 1,
		UserID: user, Username: fmt.Sprintf("user_%d", user), Attempt: 1, PressedAt: time.Now().UTC(),
	}
}

// NewClaims are claims of as many shoppers, numbered from 1.
func NewClaims(n int) []events.Claim {
	claims := make([]events.Claim, n)
	for i := range claims {
		claims[i] = NewClaim(int64(i + 1))
	}
	return claims
}

// NewClose is the record that closes the sale of the claims.
func NewClose() events.Claim {
	return events.Claim{V: events.ClaimVersion, Kind: events.KindClose, ID: uuid.New(), SaleID: 7, Generation: 1}
}
