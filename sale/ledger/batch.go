package ledger

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// Prepare queues what has to be locked and read to decide the claims. The function that it returns decides them: within the same
// transaction it gives every claim its verdict and queues the writes. The transaction has to be READ COMMITTED, so that it
// sees what was committed before it got the locks of the stock rows. The verdicts stand once that commits. Claims may repeat, be decided already, or belong to
// any sale; the order of the slice is the order of the log.
func (s *Store) Prepare(reads *pgx.Batch, src events.Source, claims []events.Claim) events.Decide {
	found := newLedgerRead(src, len(claims))
	// The locks come first: what follows sees everything that was committed before they were got.
	s.stock.QueueLock(reads, keysOf(claims), found.levels)
	found.queue(reads, claims)
	return func(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) (events.Decision, error) {
		return s.decideTx(ctx, tx, found, claims, writes)
	}
}

func (s *Store) decideTx(ctx context.Context, tx pgx.Tx, found *ledgerReads, claims []events.Claim, writes *pgx.Batch) (events.Decision, error) {
	if err := found.complete(ctx, tx, claims); err != nil {
		return events.Decision{}, fmt.Errorf("read the ledger: %w", err)
	}
	// gofail: var ledgerRead struct{}
	locked := maps.Clone(found.state.Levels)
	made := found.state.Decide(claims)
	stocks, revisions, err := s.giveUnits(ctx, tx, made, locked, writes)
	if err != nil {
		return events.Decision{}, fmt.Errorf("take units: %w", err)
	}
	// gofail: var unitsTaken struct{}
	write(writes, found.state.Now, made, revisions)
	// gofail: var verdictsWritten struct{}
	if err := s.outbox.Queue(writes, announcements(made, stocks, found.slugs)); err != nil {
		return events.Decision{}, fmt.Errorf("write outbox: %w", err)
	}
	// gofail: var outboxWritten struct{}
	return made.Decision(stocks), nil
}

// Decision is the result as it is told to others.
func (o *BatchResult) Decision(stocks []events.Stock) events.Decision {
	d := events.Decision{Verdicts: make([]events.Verdict, len(o.Verdicts)), Stocks: stocks}
	for _, k := range o.Closed {
		d.Closed = append(d.Closed, k.Sale)
	}
	for i, v := range o.Verdicts {
		if v != nil {
			d.Verdicts[i] = *v
		}
	}
	return d
}

