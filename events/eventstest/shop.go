package eventstest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
)

// Shoppers whose claims violate something in Postgres.
const (
	// BadClaim: the claim divides by zero, SQLSTATE 22012. It can be declined.
	BadClaim int64 = 666_000
	// UndeclinableClaim: the claim cannot be declined either.
	UndeclinableClaim int64 = 667_000
)

// Shop is the simplest decider with a real table: every claim gets the next unit.
type Shop struct {
	pool *pgxpool.Pool

	mu      sync.Mutex
	decided []events.Decision
	// Before, when set, runs inside the transaction, before anything is decided.
	Before func(src events.Source, claims []events.Claim) error
}

// NewShop returns a shop with its tables in the pool's schema.
func NewShop(t *testing.T, pool *pgxpool.Pool) *Shop {
	t.Helper()
	_, err := pool.Exec(t.Context(), `
		CREATE TABLE shop (unit bigint GENERATED ALWAYS AS IDENTITY, claim_id uuid PRIMARY KEY, user_id bigint,
			outcome text, reason text);
		CREATE TABLE shop_lock (id int PRIMARY KEY);
		CREATE TABLE shop_commits (id bigint GENERATED ALWAYS AS IDENTITY);
		INSERT INTO shop_lock VALUES (1)`)
	if err != nil {
		t.Fatal(err)
	}
	return &Shop{pool: pool}
}

// Prepare reads under the shop's lock and writes with the commit, as the real decider does.
func (s *Shop) Prepare(reads *pgx.Batch, src events.Source, claims []events.Claim) events.Decide {
	reads.Queue(`SELECT 1 FROM shop_lock FOR UPDATE`)
	return func(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) (events.Decision, error) {
		writes.Queue(`INSERT INTO shop_commits DEFAULT VALUES`)
		return s.DecideTx(ctx, tx, src, claims)
	}
}

// DecideTx gives each claim the next unit.
func (s *Shop) DecideTx(ctx context.Context, tx pgx.Tx, src events.Source, claims []events.Claim) (events.Decision, error) {
	if s.Before != nil {
		if err := s.Before(src, claims); err != nil {
			return events.Decision{}, err
		}
	}
	var d events.Decision
	for _, c := range claims {
		v, err := s.decide(ctx, tx, c)
		if err != nil {
			return events.Decision{}, err
		}
		if c.Kind == events.KindClose {
			d.Closed = append(d.Closed, c.SaleID)
		}
		d.Verdicts = append(d.Verdicts, v)
	}
	return d, nil
}

func (s *Shop) decide(ctx context.Context, tx pgx.Tx, c events.Claim) (events.Verdict, error) {
	if c.Kind == events.KindClose {
		return events.Verdict{}, nil
	}
	if c.UserID == BadClaim || c.UserID == UndeclinableClaim {
		_, err := tx.Exec(ctx, `SELECT 1 / ($1::bigint - $1)`, c.UserID)
		return events.Verdict{}, err
	}
	return s.Put(ctx, tx, c, events.Ordered, "")
}

// DeclineTx declines a claim, unless its shopper is UndeclinableClaim.
func (s *Shop) DeclineTx(ctx context.Context, tx pgx.Tx, c events.Claim, reason events.Reason) (events.Verdict, error) {
	if c.UserID == UndeclinableClaim {
		_, err := tx.Exec(ctx, `SELECT 'x'::int`)
		return events.Verdict{}, err
	}
	return s.Put(ctx, tx, c, events.Declined, reason)
}

// Put writes a verdict, if the claim has none.
func (s *Shop) Put(ctx context.Context, tx pgx.Tx, c events.Claim, outcome events.Outcome, reason events.Reason) (events.Verdict, error) {
	tag, err := tx.Exec(ctx, `INSERT INTO shop (claim_id, user_id, outcome, reason) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, c.ID, c.UserID, outcome, reason)
	if err != nil {
		return events.Verdict{}, err
	}
	v, err := s.verdict(tx.QueryRow(ctx, `SELECT claim_id, unit, outcome, reason FROM shop WHERE claim_id = $1`, c.ID))
	v.Fresh = tag.RowsAffected() == 1
	return v, err
}

func (s *Shop) verdict(row pgx.Row) (v events.Verdict, err error) {
	err = row.Scan(&v.ClaimID, &v.Unit, &v.Outcome, &v.Reason)
	return v, err
}

// Decided keeps what was announced.
func (s *Shop) Decided(d events.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decided = append(s.decided, d)
}

// Verdicts reads the verdicts of those claims that have one.
func (s *Shop) Verdicts(ctx context.Context, ids []uuid.UUID) ([]events.Verdict, error) {
	rows, err := s.pool.Query(ctx, `SELECT claim_id, unit, outcome, reason FROM shop WHERE claim_id = ANY($1)`, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (events.Verdict, error) { return s.verdict(row) })
}

// Told returns what was announced about a claim, in the order in which it was.
func (s *Shop) Told(id uuid.UUID) (verdicts []events.Verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.decided {
		for _, v := range d.Verdicts {
			if v.ClaimID == id {
				verdicts = append(verdicts, v)
			}
		}
	}
	return verdicts
}

// Closed are the sales whose close was announced.
func (s *Shop) Closed() (sales []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.decided {
		sales = append(sales, d.Closed...)
	}
	return sales
}

// Order lists the shoppers in the order in which they got their units.
func (s *Shop) Order(t *testing.T) []int64 {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), `SELECT user_id FROM shop WHERE outcome = 'ordered' ORDER BY unit`)
	if err != nil {
		t.Fatal(err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	return users
}

// Missing is for Ledger.Verify: it gives those of the claims that have no verdict.
func (s *Shop) Missing(ctx context.Context, claims []events.Claim) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	for _, c := range claims {
		if c.Kind == events.KindClaim {
			ids = append(ids, c.ID)
		}
	}
	verdicts, err := s.Verdicts(ctx, ids)
	if err != nil {
		return nil, err
	}
	var missing []uuid.UUID
	for _, c := range claims {
		if !slices.ContainsFunc(verdicts, func(v events.Verdict) bool { return v.ClaimID == c.ID }) {
			missing = append(missing, c.ID)
		}
	}
	return missing, nil
}
