package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	// The live account of a name, and else one that has only its address. The two halves use one index each.
	selectReachable = `
		SELECT ` + recordColumns + `, u.email_verified_at IS NOT NULL FROM users u WHERE u.username_key = $1
		UNION ALL
		SELECT ` + recordColumns + `, u.email_verified_at IS NOT NULL FROM users u WHERE u.email_key = $1`
	selectReachableID  = `SELECT ` + recordColumns + `, u.email_verified_at IS NOT NULL FROM users u WHERE u.id = $1`
	selectReachableIDs = `SELECT ` + recordColumns + `, u.email_verified_at IS NOT NULL FROM users u WHERE u.id = ANY ($1)`
)

// Reach is an account with what is known of its address.
type Reach struct {
	Record
	// Verified is true when the account's owner has shown that the address is theirs. Only then may anything be sent to it.
	Verified bool
}

// Reachable is the account that has this name or address, in normal form, archived ones too. Its ID is zero when there is none.
func (s *Store) Reachable(ctx context.Context, key string) (Reach, error) {
	return s.reach(ctx, selectReachable, key)
}

// ReachableID is the account of that id, archived ones too. Its ID is zero when there is none.
func (s *Store) ReachableID(ctx context.Context, id int64) (Reach, error) {
	return s.reach(ctx, selectReachableID, id)
}

// ReachableIDs are the accounts of these ids, archived ones too. Those that there are none of are left out.
func (s *Store) ReachableIDs(ctx context.Context, ids []int64) (map[int64]Reach, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, selectReachableIDs, replan, ids)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Reach, err error) {
		err = row.Scan(append(r.fields(), &r.Verified)...)
		r.tidy()
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	found := make(map[int64]Reach, len(all))
	for i := range all {
		found[all[i].ID] = all[i]
	}
	return found, nil
}

func (s *Store) reach(ctx context.Context, query string, of any) (Reach, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var r Reach
	err := s.pool.QueryRow(ctx, query, replan, of).Scan(append(r.fields(), &r.Verified)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return Reach{}, nil
	}
	if err != nil {
		return Reach{}, fmt.Errorf("read account: %w", err)
	}
	r.tidy()
	return r, nil
}
