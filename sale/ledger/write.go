package ledger

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"flashsale/events"
	"flashsale/sale"
)

// write queues the statements that store the new verdicts. A statement that changes fewer rows than it has to fails, and with it
// the transaction: orders have no ON CONFLICT, the others count their rows. Then another transaction has decided the same claims
// without the lock, and the next try finds its verdicts.
func write(b *pgx.Batch, of *BatchState, made BatchResult) {
	now := of.Now
	switch len(made.Ordered) {
	case 0:
	case 1:
		b.Queue(sqlInsertOrder, orderRow(made.Ordered[0], of)...)
	default:
		b.Queue(sqlInsertOrders, orderArrays(made.Ordered, of)...)
	}
	if n := len(made.Declined); n > 0 {
		b.Queue(`WITH done AS (`+sqlInsertDeclines+` RETURNING 1) SELECT must_change(count(*), $9) FROM done`,
			append(declineArrays(made.Declined, now), n)...)
	}
	for _, k := range made.Closed {
		b.Queue(`WITH done AS (`+sqlSetClosed+` RETURNING 1) SELECT must_change(count(*), 1) FROM done`, k.Sale)
	}
}

// writeSellouts queues the moment of those stocks, all just taken from, of which nothing is left.
func writeSellouts(b *pgx.Batch, now time.Time, stocks []events.Stock) {
	for _, l := range stocks {
		if l.Taken >= l.Total {
			b.Queue(sqlSellout, l.SaleID, l.Generation, now)
		}
	}
}

func orderArrays(made []NewVerdict, of *BatchState) []any {
	n := len(made)
	// One piece of memory for the columns of ids, one for those of numbers.
	named, counted := make(column[key], 3*n), make(column[number], 7*n)
	ids, keys, requests := named[:n], named[n:2*n], named[2*n:]
	sales, generations, users := counted[:n], counted[n:2*n], counted[2*n:3*n]
	units, revisions, presses, products := counted[3*n:4*n], counted[4*n:5*n], counted[5*n:6*n], counted[6*n:]
	names, attempts := make(column[text], n), make([]int32, n)
	for i, r := range made {
		c := r.Claim
		ids[i], keys[i], names[i], requests[i] = key(c.ID), key(c.IdempotencyKey), text(c.Username), key(c.RequestID)
		sales[i], generations[i], users[i] = number(c.SaleID), number(c.Generation), number(c.UserID)
		units[i], attempts[i], revisions[i] = number(r.Verdict.Unit), int32(c.Attempt), number(r.Verdict.Revision)
		products[i] = number(of.Sales[c.SaleID].Product)
		presses[i] = number(microseconds(r.Verdict.PressedAt))
	}
	return []any{ids, sales, generations, users, names, units, attempts, keys, revisions, of.Now, requests, presses, products}
}

// orderRow is what orderArrays has of one order.
func orderRow(r NewVerdict, of *BatchState) []any {
	c, v := r.Claim, r.Verdict
	return []any{[16]byte(c.ID), c.SaleID, c.Generation, c.UserID, c.Username, v.Unit, int32(c.Attempt), [16]byte(c.IdempotencyKey), v.Revision, of.Now,
		[16]byte(c.RequestID), microseconds(v.PressedAt), of.Sales[c.SaleID].Product}
}

// microseconds is the time since 1970; 0: it is not known.
func microseconds(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMicro()
}

// column is an array for Postgres, of numbers, keys or texts. Of a slice of int64, uuid.UUID or string pgx makes the same with one to three
// allocations for each element; here it is handed each where it lies.
type column[E any] []E

// Dimensions is for pgtype.ArrayGetter.
func (c column[E]) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(c)), LowerBound: 1}}
}

// Index is for pgtype.ArrayGetter.
func (c column[E]) Index(i int) any { return &c[i] }

// IndexType is for pgtype.ArrayGetter.
func (c column[E]) IndexType() any { return (*E)(nil) }

// number is a bigint in a column.
type number int64

