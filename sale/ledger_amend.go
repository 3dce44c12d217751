package sale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// Amendment is what an operator changes of a sale. What is nil stays as it is.
type Amendment struct {
	StartsAt *time.Time `json:"startTime,omitempty"`
	EndsAt   *time.Time `json:"endTime,omitempty"`
	Total    *int64     `json:"stock,omitempty"`
}

// Field is a part of an Amendment.
type Field string

// The fields of an Amendment, by the names that the API has for them.
const (
	FieldStart Field = "startTime"
	FieldEnd   Field = "endTime"
	FieldStock Field = "stock"
)

var (
	// ErrTimes means that the start would not lie before the end.
	ErrTimes = errors.New("the start must lie before the end")
	// ErrFixed means that what has happened already forbids this change of the times.
	ErrFixed = errors.New("the times cannot be changed so any more")
)

// AmendError is an Amendment that is refused because of one of its fields. It wraps ErrTimes, ErrFixed,
// ErrState or ErrBelowSold.
type AmendError struct {
	Field Field
	// Reason is a sentence without its subject, which is the field.
	Reason string
	kind   error
}

func (e *AmendError) Error() string { return string(e.Field) + " " + e.Reason }
func (e *AmendError) Unwrap() error { return e.kind }

// AmendTx changes a sale's times and stock together. The times belong to the generation: once it had an order its start
// stays, and an end that is changed lies ahead by more than a snapshot's lease, because by then every process judges
// presses by it. The state follows the new times: a scheduled sale whose start has passed opens, an open one whose start
// is moved ahead is scheduled again, and one that its time has closed opens when its end is moved ahead. A paused one stays
// paused. One that is closing, or that an operator closed, keeps its times: a reset begins anew. Errors:
// *AmendError, ErrNoSale, ErrBusy.
func (s *Store) AmendTx(ctx context.Context, tx pgx.Tx, slug string, a Amendment) error {
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
func (h lockedSale) amended(a Amendment) (lockedSale, error) {
	if a.Total != nil && *a.Total < h.level.Taken {
		return h, &AmendError{FieldStock, fmt.Sprintf("cannot be less than the %d units that are sold", h.level.Taken), ErrBelowSold}
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
		return h, &AmendError{FieldStart, "cannot move any more: this generation has orders", ErrFixed}
	}
	if endMoves && !end.After(h.now.Add(lease)) {
		return h, &AmendError{FieldEnd, "must lie more than a second ahead; to end the sale now, close it", ErrFixed}
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
	field, what := FieldEnd, "an operator closed the sale"
	if startMoves {
		field = FieldStart
	}
	if h.state == Closing {
		what = "the sale is closing"
	}
	return &AmendError{field, "cannot change, because " + what + "; a reset begins it anew", ErrState}
}

func notBefore(startMoves bool, start, end time.Time) error {
	if startMoves {
		return &AmendError{FieldStart, "must lie before the end, " + end.UTC().Format(time.RFC3339), ErrTimes}
	}
	return &AmendError{FieldEnd, "must lie after the start, " + start.UTC().Format(time.RFC3339), ErrTimes}
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
func (h lockedSale) follow(next lockedSale) (State, bool) {
	switch h.state {
	case Draft, Paused:
		return h.state, true
	case Scheduled, Open:
		// An end that has come is left to the timetable, which closes an open sale by way of the log.
		switch {
		case next.now.Before(next.startsAt):
			return Scheduled, true
		case next.now.Before(next.endsAt):
			return Open, true
		}
		return h.state, true
	case Closed:
		return stateWithin(next), !h.closedByOperator()
	case Closing:
		return h.state, false
	}
	return h.state, false
}

// closedByOperator is true for a closed sale that ended before its time.
func (h lockedSale) closedByOperator() bool {
	return h.now.Before(h.endsAt) || h.closingAt != nil && h.closingAt.Before(h.endsAt)
}
