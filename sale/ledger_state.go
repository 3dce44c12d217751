package sale

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// OpenTx opens a scheduled, paused or closed sale now, if now lies before its end. A draft is announced by it:
// it becomes scheduled when its start is still to come. Errors: ErrState, ErrNoSale, ErrBusy.
func (s *Store) OpenTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (State, bool) {
		if h.state == Open || h.state == Closing || !h.now.Before(h.endsAt) {
			return h.state, false
		}
		if h.state == Draft && h.now.Before(h.startsAt) {
			return Scheduled, true
		}
		return Open, true
	})
}

// PauseTx stops an open sale: every claim decided after its commit is declined. Errors: ErrState, ErrNoSale, ErrBusy.
func (s *Store) PauseTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (State, bool) { return Paused, h.state == Open })
}

// ResumeTx lets a paused sale go on. Errors: ErrState, ErrNoSale, ErrBusy.
func (s *Store) ResumeTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (State, bool) { return stateWithin(h), h.state == Paused })
}

// CloseTx ends a sale before its time. An open one is closing until the ledger reaches the close record, which
// Catalog writes to the log; others are closed at once, as no claim of theirs can count. Errors: ErrState (draft,
// closing or closed already), ErrNoSale, ErrBusy.
func (s *Store) CloseTx(ctx context.Context, tx pgx.Tx, slug string) error {
	return s.move(ctx, tx, slug, func(h lockedSale) (State, bool) {
		if h.state == Open {
			return Closing, true
		}
		return Closed, slices.Contains([]State{Scheduled, Paused}, h.state)
	})
}

// move changes the state under the gate and the stock row, which every decision waits for. to says where the
// sale goes from where it stands, and whether it may.
func (s *Store) move(ctx context.Context, tx pgx.Tx, slug string, to func(lockedSale) (State, bool)) error {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return err
	}
	state, allowed := to(h)
	if !allowed {
		return fmt.Errorf("sale %s is %s: %w", h.slug, h.state, ErrState)
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

func setState(ctx context.Context, tx pgx.Tx, h lockedSale, state State, by cause) error {
	if state == Closing {
		_, err := tx.Exec(ctx, sqlSetClosing, h.Sale, int(by))
		return err
	}
	_, err := tx.Exec(ctx, sqlSetState, h.Sale, state, int(by))
	return err
}

// advance makes the move that the sale's times ask for, by Postgres' clock: open at the start, closing (or, from
// pause, closed) at the end. Any process may call it at any time; moved is false when there was nothing to do.
func (s *Store) advance(ctx context.Context, slug string) (moved bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		moved = false
		h, err := s.lockSale(ctx, tx, slug)
		if err != nil {
			return err
		}
		state := due(h)
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

// due is the state the sale should be in by its times.
func due(h lockedSale) State {
	begun, over := !h.now.Before(h.startsAt), !h.now.Before(h.endsAt)
	switch h.state {
	case Scheduled:
		if over {
			return Closed
		}
		if begun {
			return Open
		}
	case Open:
		if over {
			return Closing
		}
	case Paused:
		if over {
			return Closed
		}
	case Draft, Closing, Closed:
	}
	return h.state
}
