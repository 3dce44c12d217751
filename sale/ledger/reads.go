package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// ledgerReads collects what a decision reads of the ledger. A batch reads all but the attempts in one round trip.
type ledgerReads struct {
	state BatchState
	slugs map[int64]string
}

func newLedgerReads(src events.Source, claims int) *ledgerReads {
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

// queue asks for everything that the decision on these claims depends on, besides the stock.
func (r *ledgerReads) queue(b *pgx.Batch, claims []events.Claim) {
	ids, sales, users := rowsOf(claims)
	b.Queue(sqlLedgerSales, sales).Query(r.sales)
	r.queueVerdicts(b, ids)
	for k, of := range users {
		b.Queue(sqlLiveOrdersOf, k.Sale, k.Generation, of).Query(r.owners)
	}
}

// queueVerdicts asks for the verdicts that these claims have already.
func (r *ledgerReads) queueVerdicts(b *pgx.Batch, ids column[key]) {
	b.Queue(sqlOrdersByID, ids).Query(r.orders)
	b.Queue(sqlDeclinesByID, ids).Query(r.declines)
}

// complete checks that no stock row is missing, and reads the attempts: which ones depends on the verdicts that were read.
func (r *ledgerReads) complete(ctx context.Context, tx pgx.Tx, claims []events.Claim) error {
	if err := r.wholeStock(claims); err != nil {
		return err
	}
	return nextAttempts(ctx, tx, r.state.Verdicts, r.state.Owners)
}

// wholeStock fails when a claim of a present generation has no locked stock row. Without this check the sale would look
// sold out, and the claim would be declined for ever.
func (r *ledgerReads) wholeStock(claims []events.Claim) error {
	for i := range claims {
		k := keyOf(&claims[i])
		if _, locked := r.state.Levels[k]; !locked && r.state.Sales[k.Sale].Generation == k.Generation {
			return fmt.Errorf("generation %d of sale %d has no stock row", k.Generation, k.Sale)
		}
	}
	return nil
}

func (r *ledgerReads) levels(locked []sale.Level) {
	// gofail: var stockLocked struct{}
	for _, l := range locked {
		r.state.Levels[l.Key()] = l
	}
}

// clock reads the time of the verdicts. sqlProbes gives it.
func (r *ledgerReads) clock(row pgx.Row) error {
	var set [2]string
	err := row.Scan(&r.state.Now, &set[0], &set[1])
	r.toMicroseconds()
	return err
}

// sales reads the sales, the ledger's identity and the time of the verdicts. sqlLedgerSales gives all of them.
func (r *ledgerReads) sales(rows pgx.Rows) error {
	var (
		id, closing int64
		slug        string
		secret      []byte
		s           SaleState
		set         string
	)
	into := []any{&r.state.Now, &set, &r.state.Ledger, &id, &slug, &s.Generation, &s.State, &s.StartsAt, &s.EndsAt, &s.Partition, &s.Version,
		&secret, &closing, &s.Product}
	_, err := pgx.ForEachRow(rows, into, func() error {
		if id == 0 {
			return nil
		}
		s.IDs = sale.NewIDs(secret)
		s.CloseID = s.IDs.Close(s.Generation, closing)
		r.state.Sales[id], r.slugs[id] = s, slug
		return nil
	})
	r.toMicroseconds()
	return err
}

// toMicroseconds cuts the time of the verdicts to what Postgres stores, so that it is the same when it is read later.
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

func keyOf(c *events.Claim) sale.Key { return sale.Key{Sale: c.SaleID, Generation: c.Generation} }

// keysOf lists the generations that the claims are for, each once.
func keysOf(claims []events.Claim) []sale.Key {
	seen := make(map[sale.Key]bool, 1)
	var keys []sale.Key
	for i := range claims {
		k := keyOf(&claims[i])
		if !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

// rowsOf lists what to read for the claims: claim ids, sales (each once), and the shoppers of each generation.
func rowsOf(claims []events.Claim) (ids column[key], sales []int64, users map[sale.Key]column[number]) {
	ids = make(column[key], 0, len(claims))
	users = make(map[sale.Key]column[number], 1)
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
		ids = append(ids, key(c.ID))
		users[keyOf(c)] = append(users[keyOf(c)], number(c.UserID))
	}
	return ids, sales, users
}
