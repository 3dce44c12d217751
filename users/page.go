package users

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// ErrPage is a page or limit below 1.
var ErrPage = errors.New("page and limit start at 1")

// Page is a part of the list of live accounts, oldest first.
type Page struct {
	Accounts []Account
	// Total is how many live accounts there are on all pages, from the same moment as Accounts.
	Total int64
}

// List gives one page, counted from 1, of at most limit live accounts. Pages beyond the last are empty. All pages cost
// the same, however many accounts are added meanwhile: the roster's blocks say in which ids a page lies.
func (s *Store) List(ctx context.Context, page, limit int) (Page, error) {
	if page < 1 || limit < 1 {
		return Page{}, ErrPage
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, selectPage, replan, skipped(page, limit), limit)
	if err != nil {
		return Page{}, fmt.Errorf("read page: %w", err)
	}
	defer rows.Close()
	var found Page
	for rows.Next() {
		var r Record
		if err := rows.Scan(append(r.fields(), &found.Total)...); err != nil {
			return Page{}, fmt.Errorf("read page: %w", err)
		}
		r.tidy()
		found.Accounts = append(found.Accounts, r.Account)
	}
	if err := rows.Err(); err != nil {
		return Page{}, fmt.Errorf("read page: %w", err)
	}
	if len(found.Accounts) == 0 {
		found.Total, err = s.Live(ctx)
	}
	return found, err
}

// skipped is how many accounts come before a page; far beyond all accounts it is only a large number.
func skipped(page, limit int) int64 {
	const beyond = math.MaxInt64 / 4
	if int64(page)-1 > beyond/int64(limit) {
		return beyond
	}
	return (int64(page) - 1) * int64(limit)
}