// Int64Value is for pgtype.Int64Valuer.
func (n *number) Int64Value() (pgtype.Int8, error) {
	return pgtype.Int8{Int64: int64(*n), Valid: true}, nil
}

// key is a uuid in a column.
type key uuid.UUID

// UUIDValue is for pgtype.UUIDValuer.
func (k *key) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: *k, Valid: true}, nil }

// text is a text in a column.
type text string

// TextValue is for pgtype.TextValuer.
func (t *text) TextValue() (pgtype.Text, error) {
	return pgtype.Text{String: string(*t), Valid: true}, nil
}

func declineArrays(made []NewVerdict, now time.Time) []any {
	n := len(made)
	ids, names, reasons := make(column[key], n), make(column[text], n), make(column[text], n)
	sales, generations, users := make(column[number], n), make(column[number], n), make(column[number], n)
	attempts := make([]int32, n)
	for i, r := range made {
		c := r.Claim
		ids[i], names[i], reasons[i] = key(c.ID), text(c.Username), text(r.Verdict.Reason)
		sales[i], generations[i], users[i] = number(c.SaleID), number(c.Generation), number(c.UserID)
		attempts[i] = int32(c.Attempt)
	}
	return []any{ids, sales, generations, users, names, attempts, reasons, now}
}

// announcements are the messages about a decision, for the outbox.
func announcements(made BatchResult, stocks []events.Stock, slugs map[int64]string) []events.Message {
	messages := make([]events.Message, 0, len(made.Ordered)+len(made.Declined)+len(stocks)+len(made.Closed))
	for _, r := range made.Ordered {
		messages = append(messages, confirmed(r))
	}
	for _, r := range made.Declined {
		messages = append(messages, declined(r))
	}
	for _, l := range stocks {
		messages = append(messages, events.Message{SaleID: l.SaleID, Type: events.TypeStockChanged, Subject: slugs[l.SaleID], Data: l})
	}
	for _, k := range made.Closed {
		messages = append(messages, stateChanged(k, slugs[k.Sale], sale.Closed))
	}
	return messages
}

func confirmed(r NewVerdict) events.Message {
	v, id := r.Verdict, r.Verdict.ClaimID.String()
	return events.Message{
		SaleID: v.SaleID, Type: events.TypeOrderConfirmed, Subject: id, Traceparent: r.Claim.Traceparent,
		Data: &events.ConfirmedOrder{Order: id, Sale: v.SaleID, Generation: v.Generation, User: v.UserID,
			Username: v.Username, Unit: v.Unit, At: v.At, PressedAt: v.PressedAt},
	}
}

func declined(r NewVerdict) events.Message {
	v := r.Verdict
	return events.Message{
		SaleID: v.SaleID, Type: events.TypeClaimDeclined, Subject: v.ClaimID.String(), Traceparent: r.Claim.Traceparent,
		Data: events.DeclinedClaim{Claim: v.ClaimID.String(), Sale: v.SaleID, Generation: v.Generation, User: v.UserID,
			Reason: string(v.Reason), At: v.At},
	}
}

func stockChanged(slug string, l sale.Level) events.Message {
	return events.Message{SaleID: l.Sale, Type: events.TypeStockChanged, Subject: slug, Data: stockOf(l)}
}

func stockOf(l sale.Level) events.Stock {
	return events.Stock{SaleID: l.Sale, Generation: l.Generation, Total: l.Total, Taken: l.Taken, Version: l.Version}
}

func stateChanged(k sale.Key, slug string, to sale.State) events.Message {
	return events.Message{
		SaleID: k.Sale, Type: events.TypeSaleStateChanged, Subject: slug,
		Data: events.ChangedSale{Sale: k.Sale, Slug: slug, Generation: k.Generation, State: string(to)},
	}
}

// exactly makes the transaction fail when a statement has changed another number of rows than n: then another transaction has
// changed them without the lock.
func exactly(n int, what string) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if got := tag.RowsAffected(); got != int64(n) {
			return fmt.Errorf("wrote %d %s instead of %d", got, what, n)
		}
		return nil
	}
}
