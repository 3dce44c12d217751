package orderlist

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/sale"
)

// Bounds of what one search reads. A search that meets one shows what it has found.
const (
	// mostCancelled is how many cancelled orders of one shopper, or of one unit, are found.
	mostCancelled = 100
	// mostNumbered is how many orders of one number are found. Two are rare.
	mostNumbered = 20
	// mostDeclines is how many declined claims of one shopper are found.
	mostDeclines = 100
)

// Store reads the tables of the ledger. It is safe for concurrent use.
type Store struct{ pool *pgxpool.Pool }

// New makes a Store on a pool whose search_path is the namespace's schema.
func New(pool *pgxpool.Pool) *Store { return &Store{pool} }

// Page is a page of the orders of a generation, whose stock is at that level.
func (s *Store) Page(ctx context.Context, of sale.Level, f sale.OrderFilter, at sale.OrderPageRequest) (sale.OrderPage, error) {
	if f.Unit == 0 {
		l, err := newList(ctx, s.pool, of, f)
		if err != nil {
			return sale.OrderPage{}, err
		}
		// One order more than a page has says whether there are more.
		found, err := l.from(ctx, at, at.Limit+1, nil)
		return pageOf(found, at), err
	}
	found, err := read(ctx, s.pool, scanOrder(), sqlOrdersOfUnit, of.Sale, of.Generation, f.Unit, mostCancelled)
	return cut(found, f, at), err
}

// PageOf is a page of the orders of these shoppers.
func (s *Store) PageOf(ctx context.Context, k sale.Key, shoppers []int64, f sale.OrderFilter, at sale.OrderPageRequest) (sale.OrderPage, error) {
	found, err := read(ctx, s.pool, scanOrder(), sqlOrdersOfShoppers, k.Sale, k.Generation, shoppers, mostCancelled)
	return cut(found, f, at), err
}

// Between are the orders whose ids lie in a range, of all sales, the lowest id first and a few at most. One id is a range too.
func (s *Store) Between(ctx context.Context, lowest, highest uuid.UUID) ([]sale.ListedOrder, error) {
	return read(ctx, s.pool, scanOrder(), sqlOrdersNumbered, lowest, highest, mostNumbered)
}

// Declines are the claims of a shopper that got no unit, in the order of their attempts, a hundred at most.
func (s *Store) Declines(ctx context.Context, k sale.Key, shopper int64) ([]sale.DeclinedAttempt, error) {
	found, err := read(ctx, s.pool, func(row pgx.CollectableRow) (d sale.DeclinedAttempt, err error) {
		reason := ""
		err = row.Scan(&d.ClaimID, &d.Attempt, &reason, &d.DecidedAt)
		d.DecidedAt, d.Reason = d.DecidedAt.UTC(), sale.Reason(reason)
		return d, err
	}, sqlDeclinesOfShopper, k.Sale, k.Generation, shopper, mostDeclines)
	slices.SortFunc(found, func(a, b sale.DeclinedAttempt) int { return a.Attempt - b.Attempt })
	return found, err
}

// NowTx is when the transaction began, by Postgres' clock.
func (s *Store) NowTx(ctx context.Context, tx pgx.Tx) (time.Time, error) {
	found, err := read(ctx, tx, pgx.RowTo[time.Time], sqlNow)
	if err != nil {
		return time.Time{}, err
	}
	return found[0].UTC(), nil
}

// GenerationsTx are those of a sale, the first one first.
func (s *Store) GenerationsTx(ctx context.Context, tx pgx.Tx, saleID int64) ([]int64, error) {
	return read(ctx, tx, pgx.RowTo[int64], sqlGenerationsOf, saleID)
}

// pageOf makes a page of what was read in its direction: those of Back are read from the list's end on.
func pageOf(found []sale.ListedOrder, at sale.OrderPageRequest) sale.OrderPage {
	more := len(found) > at.Limit
	found = found[:min(len(found), at.Limit)]
	inside := at.Beside != sale.OrderPlace{}
	if !at.Back {
		return sale.OrderPage{Orders: found, Earlier: inside, Later: more}
	}
	slices.Reverse(found)
	return sale.OrderPage{Orders: found, Earlier: more, Later: inside}
}

// cut makes a page of few orders that were found otherwise than by their place.
func cut(found []sale.ListedOrder, f sale.OrderFilter, at sale.OrderPageRequest) sale.OrderPage {
	found = slices.DeleteFunc(found, func(o sale.ListedOrder) bool {
		there := at.Beside == (sale.OrderPlace{}) || at.Back && o.Place().Before(at.Beside) || !at.Back && at.Beside.Before(o.Place())
		return !there || !Matches(f, o)
	})
	inOrder(found, at.Back)
	return pageOf(found, at)
}

// Matches reports whether the filter means an order.
func Matches(f sale.OrderFilter, o sale.ListedOrder) bool {
	return (f.State == "" || f.State == o.State) && (f.Unit == 0 || f.Unit == o.Unit) &&
		(f.From.IsZero() || !o.DecidedAt.Before(f.From)) && (f.Until.IsZero() || o.DecidedAt.Before(f.Until))
}

// inOrder sorts orders as the list has them, or from its end on.
func inOrder(found []sale.ListedOrder, back bool) {
	slices.SortFunc(found, func(a, b sale.ListedOrder) int {
		if a.Place().Before(b.Place()) != back {
			return -1
		}
		return 1
	})
}
