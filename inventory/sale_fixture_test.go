package inventory_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"flashsale/inventory"
)

// saleFixture is a sale: stock in Postgres, places in Redis, and a ledger and a log that the test changes directly.
type saleFixture struct {
	stockFixture
	placesFixture
	mini *miniredis.Miniredis

	mu          sync.Mutex
	current     []inventory.Key
	owners      map[int64]bool
	end, cursor int64
	logDown     error
	reads       int           // of the owners
	ticks       int           // of the current generations
	stall       chan struct{} // when set, reads of the owners wait for it
	reading     chan struct{}
}

func openSale(t *testing.T, total int64) *saleFixture {
	t.Helper()
	mini := miniredis.RunT(t)
	s := &saleFixture{
		stockFixture: openStock(t), placesFixture: openPlaces(t, miniClient(t, mini.Addr()), "test"), mini: mini,
		current: []inventory.Key{key}, owners: map[int64]bool{}, reading: make(chan struct{}, 100),
	}
	s.begin(t, key, total)
	return s
}

func (s *saleFixture) Current(context.Context) ([]inventory.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticks++
	return slices.Clone(s.current), nil
}

func (s *saleFixture) Owners(ctx context.Context, key inventory.Key) ([]int64, int64, int64, error) {
	s.mu.Lock()
	s.reads++
	owners, stall := slices.Collect(maps.Keys(s.owners)), s.stall
	s.mu.Unlock()
	select {
	case s.reading <- struct{}{}:
	default:
	}
	if stall != nil {
		<-stall
	}
	levels, err := s.Levels(ctx, []inventory.Key{key})
	if err != nil || len(levels) == 0 {
		return nil, 0, 0, errors.Join(err, errors.New("no stock"))
	}
	return owners, levels[0].Total, levels[0].Version, nil
}

func (s *saleFixture) End(context.Context, int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end, s.logDown
}

func (s *saleFixture) Cursor(context.Context, int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor, s.logDown
}

// buy makes users owners in the ledger only.
func (s *saleFixture) buy(t *testing.T, users ...int64) {
	t.Helper()
	s.take(t, int64(len(users)))
	s.change(func() {
		for _, user := range users {
			s.owners[user] = true
		}
	})
}

func (s *saleFixture) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *saleFixture) counted(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *n
}

func (s *saleFixture) reconciler(config inventory.ReconcilerConfig) *inventory.Reconciler {
	config.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	config.Registerer = s.registry
	return inventory.NewReconciler(s.Places, s.Store, s, s, config)
}

// quick settles within milliseconds, so that tests need not wait for seconds.
var quick = inventory.ReconcilerConfig{Every: 5 * time.Millisecond, Settle: 20 * time.Millisecond}

// run lets a reconciler run until the test ends.
func (s *saleFixture) run(t *testing.T, config inventory.ReconcilerConfig) *inventory.Reconciler {
	t.Helper()
	r := s.reconciler(config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v, want nil", err)
		}
	})
	return r
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %v: %s", patience, what)
		}
	}
}

func (s *saleFixture) holdersAre(users ...int64) func() bool {
	return func() bool {
		missing, extra, err := s.Compare(context.Background(), key, users)
		return err == nil && len(missing)+len(extra) == 0
	}
}

func now(t *testing.T, r *inventory.Reconciler) {
	t.Helper()
	if err := r.Now(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

func (s *saleFixture) corrections(t *testing.T, change string) float64 {
	return metric(t, s.registry, "flashsale_reconciled_total", change)
}

// waitForReads waits until the owners have been read n more times.
func (s *saleFixture) waitForReads(t *testing.T, n int) {
	t.Helper()
	from := s.counted(&s.reads)
	eventually(t, "more reads of the owners", func() bool { return s.counted(&s.reads) >= from+n })
}

// reserveSome presses whether or not the set is there.
func (s *saleFixture) reserveSome(user int64) {
	_, _ = s.Reserve(context.Background(), key, []int64{user})
}
