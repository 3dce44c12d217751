package sale

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/inventory"
)

// realStockFixture is a sale in a schema of the test's own, with inventory's real stock.
type realStockFixture struct {
	*Store
	t      testing.TB
	outbox *memoryOutbox
	schema string
	id     int64
	secret []byte
}

// newRealStock is an open sale of so many units.
func newRealStock(t testing.TB, units int64) *realStockFixture {
	t.Helper()
	pool, schema := embeddedtest.Postgres(t)
	s := &realStockFixture{t: t, outbox: &memoryOutbox{}, schema: schema}
	s.Store = NewStore(pool, realStock{inventory.NewStore(pool)}, s.outbox)
	created, err := s.EnsureSale(t.Context(), Defaults{Stock: units})
	if err != nil || !created {
		t.Fatalf("create the sale: %v, %v", created, err)
	}
	s.must(pool.QueryRow(t.Context(), `SELECT id, secret FROM sales`).Scan(&s.id, &s.secret))
	return s
}

func (s *realStockFixture) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *realStockFixture) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), sql, args...)
	s.must(err)
}

// tx runs an operator's step in a transaction of its own.
func (s *realStockFixture) tx(do func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(s.t.Context(), s.pool, do)
}

func (s *realStockFixture) claim(generation, user int64, attempt int) events.Claim {
	c := claimOf(Key{s.id, generation}, user, attempt)
	c.ID = ClaimID(s.secret, generation, user, attempt)
	return c
}

func (s *realStockFixture) decide(src events.Source, claims ...events.Claim) events.Decision {
	s.t.Helper()
	var d events.Decision
	s.must(s.tx(func(tx pgx.Tx) (err error) {
		d, err = s.DecideTx(s.t.Context(), tx, src, claims)
		return err
	}))
	return d
}

func (s *realStockFixture) decideOne(c events.Claim) events.Verdict {
	s.t.Helper()
	return s.decide(events.FromLog, c).Verdicts[0]
}

func (s *realStockFixture) state() State {
	s.t.Helper()
	var state State
	s.must(s.pool.QueryRow(s.t.Context(), `SELECT state FROM sales`).Scan(&state))
	return state
}

// whole checks what must be true whatever happened: units taken, orders, shoppers and unit numbers agree.
func (s *realStockFixture) whole() {
	s.t.Helper()
	counts, err := s.Counts(s.t.Context())
	s.must(err)
	byKey := map[Key]Count{}
	for _, c := range counts {
		byKey[c.Key] = c
	}
	levels, err := s.stock.Levels(s.t.Context(), nil)
	s.must(err)
	for _, l := range levels {
		c := byKey[l.key()]
		if c.Live != l.Taken || c.Shoppers != c.Live || c.Units != c.Live || l.Taken > l.Total {
			s.t.Errorf("generation %d: stock %+v, orders %+v", l.Generation, l, c)
		}
	}
	if wrong, _, err := s.DigestCheck(s.t.Context()); err != nil || len(wrong) > 0 {
		s.t.Errorf("digests: %+v, %v", wrong, err)
	}
}

// memoryOutbox is an outbox that keeps what it is given. It does not roll back: tests look at it after commits.
type memoryOutbox struct {
	mu       sync.Mutex
	messages []events.Message
}

func (p *memoryOutbox) AppendTx(_ context.Context, _ pgx.Tx, m []events.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = append(p.messages, m...)
	return nil
}

func (p *memoryOutbox) Queue(_ *pgx.Batch, m []events.Message) error {
	return p.AppendTx(context.Background(), nil, m)
}

// drain lists the types of what came since the last time.
func (p *memoryOutbox) drain() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	types := map[string]int{}
	for _, m := range p.messages {
		types[m.Type]++
	}
	p.messages = nil
	return types
}

// realStock is inventory's, as the wiring adapts it.
type realStock struct{ *inventory.Store }

func (r realStock) BeginTx(ctx context.Context, tx pgx.Tx, k Key, total, version int64) (Level, error) {
	l, err := r.Store.BeginTx(ctx, tx, inventory.Key(k), total, version)
	return Level(l), err
}

func (r realStock) LockTx(ctx context.Context, tx pgx.Tx, keys []Key) ([]Level, error) {
	found, err := r.Store.LockTx(ctx, tx, inventoryKeys(keys))
	return levelsOf(found), err
}

func (r realStock) QueueLock(b *pgx.Batch, keys []Key, got func([]Level)) {
	r.Store.QueueLock(b, inventoryKeys(keys), func(found []inventory.Level) { got(levelsOf(found)) })
}

func (r realStock) QueueTake(b *pgx.Batch, locked Level, n int64) ([]int64, Level, bool) {
	units, l, ok := r.Store.QueueTake(b, inventory.Level(locked), n)
	return units, Level(l), ok
}

func (r realStock) TakeTx(ctx context.Context, tx pgx.Tx, k Key, n int64) ([]int64, Level, error) {
	units, l, err := r.Store.TakeTx(ctx, tx, inventory.Key(k), n)
	return units, Level(l), err
}

func (r realStock) ReturnTx(ctx context.Context, tx pgx.Tx, k Key, unit int64) (Level, error) {
	l, err := r.Store.ReturnTx(ctx, tx, inventory.Key(k), unit)
	return Level(l), err
}

func (r realStock) SetTotalTx(ctx context.Context, tx pgx.Tx, k Key, total int64) (Level, error) {
	l, err := r.Store.SetTotalTx(ctx, tx, inventory.Key(k), total)
	return Level(l), err
}

func (r realStock) Levels(ctx context.Context, keys []Key) ([]Level, error) {
	found, err := r.Store.Levels(ctx, inventoryKeys(keys))
	return levelsOf(found), err
}

func inventoryKeys(keys []Key) []inventory.Key {
	if keys == nil {
		return nil
	}
	all := make([]inventory.Key, len(keys))
	for i, k := range keys {
		all[i] = inventory.Key(k)
	}
	return all
}

func levelsOf(found []inventory.Level) []Level {
	all := make([]Level, len(found))
	for i, l := range found {
		all[i] = Level(l)
	}
	return all
}

// inTime is a generous bound for what happens in another goroutine.
func inTime(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("%s: not in time", what)
}
