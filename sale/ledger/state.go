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

// OpenTx opens a scheduled, paused or closed sale now, if now lies before its end. A draft is announced by it:
// it becomes scheduled when its start is still to come. Errors: ErrState, ErrNoSale, ErrBusy.
func (s *Store) OpenTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (sale.State, bool) {
		if h.state == sale.Open || h.state == sale.Closing || !h.now.Before(h.endsAt) {
			return h.state, false
		}
		if h.state == sale.Draft && h.now.Before(h.startsAt) {
			return sale.Scheduled, true
		}
		return sale.Open, true
	})
}

// PauseTx stops an open sale: every claim decided after its commit is declined. Errors: ErrState, ErrNoSale, ErrBusy.
func (s *Store) PauseTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (sale.State, bool) { return sale.Paused, h.state == sale.Open })
}

// ResumeTx lets a paused sale go on. Errors: ErrState, ErrNoSale, ErrBusy.
func (s *Store) ResumeTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (sale.State, bool) { return stateWithin(h), h.state == sale.Paused })
}

// CloseTx ends a sale before its time. An open one is closing until the ledger reaches the close record, which
// Catalog writes to the log; others are closed at once, as no claim of theirs can count. Errors: ErrState (draft,
// closing or closed already), ErrNoSale, ErrBusy.
func (s *Store) CloseTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (sale.State, bool) {
		if h.state == sale.Open {
			return sale.Closing, true
		}
		return sale.Closed, slices.Contains([]sale.State{sale.Scheduled, sale.Paused}, h.state)
	})
}

// move changes the state under the gate and the stock row, which every decision waits for. to says where the
// sale goes from where it stands, and whether it may.
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

// cause is what moves a sale: by how much its revision grows.
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

// Advance makes the move that the sale's times ask for, by Postgres' clock: open at the start, closing (or, from
// pause, closed) at the end. Any process may call it at any time; moved is false when there was nothing to do.
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

// Due is the state that a sale should be in at that time.
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
