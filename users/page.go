package users

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// anchorStep is how many live accounts lie between two anchors: the most a page has to skip.
const anchorStep = 250

// ErrPage is a page or limit below 1.
var ErrPage = errors.New("page and limit start at 1")

// Page is a part of the list of live accounts, oldest first.
type Page struct {
	Accounts []Account
	// Total is how many live accounts there are on all pages, from the same moment as Accounts.
	Total int64
}

// anchors are the ids of every anchorStep-th live account at one version of the roster. With them any page starts
// within anchorStep rows of an index position, and does not count its way from the first account.
type anchors struct {
	version int64
	ids     []int64
}

// span is where a page lies: among the ids from (inclusive) to (exclusive), after skipping some accounts. The planner
// may read and sort the whole span, so the span has to be short.
type span struct{ from, to, skip int64 }

// locate gives the span of a page. Without anchors it is everything.
func (a *anchors) locate(skip int64, limit int) span {
	if a == nil || len(a.ids) == 0 {
		return span{0, math.MaxInt64, skip}
	}
	count := int64(len(a.ids))
	first := min(skip/anchorStep, count-1)
	found := span{a.ids[first], math.MaxInt64, skip - first*anchorStep}
	if last := (skip+int64(limit))/anchorStep + 1; last < count {
		found.to = a.ids[last]
	}
	return found
}

// List gives one page, counted from 1, of at most limit live accounts. Pages beyond the last are empty. All pages cost
// the same: anchors are kept for the roster's version and made again, in one pass over an index, by the first deep page
// after a change.
func (s *Store) List(ctx context.Context, page, limit int) (Page, error) {
	if page < 1 || limit < 1 {
		return Page{}, ErrPage
	}
	skip := (int64(page) - 1) * int64(limit)
	if int64(page)-1 > (1<<53)/int64(limit) {
		skip = 1 << 53
	}
	for range 3 {
		known, err := s.anchorsFor(ctx, skip)
		if err != nil {
			return Page{}, err
		}
		found, version, err := s.page(ctx, known, skip, limit)
		if err != nil {
			return Page{}, err
		}
		if known == nil || known.version == version {
			return found, nil
		}
		s.anchors.CompareAndSwap(known, nil)
	}
	// Accounts change faster than anchors can be made. So this counts from the beginning, which is slower and just as
	// exact.
	found, _, err := s.page(ctx, nil, skip, limit)
	return found, err
}

// page reads in one statement, so the accounts, the total and the version are of one moment.
func (s *Store) page(ctx context.Context, known *anchors, skip int64, limit int) (Page, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	at := known.locate(skip, limit)
	rows, err := s.pool.Query(ctx, selectPage, replan, at.from, at.to, at.skip, limit)
	if err != nil {
		return Page{}, 0, fmt.Errorf("read page: %w", err)
	}
	defer rows.Close()
	var found Page
	var version int64
	for rows.Next() {
		var r Record
		if err := rows.Scan(append(r.fields(), &version, &found.Total)...); err != nil {
			return Page{}, 0, fmt.Errorf("read page: %w", err)
		}
		r.utc()
		found.Accounts = append(found.Accounts, r.Account)
	}
	if err := rows.Err(); err != nil {
		return Page{}, 0, fmt.Errorf("read page: %w", err)
	}
	if len(found.Accounts) > 0 {
		return found, version, nil
	}
	now, err := s.Roster(ctx)
	return Page{Total: now.Live}, now.Version, err
}

// anchorsFor gives anchors for a page so deep that it needs them, else nil.
func (s *Store) anchorsFor(ctx context.Context, skip int64) (*anchors, error) {
	if skip < anchorStep {
		return nil, nil
	}
	if known := s.anchors.Load(); known != nil {
		return known, nil
	}
	select {
	case s.anchoring <- struct{}{}:
		defer func() { <-s.anchoring }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if known := s.anchors.Load(); known != nil {
		return known, nil
	}
	made, err := s.makeAnchors(ctx)
	if err != nil {
		return nil, err
	}
	s.anchors.Store(made)
	return made, nil
}

func (s *Store) makeAnchors(ctx context.Context) (*anchors, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, selectAnchors, replan, anchorStep)
	if err != nil {
		return nil, fmt.Errorf("read page anchors: %w", err)
	}
	defer rows.Close()
	var made anchors
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id, &made.version); err != nil {
			return nil, fmt.Errorf("read page anchors: %w", err)
		}
		made.ids = append(made.ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read page anchors: %w", err)
	}
	return &made, nil
}
