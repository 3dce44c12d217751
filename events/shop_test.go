package events

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Shoppers whose claims violate something in Postgres.
const (
	// poisonous: dividing by zero, SQLSTATE 22012; the claim can be declined.
	poisonous int64 = 666_000
	// hopeless: cannot be declined either.
	hopeless int64 = 667_000
)

// shop is the simplest decider with a real table: every claim gets the next unit.
type shop struct {
	pool *pgxpool.Pool

	mu      sync.Mutex
	decided []Decision
	// before, when set, runs inside the transaction, before anything is decided.
	before func(src Source, claims []Claim) error
}

func newShop(t *testing.T, pool *pgxpool.Pool) *shop {
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
	return &shop{pool: pool}
}

// Prepare reads under the shop's lock and writes with the commit, as the true decider does, though not much.
func (s *shop) Prepare(reads *pgx.Batch, src Source, claims []Claim) Decide {
	reads.Queue(`SELECT 1 FROM shop_lock FOR UPDATE`)
	return func(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) (Decision, error) {
		writes.Queue(`INSERT INTO shop_commits DEFAULT VALUES`)
		return s.DecideTx(ctx, tx, src, claims)
	}
}

func (s *shop) DecideTx(ctx context.Context, tx pgx.Tx, src Source, claims []Claim) (Decision, error) {
	if s.before != nil {
		if err := s.before(src, claims); err != nil {
			return Decision{}, err
		}
	}
	var d Decision
	for _, c := range claims {
		v, err := s.decide(ctx, tx, c)
		if err != nil {
			return Decision{}, err
		}
		if c.Kind == KindClose {
			d.Closed = append(d.Closed, c.SaleID)
		}
		d.Verdicts = append(d.Verdicts, v)
	}
	return d, nil
}

func (s *shop) decide(ctx context.Context, tx pgx.Tx, c Claim) (Verdict, error) {
	if c.Kind == KindClose {
		return Verdict{}, nil
	}
	if c.UserID == poisonous || c.UserID == hopeless {
		_, err := tx.Exec(ctx, `SELECT 1 / ($1::bigint - $1)`, c.UserID)
		return Verdict{}, err
	}
	return s.put(ctx, tx, c, Ordered, "")
}

func (s *shop) DeclineTx(ctx context.Context, tx pgx.Tx, c Claim, reason Reason) (Verdict, error) {
	if c.UserID == hopeless {
		_, err := tx.Exec(ctx, `SELECT 'x'::int`)
		return Verdict{}, err
	}
	return s.put(ctx, tx, c, Declined, reason)
}

func (s *shop) put(ctx context.Context, tx pgx.Tx, c Claim, outcome Outcome, reason Reason) (Verdict, error) {
	tag, err := tx.Exec(ctx, `INSERT INTO shop (claim_id, user_id, outcome, reason) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, c.ID, c.UserID, outcome, reason)
	if err != nil {
		return Verdict{}, err
	}
	v, err := s.verdict(tx.QueryRow(ctx, `SELECT claim_id, unit, outcome, reason FROM shop WHERE claim_id = $1`, c.ID))
	v.Fresh = tag.RowsAffected() == 1
	return v, err
}

func (s *shop) verdict(row pgx.Row) (v Verdict, err error) {
	err = row.Scan(&v.ClaimID, &v.Unit, &v.Outcome, &v.Reason)
	return v, err
}

func (s *shop) Decided(d Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decided = append(s.decided, d)
}

func (s *shop) Verdicts(ctx context.Context, ids []uuid.UUID) ([]Verdict, error) {
	rows, err := s.pool.Query(ctx, `SELECT claim_id, unit, outcome, reason FROM shop WHERE claim_id = ANY($1)`, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Verdict, error) { return s.verdict(row) })
}

// told returns what was announced about a claim, in the order in which it was.
func (s *shop) told(id uuid.UUID) (verdicts []Verdict) {
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

func (s *shop) closed() (sales []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.decided {
		sales = append(sales, d.Closed...)
	}
	return sales
}

// order lists the shoppers in the order in which they got their units.
func (s *shop) order(t *testing.T) []int64 {
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

// missing is the audit's question: which of the claims have no verdict?
func (s *shop) missing(ctx context.Context, claims []Claim) ([]uuid.UUID, error) {
	verdicts, err := s.Verdicts(ctx, claimIDs(claims))
	if err != nil {
		return nil, err
	}
	var missing []uuid.UUID
	for _, c := range claims {
		if !slices.ContainsFunc(verdicts, func(v Verdict) bool { return v.ClaimID == c.ID }) {
			missing = append(missing, c.ID)
		}
	}
	return missing, nil
}
