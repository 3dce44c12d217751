package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// listTime bounds the reading of a page.
const listTime = 5 * time.Second

// Filter says which entries are meant. The zero value of each field asks for nothing.
type Filter struct {
	// Actor, Action and Subject are those of the entry.
	Actor, Action, Subject string
	// Sale is the slug of the sale that the act was on, or that its order belongs to.
	Sale string
	// From and Until bound the time: From belongs to it, Until does not.
	From, Until time.Time
}

// Place is that of an entry in the log. It never changes.
type Place struct {
	At time.Time
	ID int64
}

// PageRequest says which page of the log is wanted. The zero value, with a Limit, is that of the newest entries.
type PageRequest struct {
	// Beside is the place that the page begins after, Back asks for the page before it: of newer entries. The zero value of Beside is
	// that of no entry, and with Back it means the last page.
	Beside Place
	Back   bool
	Limit  int
}

// Page is a part of the log, the newest entry first. Newer and Older say whether there may be entries before and after it.
type Page struct {
	Entries      []Recorded
	Newer, Older bool
}

// Place is that of the entry in the log.
func (r *Recorded) Place() Place { return Place{r.At, r.ID} }

// List is a page of the log.
func (l *Log) List(ctx context.Context, f Filter, at PageRequest) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	found, err := list(ctx, l.pool, f, at, at.Limit+1)
	if err != nil {
		return Page{}, err
	}
	more, inside := len(found) > at.Limit, at.Beside != Place{}
	p := Page{Entries: found[:min(len(found), at.Limit)], Newer: inside, Older: more}
	if at.Back {
		slices.Reverse(p.Entries)
		p.Newer, p.Older = more, inside
	}
	return p, nil
}

// ErrNoEntry means that the log has no entry of that number.
var ErrNoEntry = errors.New("events: no such entry in the audit log")

// Entry is the entry of that number. ErrNoEntry when there is none.
func (l *Log) Entry(ctx context.Context, id int64) (Recorded, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	rows, err := l.pool.Query(ctx, sqlEntries+"id = $1", id)
	if err != nil {
		return Recorded{}, fmt.Errorf("read audit log: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRecorded)
	if errors.Is(err, pgx.ErrNoRows) {
		return Recorded{}, ErrNoEntry
	}
	if err != nil {
		return Recorded{}, fmt.Errorf("read audit log: %w", err)
	}
	return r, nil
}

// ActedWithin reports whether somebody has an entry, refused acts included, that is younger than d.
func (l *Log) ActedWithin(ctx context.Context, actor string, d time.Duration) (acted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	b := &pgx.Batch{}
	b.Queue(sqlFollowIndexes)
	b.Queue(sqlActed, actor, d.Seconds()).QueryRow(func(row pgx.Row) error { return row.Scan(&acted) })
	if err := l.pool.SendBatch(ctx, b).Close(); err != nil {
		return false, fmt.Errorf("read audit log: %w", err)
	}
	return acted, nil
}

// EachTx gives the entries that the filter means as the transaction sees them, the first one first, to take: at most chunk at a time.
// An error of take ends it, and is returned.
func (l *Log) EachTx(ctx context.Context, tx pgx.Tx, f Filter, chunk int, take func([]Recorded) error) error {
	at := PageRequest{Back: true}
	for {
		found, err := list(ctx, tx, f, at, chunk)
		if err != nil || len(found) == 0 {
			return err
		}
		at.Beside = found[len(found)-1].Place()
		if err := take(found); err != nil || len(found) < chunk {
			return err
		}
	}
}

// sender is a pool, where a batch is one transaction, or a transaction.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

func list(ctx context.Context, on sender, f Filter, at PageRequest, n int) (found []Recorded, err error) {
	sql, args := f.statement(at, n)
	b := &pgx.Batch{}
	b.Queue(sqlFollowIndexes)
	b.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, scanRecorded)
		return err
	})
	if err := on.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	return found, nil
}

func scanRecorded(row pgx.CollectableRow) (Recorded, error) {
	var r Recorded
	var detail string
	err := row.Scan(&r.ID, &r.At, &r.Actor, &r.Network, &r.Means, &r.Action, &r.Subject, &detail)
	r.At, r.Detail = r.At.UTC(), json.RawMessage(detail)
	return r, err
}

// statement has a condition for each part of the filter. Each index has the order of the list, so that whichever Postgres takes, it
// reads the entries in that order until the page is full.
func (f *Filter) statement(at PageRequest, n int) (sql string, args []any) {
	var where []string
	condition := func(text string, value any) {
		args = append(args, value)
		where = append(where, strings.ReplaceAll(text, "?", "$"+strconv.Itoa(len(args))))
	}
	for _, one := range []struct{ text, value string }{
		{"actor = ?", f.Actor}, {"action = ?", f.Action}, {"subject = ?", f.Subject}, {"coalesce(detail ->> 'sale', subject) = ?", f.Sale},
	} {
		if one.value != "" {
			condition(one.text, one.value)
		}
	}
	if !f.From.IsZero() {
		condition("at >= ?", f.From)
	}
	if !f.Until.IsZero() {
		condition("at < ?", f.Until)
	}
	than, order := "<", "at DESC, id DESC"
	if at.Back {
		than, order = ">", "at, id"
	}
	if at.Beside != (Place{}) {
		args = append(args, at.Beside.At, at.Beside.ID)
		where = append(where, fmt.Sprintf("(at, id) %s ($%d, $%d)", than, len(args)-1, len(args)))
	}
	if len(where) == 0 {
		where = []string{"true"}
	}
	args = append(args, n)
	return sqlEntries + strings.Join(where, " AND ") + " ORDER BY " + order + " LIMIT $" + strconv.Itoa(len(args)), args
}
