package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// PauseTx pauses an open sale: every claim that is decided after its commit is declined. Errors: ErrState, ErrNoSale, ErrBusy.
func (s *Store) PauseTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (sale.State, bool) { return sale.Paused, h.state == sale.Open })
}

// ResumeTx ends the pause of a sale: it gets the state that its times give it now. Errors: ErrState, ErrNoSale, ErrBusy.
func (s *Store) ResumeTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (sale.State, bool) { return stateWithin(h), h.state == sale.Paused })
}

// CloseTx ends a sale before its end time. An open sale is closing until the ledger reaches the close record, which the catalog
// writes to the log. A scheduled or paused sale is closed at once, because no claim of it can be ordered. Errors: ErrState
// (draft, or closing or closed already), ErrNoSale, ErrBusy.
func (s *Store) CloseTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (sale.State, bool) {
		if h.state == sale.Open {
			return sale.Closing, true
		}
		return sale.Closed, slices.Contains([]sale.State{sale.Scheduled, sale.Paused}, h.state)
	})
}

// ScheduleTx announces a draft: it gets the state that its times give it now, so that one whose start is past opens at once. Errors:
// ErrState, *AmendError for an end that is past and for a sale without units, ErrNoSale, ErrBusy.
func (s *Store) ScheduleTx(ctx context.Context, tx pgx.Tx, slug string) error {
	h, err := s.lockSale(ctx, tx, slug)
	switch {
	case err != nil:
		return err
	case h.state != sale.Draft || h.archived:
		return fmt.Errorf("sale %s is %s: %w", h.slug, h.state, sale.ErrState)
	case !h.endsAt.After(h.now.Add(sale.Lease)):
		return &sale.AmendError{Field: sale.FieldEnd, Reason: "is past; give the sale other times first", Kind: sale.ErrFixed}
	case h.level.Total == 0:
		return &sale.AmendError{Field: sale.FieldStock, Reason: "is 0; a sale needs something to sell", Kind: sale.ErrState}
	}
	h.state = sale.Scheduled
	return s.move(ctx, tx, slug, func(lockedSale) (sale.State, bool) { return stateWithin(h), true })
}

// ArchiveTx puts a draft or a closed sale away, or brings it back. Errors: ErrState, ErrNoSale, ErrBusy.
func (s *Store) ArchiveTx(ctx context.Context, tx pgx.Tx, slug string, away bool) error {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return err
	}
	if h.archived == away || away && h.state != sale.Draft && h.state != sale.Closed {
		return fmt.Errorf("sale %s is %s: %w", h.slug, h.state, sale.ErrState)
	}
	if _, err := tx.Exec(ctx, sqlArchive, h.Sale, away); err != nil {
		return fmt.Errorf("archive sale: %w", err)
	}
	return nil
}

// move changes the state under the locks of the gate and the stock row; decisions wait for the stock row. to gives the new state,
// and whether it is allowed.
func (s *Store) move(ctx context.Context, tx pgx.Tx, slug string, to func(lockedSale) (sale.State, bool)) error {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return err
	}
	state, allowed := to(h)
	if !allowed {
		return fmt.Errorf("sale %s is %s: %w", h.slug, h.state, sale.ErrState)
	}
	if err := setState(ctx, tx, h, state, byOperator); err != nil {
		return fmt.Errorf("set state: %w", err)
	}
	return s.outbox.AppendTx(ctx, tx, []events.Message{stateChanged(h.Key, h.slug, state)})
}

// cause is who changes a sale's state. Its number is by how much the sale's revision grows.
type cause int

const (
	byTime cause = iota
	byOperator
)

func setState(ctx context.Context, tx pgx.Tx, h lockedSale, state sale.State, by cause) error {
	if state == sale.Closing {
		_, err := tx.Exec(ctx, sqlSetClosing, h.Sale, int(by))
		return err
	}
	_, err := tx.Exec(ctx, sqlSetState, h.Sale, state, int(by))
	return err
}

// Advance changes the state if it is time, by Postgres' clock: to open at the start; at the end to closing, or to closed if the
// sale is paused. Any process may call it at any time. moved is false when the state has not changed.
func (s *Store) Advance(ctx context.Context, slug string) (moved bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		moved = false
		h, err := s.lockSale(ctx, tx, slug)
		if err != nil {
			return err
		}
		state := Due(h.state, h.startsAt, h.endsAt, h.now)
		if state == h.state {
			return nil
		}
		moved = true
		if err := setState(ctx, tx, h, state, byTime); err != nil {
			return fmt.Errorf("set state: %w", err)
		}
		return s.outbox.AppendTx(ctx, tx, []events.Message{stateChanged(h.Key, slug, state)})
	})
	return moved && err == nil, err
}

// Due is the state that a sale has to have at that time.
func Due(state sale.State, startsAt, endsAt, now time.Time) sale.State {
	begun, over := !now.Before(startsAt), !now.Before(endsAt)
	switch state {
	case sale.Scheduled:
		if over {
			return sale.Closed
		}
		if begun {
			return sale.Open
		}
	case sale.Open:
		if over {
			return sale.Closing
		}
	case sale.Paused:
		if over {
			return sale.Closed
		}
	case sale.Draft, sale.Closing, sale.Closed:
	}
	return state
}

// stateWithin is the state that the sale's times give it now. A draft stays a draft.
func stateWithin(h lockedSale) sale.State {
	switch h.state {
	case sale.Draft:
		return sale.Draft
	case sale.Scheduled, sale.Open, sale.Paused, sale.Closing, sale.Closed:
	}
	switch {
	case h.now.Before(h.startsAt):
		return sale.Scheduled
	case h.now.Before(h.endsAt):
		return sale.Open
	}
	return sale.Closed
}
