package ledger

import (
	"context"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// Prepare queues what has to be locked and read for a decision on the claims. The caller sends it, then calls the function
// that Prepare returns, in the same transaction: it gives every claim its verdict and queues the writes. The caller sends
// these and commits; before the commit no verdict is valid.
//
// The transaction has to be READ COMMITTED, so that it sees everything that was committed before it got the locks of the
// stock rows. The slice has the order of the log. Claims in it may be repeated, may be decided already, and may belong to
// any sale.
func (s *Store) Prepare(reads *pgx.Batch, src events.Source, claims []events.Claim) events.Decide {
	r := newLedgerReads(src, len(claims))
	// The locks come first, so that the reads see everything that was committed before the locks were got.
	s.stock.QueueLock(reads, keysOf(claims), r.levels)
	r.queue(reads, claims)
	return func(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) (events.Decision, error) {
		return s.decideTx(ctx, tx, r, claims, writes)
	}
}

func (s *Store) decideTx(ctx context.Context, tx pgx.Tx, r *ledgerReads, claims []events.Claim, writes *pgx.Batch) (events.Decision, error) {
	if err := r.complete(ctx, tx, claims); err != nil {
		return events.Decision{}, fmt.Errorf("read the ledger: %w", err)
	}
	// gofail: var ledgerRead struct{}
	locked := maps.Clone(r.state.Levels) // Decide changes the levels
	made := r.state.Decide(claims)
	stocks, err := s.giveUnits(ctx, tx, made, locked, writes)
	if err != nil {
		return events.Decision{}, fmt.Errorf("take units: %w", err)
	}
	// gofail: var unitsTaken struct{}
	write(writes, r.state.Now, made)
	writeSellouts(writes, r.state.Now, stocks)
	// gofail: var verdictsWritten struct{}
	if err := s.outbox.Queue(writes, announcements(made, stocks, r.slugs)); err != nil {
		return events.Decision{}, fmt.Errorf("write outbox: %w", err)
	}
	// gofail: var outboxWritten struct{}
	return made.Decision(stocks), nil
}

// giveUnits takes units from the stock of each sale, and gives each new order its unit and its revision. It answers with
// the stocks as they are then.
func (s *Store) giveUnits(ctx context.Context, tx pgx.Tx, made BatchResult, locked map[sale.Key]sale.Level, writes *pgx.Batch) ([]events.Stock, error) {
	need := made.Needs()
	var stocks []events.Stock
	revisions := make(map[sale.Key]int64, len(need))
	units := make(map[sale.Key][]int64, len(need))
	for k, n := range need {
		taken, level, err := s.take(ctx, tx, locked[k], n, writes)
		if err != nil {
			return nil, err
		}
		units[k], revisions[k] = taken, level.Version
		stocks = append(stocks, stockOf(level))
	}
	for _, o := range made.Ordered {
		k := keyOf(o.Claim)
		o.Verdict.Unit, units[k] = units[k][0], units[k][1:]
		o.Verdict.Revision = revisions[k]
	}
	return stocks, nil
}

// take takes n units of a stock that is locked. It queues the statement if the stock can do it without another read.
func (s *Store) take(ctx context.Context, tx pgx.Tx, locked sale.Level, n int64, writes *pgx.Batch) ([]int64, sale.Level, error) {
	units, level, queued := s.stock.QueueTake(writes, locked, n)
	if !queued {
		var err error
		if units, level, err = s.stock.TakeTx(ctx, tx, locked.Key(), n); err != nil {
			return nil, level, err
		}
	}
	if int64(len(units)) != n {
		return nil, level, fmt.Errorf("asked for %d units of sale %d, got %d", n, locked.Sale, len(units))
	}
	return units, level, nil
}
