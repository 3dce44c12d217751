package ledger

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
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
	s.Store = New(pool, saletest.NewStock(pool), s.outbox)
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
	c := saletest.Claim(sale.Key{Sale: s.id, Generation: generation}, user, attempt)
	c.ID = sale.ClaimID(s.secret, generation, user, attempt)
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

func (s *realStockFixture) state() sale.State {
	s.t.Helper()
	var state sale.State
	s.must(s.pool.QueryRow(s.t.Context(), `SELECT state FROM sales`).Scan(&state))
	return state
}

// whole checks what must be true whatever happened: units taken, orders, shoppers and unit numbers agree.
func (s *realStockFixture) whole() {
	s.t.Helper()
	counts, err := s.Counts(s.t.Context())
	s.must(err)
	byKey := map[sale.Key]Count{}
	for _, c := range counts {
		byKey[c.Key] = c
	}
	levels, err := s.stock.Levels(s.t.Context(), nil)
	s.must(err)
	for _, l := range levels {
		c := byKey[l.Key()]
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