func keysOf(claims []events.Claim) []sale.Key {
	seen := make(map[sale.Key]bool, 1)
	var keys []sale.Key
	for i := range claims {
		k := sale.Key{Sale: claims[i].SaleID, Generation: claims[i].Generation}
		if !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

// ledgerReads is what one round trip reads under the locks.
type ledgerReads struct {
	state BatchState
	slugs map[int64]string
}

func newLedgerRead(src events.Source, claims int) *ledgerReads {
	return &ledgerReads{
		state: BatchState{
			Source:   src,
			Sales:    make(map[int64]SaleState, 1),
			Levels:   make(map[sale.Key]sale.Level, 1),
			Verdicts: make(map[uuid.UUID]*events.Verdict, claims),
			Owners:   make(map[sale.ShopperKey]uuid.UUID, claims),
		},
		slugs: make(map[int64]string, 1),
	}
}

func (r *ledgerReads) levels(locked []sale.Level) {
	// gofail: var stockLocked struct{}
	for _, l := range locked {
		r.state.Levels[l.Key()] = l
	}
}

func (r *ledgerReads) queue(b *pgx.Batch, claims []events.Claim) {
	ids, sales, users := rowsOf(claims)
	b.Queue(sqlLedgerSales, sales).Query(r.sales)
	b.Queue(sqlOrdersByID, ids).Query(r.orders)
	b.Queue(sqlDeclinesByID, ids).Query(r.declines)
	for k, of := range users {
		b.Queue(sqlLiveOrdersOf, k.Sale, k.Generation, of).Query(r.owners)
	}
}

// complete reads what can only be asked for with the first answers.
func (r *ledgerReads) complete(ctx context.Context, tx pgx.Tx, claims []events.Claim) error {
	if err := r.wholeStock(claims); err != nil {
		return err
	}
	return nextAttempts(ctx, tx, r.state.Verdicts, r.state.Owners)
}

// rowsOf sorts out which rows the claims can meet.
func rowsOf(claims []events.Claim) (ids [][16]byte, sales []int64, users map[sale.Key][]int64) {
	ids = make([][16]byte, 0, len(claims))
	users = make(map[sale.Key][]int64, 1)
	known := make(map[int64]bool, 1)
	for i := range claims {
		c := &claims[i]
		if !known[c.SaleID] {
			known[c.SaleID] = true
			sales = append(sales, c.SaleID)
		}
		if c.Kind == events.KindClose {
			continue
		}
		ids = append(ids, c.ID)
		k := sale.Key{Sale: c.SaleID, Generation: c.Generation}
		users[k] = append(users[k], c.UserID)
	}
	return ids, sales, users
}

// wholeStock makes sure that the stock row of each claim's generation is locked, when that is the present one:
// without the row, the claim would look sold out and be declined for ever.
func (r *ledgerReads) wholeStock(claims []events.Claim) error {
	for i := range claims {
		k := sale.Key{Sale: claims[i].SaleID, Generation: claims[i].Generation}
		if _, locked := r.state.Levels[k]; !locked && r.state.Sales[k.Sale].Generation == k.Generation {
			return fmt.Errorf("generation %d of sale %d has no stock row", k.Generation, k.Sale)
		}
	}
	return nil
}

// clock reads the time of the verdicts.
func (r *ledgerReads) clock(row pgx.Row) error {
	var set [2]string
	err := row.Scan(&r.state.Now, &set[0], &set[1])
	r.toMicroseconds()
	return err
}

func (r *ledgerReads) sales(rows pgx.Rows) error {
	var (
		id, closing int64
		slug        string
		secret      []byte
		s           SaleState
		set         [2]string
	)
	into := []any{&r.state.Now, &set[0], &set[1], &id, &slug, &s.Generation, &s.State, &secret, &closing}
	_, err := pgx.ForEachRow(rows, into, func() error {
		if id == 0 {
			return nil
		}
		s.CloseID = sale.CloseID(secret, s.Generation, closing)
		r.state.Sales[id], r.slugs[id] = s, slug
		return nil
	})
	r.toMicroseconds()
	return err
}

// toMicroseconds makes the time of the verdicts what Postgres keeps of it, that it reads the same later.
func (r *ledgerReads) toMicroseconds() {
	r.state.Now = r.state.Now.UTC().Truncate(time.Microsecond)
}

func (r *ledgerReads) orders(rows pgx.Rows) error {
	found, err := pgx.CollectRows(rows, scanOrder)
	for i := range found {
		v := verdictOf(&found[i])
		r.state.Verdicts[v.ClaimID] = &v
	}
	return err
}

func (r *ledgerReads) owners(rows pgx.Rows) error {
	found, err := pgx.CollectRows(rows, scanOrder)
	for _, o := range found {
		r.state.Owners[sale.ShopperKey{Key: sale.Key{Sale: o.SaleID, Generation: o.Generation}, User: o.UserID}] = o.OrderID
	}
	return err
}

func (r *ledgerReads) declines(rows pgx.Rows) error {
	found, err := pgx.CollectRows(rows, scanDecline)
	for i := range found {
		r.state.Verdicts[found[i].ClaimID] = &found[i]
	}
	return err
}

// giveUnits takes the units of each sale from the stock, as it was locked, and hands them out in the order of the claims.
func (s *Store) giveUnits(ctx context.Context, tx pgx.Tx, made BatchResult, locked map[sale.Key]sale.Level, writes *pgx.Batch) ([]events.Stock, map[sale.Key]int64, error) {
	need := made.Needs()
	var stocks []events.Stock
	revisions := make(map[sale.Key]int64, len(need))
	units := make(map[sale.Key][]int64, len(need))
	for k, n := range need {
		given, level, ok := s.stock.QueueTake(writes, locked[k], n)
		if !ok {
			var err error
			if given, level, err = s.stock.TakeTx(ctx, tx, k, n); err != nil {
				return nil, nil, err
			}
		}
		if int64(len(given)) != n {
			return nil, nil, fmt.Errorf("asked for %d units of sale %d, got %d", n, k.Sale, len(given))
		}
		units[k], revisions[k] = given, level.Version
		stocks = append(stocks, events.Stock{
			SaleID: k.Sale, Generation: k.Generation, Total: level.Total, Taken: level.Taken, Version: level.Version,
		})
	}
	for _, r := range made.Ordered {
		k := sale.Key{Sale: r.Claim.SaleID, Generation: r.Claim.Generation}
		r.Verdict.Unit, units[k] = units[k][0], units[k][1:]
		r.Verdict.Revision = revisions[k]
	}
	return stocks, revisions, nil
}
