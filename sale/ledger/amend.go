package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// AmendTx changes a sale's times and stock together. The times belong to the generation: once it had an order its start
// stays, and an end that is changed lies ahead by more than a snapshot's lease, because by then every process judges
// requests by it. The state follows the new times: a scheduled sale whose start has passed opens, an open one whose start
// is moved ahead is scheduled again, and one that its time has closed opens when its end is moved ahead. A paused one stays
// paused. One that is closing, or that an operator closed, keeps its times: a reset begins anew. Errors:
// *AmendError, ErrNoSale, ErrBusy.
func (s *Store) AmendTx(ctx context.Context, tx pgx.Tx, slug string, a sale.Amendment) error {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return err
	}
	next, err := h.amended(a)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlAmend, h.Sale, next.startsAt, next.endsAt, next.state); err != nil {
		return fmt.Errorf("amend sale: %w", err)
	}
	var told []events.Message
	if a.Total != nil && *a.Total != h.level.Total {
		level, err := s.stock.SetTotalTx(ctx, tx, h.Key, *a.Total)
		if err != nil {
			return fmt.Errorf("set stock: %w", err)
		}
		told = append(told, stockChanged(h.slug, level))
	}
	if next.state != h.state {
		told = append(told, stateChanged(h.Key, h.slug, next.state))
	}
	return s.outbox.AppendTx(ctx, tx, told)
}

// amended is the sale with the amendment, or why that may not be.
func (h lockedSale) amended(a sale.Amendment) (lockedSale, error) {
	if a.Total != nil && *a.Total < h.level.Taken {
		return h, &sale.AmendError{Field: sale.FieldStock, Reason: fmt.Sprintf("cannot be less than the %d units that are sold", h.level.Taken), Kind: sale.ErrBelowSold}
	}
	next := h
	start, startMoves := moved(h.startsAt, a.StartsAt)
	end, endMoves := moved(h.endsAt, a.EndsAt)
	if !startMoves && !endMoves {
		return next, nil
	}
	next.startsAt, next.endsAt = start, end
	if !start.Before(end) {
		return h, notBefore(startMoves, start, end)
	}
	// Every order of this generation was pressed within its times, also one that was cancelled since.
	if startMoves && h.level.NextUnit > 1 {
		return h, &sale.AmendError{Field: sale.FieldStart, Reason: "cannot move any more: this generation has orders", Kind: sale.ErrFixed}
	}
	if endMoves && !end.After(h.now.Add(sale.Lease)) {
		return h, &sale.AmendError{Field: sale.FieldEnd, Reason: "must lie more than a second ahead; to end the sale now, close it", Kind: sale.ErrFixed}
	}
	state, ok := h.follow(next)
	if !ok {
		return h, h.over(startMoves)
	}
	next.state = state
	return next, nil
}

// over says why a sale keeps its times.
func (h lockedSale) over(startMoves bool) error {
	field, what := sale.FieldEnd, "an operator closed the sale"
	if startMoves {
		field = sale.FieldStart
	}
	if h.state == sale.Closing {
		what = "the sale is closing"
	}
	return &sale.AmendError{Field: field, Reason: "cannot change, because " + what + "; a reset begins it anew", Kind: sale.ErrState}
}

func notBefore(startMoves bool, start, end time.Time) error {
	if startMoves {
		return &sale.AmendError{Field: sale.FieldStart, Reason: "must lie before the end, " + end.UTC().Format(time.RFC3339), Kind: sale.ErrTimes}
	}
	return &sale.AmendError{Field: sale.FieldEnd, Reason: "must lie after the start, " + start.UTC().Format(time.RFC3339), Kind: sale.ErrTimes}
}

// moved is the time that is wanted, and whether that is another one. Clients are shown milliseconds: a time that was
// read and sent back has not changed.
func moved(from time.Time, to *time.Time) (time.Time, bool) {
	if to == nil || to.Truncate(time.Millisecond).Equal(from.Truncate(time.Millisecond)) {
		return from, false
	}
	return *to, true
}

// follow is the state after a change of the times; not ok when the sale keeps its times in the state it is in.
func (h lockedSale) follow(next lockedSale) (sale.State, bool) {
	switch h.state {
	case sale.Draft, sale.Paused:
		return h.state, true
	case sale.Scheduled, sale.Open:
		// An end that has come is left to the timetable, which closes an open sale by way of the log.
		switch {
		case next.now.Before(next.startsAt):
			return sale.Scheduled, true
		case next.now.Before(next.endsAt):
			return sale.Open, true
		}
		return h.state, true
	case sale.Closed:
		return stateWithin(next), !h.closedByOperator()
	case sale.Closing:
		return h.state, false
	}
	return h.state, false
}

// closedByOperator is true for a closed sale that ended before its time.
func (h lockedSale) closedByOperator() bool {
	return h.now.Before(h.endsAt) || h.closingAt != nil && h.closingAt.Before(h.endsAt)
}
