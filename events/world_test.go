package events

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// patience is how long a test waits for something that should happen soon; only a failure takes that long.
const patience = 30 * time.Second

// world is a namespace with a log, a shop that decides, and a ledger between them.
type world struct {
	*testing.T
	pool   *pgxpool.Pool
	schema string
	log    *Log
	shop   *shop
}

func newWorld(t *testing.T) *world {
	t.Helper()
	_, schema := embeddedtest.Postgres(t)
	w := &world{T: t, schema: schema}
	w.pool = w.newPool(embeddedtest.DatabaseURL(t))
	w.log = w.openLog()
	w.shop = newShop(t, w.pool)
	return w
}

// newPool is a ledger's pool over any address of the server.
func (w *world) newPool(url string) *pgxpool.Pool {
	w.Helper()
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		w.Fatal(err)
	}
	LedgerPool(cfg)
	cfg.ConnConfig.RuntimeParams["search_path"] = w.schema
	pool, err := pgxpool.NewWithConfig(w.Context(), cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(pool.Close)
	return pool
}

func (w *world) openLog() *Log {
	w.Helper()
	brokers, id := embeddedtest.Kafka(w)
	log, err := Open(w.Context(), Config{Brokers: brokers, LogID: id, Namespace: w.schema, Logger: quiet()})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = log.Close() })
	return log
}

// quiet keeps the alarms that tests provoke out of their output.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func (w *world) ledger(cfg LedgerConfig) *Ledger { return w.ledgerOn(w.pool, cfg) }

func (w *world) ledgerOn(pool *pgxpool.Pool, cfg LedgerConfig) *Ledger {
	cfg.LookEvery = orDuration(cfg.LookEvery, 20*time.Millisecond)
	return NewLedger(pool, w.log, w.shop, cfg)
}

// start runs something until the returned function is called, which waits for its clean end.
func (w *world) start(run func(context.Context) error) (stop func()) {
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
		case <-time.After(patience):
			w.Error("it does not end")
		}
	}
	w.Cleanup(stop)
	return stop
}

// follow brings one partition to its ledger without a group, until the returned function is called.
func (w *world) follow(l *Ledger, partition int) (stop func()) {
	return w.start(func(ctx context.Context) error {
		f := &follower{ledger: l, partition: partition, passed: func(int, int64) {}}
		f.run(ctx)
		return nil
	})
}

func (w *world) append(partition int, claims ...Claim) []Position {
	w.Helper()
	positions, err := w.log.Append(w.Context(), partition, claims)
	if err != nil {
		w.Fatal(err)
	}
	return positions
}

// appendRaw writes a record that no encoder of ours would write.
func (w *world) appendRaw(partition int, value string) {
	w.Helper()
	m := message{key: []byte("raw"), value: []byte(value)}
	if _, err := w.log.produce(w.Context(), w.log.ClaimsTopic(), partition, []message{m}); err != nil {
		w.Fatal(err)
	}
}

// eventually asks until the answer is yes.
func (w *world) eventually(what string, yes func() bool) {
	w.Helper()
	for deadline := time.Now().Add(patience); !yes(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("it never happened: %s", what)
		}
	}
}

// reaches waits until the ledger has passed everything before offset.
func (w *world) reaches(l *Ledger, partition int, offset int64) {
	w.Helper()
	w.eventually(fmt.Sprintf("cursor at %d", offset), func() bool {
		c, err := l.Cursor(w.Context(), partition)
		return err == nil && c.Offset == offset
	})
}

// count is the single number a query answers with.
func (w *world) count(query string, args ...any) int {
	w.Helper()
	var n int
	if err := w.pool.QueryRow(w.Context(), query, args...).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

func newClaim(user int64) Claim {
	return Claim{
		V: ClaimVersion, Kind: KindClaim, ID: uuid.New(), SaleID: 7, Generation: 1,
		UserID: user, Username: fmt.Sprintf("user_%d", user), Attempt: 1, PressedAt: time.Now().UTC(),
	}
}

func newClaims(n int) []Claim {
	claims := make([]Claim, n)
	for i := range claims {
		claims[i] = newClaim(int64(i + 1))
	}
	return claims
}

func newClose() Claim {
	return Claim{V: ClaimVersion, Kind: KindClose, ID: uuid.New(), SaleID: 7, Generation: 1}
}
