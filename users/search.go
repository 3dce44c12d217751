package users

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Every account is found, archived ones too: an operator looks for whoever has an order. Keys are compared byte by byte (COLLATE "C"),
// so that the accounts whose keys begin with a text are one range of the unique index.
const (
	listedColumns = recordColumns + `, u.erased_at IS NOT NULL`

	selectAfterID        = `SELECT ` + listedColumns + ` FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2`
	selectBeforeID       = `SELECT ` + listedColumns + ` FROM users u WHERE u.id < $1 ORDER BY u.id DESC LIMIT $2`
	selectUsernameAfter  = `SELECT ` + listedColumns + ` FROM users u WHERE u.username_key >= $1 AND u.username_key < $2 AND u.username_key > $3 ORDER BY u.username_key LIMIT $4`
	selectUsernameBefore = `SELECT ` + listedColumns + ` FROM users u WHERE u.username_key >= $1 AND u.username_key < $2 AND u.username_key < $3 ORDER BY u.username_key DESC LIMIT $4`
	selectEmailAfter     = `SELECT ` + listedColumns + ` FROM users u WHERE u.email_key >= $1 AND u.email_key < $2 AND u.email_key > $3 ORDER BY u.email_key LIMIT $4`
	selectEmailBefore    = `SELECT ` + listedColumns + ` FROM users u WHERE u.email_key >= $1 AND u.email_key < $2 AND u.email_key < $3 ORDER BY u.email_key DESC LIMIT $4`

	// Without it and without statistics, Postgres reads and sorts all that a short prefix means, to show its first page.
	followIndexes = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
		set_config('plan_cache_mode', 'force_custom_plan', true)`

	selectKeys   = `SELECT u.id, u.username_key, u.email_key FROM users u WHERE u.id = ANY($1)`
	selectPeople = `SELECT u.id, u.username, u.email, u.email_key, u.archived_at IS NOT NULL, u.erased_at IS NOT NULL FROM users u WHERE u.id = ANY($1)`
)

// last is greater than every character, so that what begins with p is less than p + last.
const last = "\U0010FFFF"

// Listed is an account as operators see it.
type Listed struct {
	Account
	Archived, Erased bool
}

// Search says which accounts are meant, and which page of them. The zero value, with a Limit, is the first page of all accounts.
type Search struct {
	// Prefix is what the username begins with, or the address when it has an "@". In normal form; empty: all accounts.
	Prefix string
	// Beside is the account before the page, in the order of the list, or after it with Back. Its zero value is that of no account.
	Beside Beside
	Back   bool
	Limit  int
}

// Beside is the place of an account: all accounts are in the order of their ids, those with a prefix in that of the key it begins.
type Beside struct {
	ID  int64
	Key string
}

// Found is a page of accounts, in the order of the list. Earlier and Later say whether there may be accounts before and after it.
type Found struct {
	Accounts       []Listed
	First, Last    Beside
	Earlier, Later bool
}

// Find is a page of accounts.
func (s *Store) Find(ctx context.Context, q Search) (Found, error) {
	sql, args := q.statement()
	list, err := listed(ctx, s.pool, sql, append(args, q.Limit+1)...)
	if err != nil {
		return Found{}, err
	}
	more := len(list) > q.Limit
	list = list[:min(len(list), q.Limit)]
	inside := q.Beside != Beside{}
	f := Found{Earlier: inside, Later: more}
	if q.Back {
		slices.Reverse(list)
		f.Earlier, f.Later = more, inside
	}
	for i, r := range list {
		at := Beside{ID: r.ID}
		if q.Prefix != "" {
			at = Beside{Key: r.UsernameKey}
			if q.byEmail() {
				at.Key = r.EmailKey
			}
		}
		if i == 0 {
			f.First = at
		}
		f.Last = at
		r.tidy()
		f.Accounts = append(f.Accounts, Listed{r.Account, r.Archived, r.erased})
	}
	return f, nil
}

func (q *Search) byEmail() bool { return hasAt(q.Prefix) }

// statement is what reads the page, with all arguments but the limit.
func (q *Search) statement() (sql string, args []any) {
	if q.Prefix == "" {
		if q.Back && q.Beside.ID == 0 {
			return selectBeforeID, []any{int64(1<<63 - 1)}
		}
		return pick(q.Back, selectBeforeID, selectAfterID), []any{q.Beside.ID}
	}
	end := q.Prefix + last
	beside := q.Beside.Key
	if q.Back && beside == "" {
		beside = end
	}
	sql = pick(q.Back, selectUsernameBefore, selectUsernameAfter)
	if q.byEmail() {
		sql = pick(q.Back, selectEmailBefore, selectEmailAfter)
	}
	return sql, []any{q.Prefix, end, beside}
}

func pick(back bool, before, after string) string {
	if back {
		return before
	}
	return after
}

func hasAt(key string) bool { return slices.Contains([]byte(key), '@') }

// IDsWith are the accounts whose username or address begins with a text in normal form, at most limit of them, those with such a
// username first. more says that there may be others.
func (s *Store) IDsWith(ctx context.Context, prefix string, limit int) (ids []int64, more bool, err error) {
	return idsWith(ctx, s.pool, prefix, limit)
}

// IDsWithTx is IDsWith as a transaction sees it.
func (s *Store) IDsWithTx(ctx context.Context, tx pgx.Tx, prefix string, limit int) (ids []int64, more bool, err error) {
	return idsWith(ctx, tx, prefix, limit)
}

func idsWith(ctx context.Context, on sender, prefix string, limit int) (ids []int64, more bool, err error) {
	for _, sql := range []string{selectUsernameAfter, selectEmailAfter} {
		list, err := listed(ctx, on, sql, prefix, prefix+last, "", limit+1)
		if err != nil {
			return nil, false, err
		}
		more = more || len(list) > limit
		for _, r := range list {
			if (sql == selectUsernameAfter || reachable(r.EmailKey)) && !slices.Contains(ids, r.ID) {
				ids = append(ids, r.ID)
			}
		}
	}
	if len(ids) > limit {
		return ids[:limit], true, nil
	}
	return ids, more, nil
}

// NamedTx says which of the accounts have a username or an address that begins with a text in normal form, as IDsWith finds them.
func (s *Store) NamedTx(ctx context.Context, tx pgx.Tx, ids []int64, prefix string) (map[int64]bool, error) {
	rows, err := tx.Query(ctx, selectKeys, replan, ids)
	if err != nil {
		return nil, fmt.Errorf("read who ordered: %w", err)
	}
	named := map[int64]bool{}
	var id int64
	var username, email string
	_, err = pgx.ForEachRow(rows, []any{&id, &username, &email}, func() error {
		if strings.HasPrefix(username, prefix) || strings.HasPrefix(email, prefix) && reachable(email) {
			named[id] = true
		}
		return nil
	})
	if err == nil {
		err = rows.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("read who ordered: %w", err)
	}
	return named, nil
}

// listedRecord is a record that may be of an erased account.
type listedRecord struct {
	Record
	erased bool
}

// sender is a pool, where a batch is one transaction, or a transaction.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

func listed(ctx context.Context, on sender, sql string, args ...any) ([]listedRecord, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var list []listedRecord
	b := &pgx.Batch{} // one transaction
	b.Queue(followIndexes)
	b.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r listedRecord, err error) {
			err = row.Scan(append(r.fields(), &r.erased)...)
			return r, err
		})
		return err
	})
	if err := on.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("search accounts: %w", err)
	}
	return list, nil
}

// Person is who an order is from. Of an erased account nothing is known but that.
type Person struct {
	ID int64
	// Email is empty for an account that has no address.
	Username, Email  string
	Archived, Erased bool
}

// People are the accounts of these ids, archived and erased ones too.
func (s *Store) People(ctx context.Context, ids []int64) (map[int64]Person, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return people(ctx, s.pool, ids)
}

// PeopleTx is People as a transaction sees them, which may be a REPEATABLE READ one.
func (s *Store) PeopleTx(ctx context.Context, tx pgx.Tx, ids []int64) (map[int64]Person, error) {
	return people(ctx, tx, ids)
}

func people(ctx context.Context, on interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, ids []int64) (map[int64]Person, error) {
	rows, err := on.Query(ctx, selectPeople, replan, ids)
	if err != nil {
		return nil, fmt.Errorf("read who ordered: %w", err)
	}
	found := make(map[int64]Person, len(ids))
	var p Person
	var emailKey string
	_, err = pgx.ForEachRow(rows, []any{&p.ID, &p.Username, &p.Email, &emailKey, &p.Archived, &p.Erased}, func() error {
		if p.Erased {
			p.Username = ""
		}
		if !reachable(emailKey) {
			p.Email = ""
		}
		found[p.ID] = p
		return nil
	})
	if err == nil {
		err = rows.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("read who ordered: %w", err)
	}
	return found, nil
}
