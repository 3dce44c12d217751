package orderlist

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// list is the list of a generation's orders that a filter means. Live and cancelled orders are in different indexes, so it is made of
// parts, each of which is in the order of the list; a page is the first of what they have.
type list struct {
	on sender
	of sale.Key
	// The orders were decided from since on, and before until.
	since, until time.Time
	parts        []part
}

// part is the orders of one kind of a range of units.
type part struct {
	older, newer string
	low, high    int64
}

// newList finds the units in which orders of the filter's time can be. An order is at the time of its unit or, when the unit had come
// back, later; before it none is. So of the units that were given out before the time only those that came back are looked at.
func newList(ctx context.Context, on sender, of sale.Level, f sale.OrderFilter) (*list, error) {
	l := &list{on: on, of: of.Key(), since: farPast, until: farFuture}
	low, high := int64(1), of.NextUnit
	var err error
	if !f.Until.IsZero() {
		l.until = f.Until
		if high, err = l.firstSince(ctx, of.NextUnit, f.Until); err != nil {
			return nil, err
		}
	}
	if !f.From.IsZero() {
		l.since = f.From
		if low, err = l.firstSince(ctx, high, f.From); err != nil {
			return nil, err
		}
	}
	if f.State == "" || f.State == sale.OrderConfirmed {
		l.parts = append(l.parts, part{sqlLiveOlder, sqlLiveNewer, low, high})
		if low > 1 {
			l.parts = append(l.parts, part{sqlResoldOlder, sqlResoldNewer, 1, low})
		}
	}
	if f.State == "" || f.State == sale.OrderCancelled {
		l.parts = append(l.parts, part{sqlCancelledOlder, sqlCancelledNewer, 1, high})
	}
	return l, nil
}

// firstSince is the first unit before end that nobody had before t, or end.
func (l *list) firstSince(ctx context.Context, end int64, t time.Time) (int64, error) {
	found, err := read(ctx, l.on, pgx.RowTo[int64], sqlFirstUnitSince, l.of.Sale, l.of.Generation, end, t)
	if err != nil {
		return 0, err
	}
	return found[0], nil
}

// statement reads all parts. It is one, because an order that is cancelled between two would be in both parts, or in none. The arguments
// for the place and the number of orders are still nil.
func (l *list) statement(back bool) (sql string, args []any) {
	args = []any{l.of.Sale, l.of.Generation, l.since, l.until, nil, nil, nil}
	var each []string
	for _, p := range l.parts {
		one := p.older
		if back {
			one = p.newer
		}
		args = append(args, p.low, p.high)
		low, high := "$"+strconv.Itoa(len(args)-1), "$"+strconv.Itoa(len(args))
		each = append(each, "("+strings.NewReplacer("LOW", low, "HIGH", high).Replace(one)+")")
	}
	return strings.Join(each, " UNION ALL "), args
}

// from reads at most n orders from a place on, in the direction of the page, and appends them to found, which has none.
func (l *list) from(ctx context.Context, at sale.OrderPageRequest, n int, found []sale.ListedOrder) ([]sale.ListedOrder, error) {
	beside := at.Beside
	if beside == (sale.OrderPlace{}) && !at.Back {
		beside = sale.OrderPlace{Unit: math.MaxInt64, ID: uuid.Max}
	}
	sql, args := l.statement(at.Back)
	args[4], args[5], args[6] = beside.Unit, beside.ID, n
	all, err := readOnto(ctx, l.on, found, scanOrder(), sql, args...)
	if err != nil {
		return nil, err
	}
	inOrder(all, at.Back)
	return all[:min(n, len(all))], nil
}

// Times beyond every order.
//
//nolint:gochecknoglobals // never changed
var (
	farPast   = time.Unix(0, 0).UTC()
	farFuture = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)
