package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/events"
	"flashsale/sale"
)

// AmendTx changes a sale's times, stock, limit of presses and message to shoppers together. Errors: *AmendError, ErrNoSale, ErrBusy.
//
// The times belong to the generation. Once it had an order, its start cannot change. A new end must be later than now by more
// than sale.Lease: by then every process has the new end in its snapshot. The state follows the new times: a scheduled sale opens
// when its new start has passed, an open sale is scheduled again when its new start is still to come, and a sale that closed at
// its end opens again when its new end is still to come. A paused sale stays paused. The times of a sale that is closing, or that an
// operator closed, cannot change; a reset starts a new generation instead.
func (s *Store) AmendTx(ctx context.Context, tx pgx.Tx, slug string, a sale.Amendment) error {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return err
	}
	next, err := h.amended(a)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlAmend, h.Sale, next.startsAt, next.endsAt, next.state,
		next.limit.AccountRate, next.limit.AccountBurst, next.limit.NetworkRate, next.limit.NetworkBurst, next.message, a.Zone, next.texts); err != nil {
		return fmt.Errorf("amend sale: %w", err)
	}
	if err := amendProduct(ctx, tx, h.Sale, a); err != nil {
		return err
	}
	var messages []events.Message
	if a.Total != nil && *a.Total != h.level.Total {
		level, err := s.setTotal(ctx, tx, h, *a.Total)
		if err != nil {
			return err
		}
		messages = append(messages, stockChanged(h.slug, level))
	}
	if next.state != h.state {
		messages = append(messages, stateChanged(h.Key, h.slug, next.state))
	}
	return s.outbox.AppendTx(ctx, tx, messages)
}

// amendProduct changes what is sold. The price that is left is never below zero: the table refuses that.
func amendProduct(ctx context.Context, tx pgx.Tx, id int64, a sale.Amendment) error {
	if !a.Sells() {
		return nil
	}
	var symbol *string
	if a.CurrencyCode != nil {
		s := sale.CurrencySymbol(*a.CurrencyCode)
		symbol = &s
	}
	_, err := tx.Exec(ctx, sqlAmendProduct, id, a.Name, a.Description, a.PriceMinor, a.DiscountMinor, a.CurrencyCode, symbol, a.Details, a.Specification, a.ImportantInfo)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == checkViolation {
		return &sale.AmendError{Field: sale.FieldDiscount, Reason: "must be between nothing and the price", Kind: sale.ErrPrice}
	}
	if err != nil {
		return fmt.Errorf("amend product: %w", err)
	}
	return nil
}

// checkViolation is Postgres' code for a row that breaks a rule of its table.
const checkViolation = "23514"

// amended is the sale as the amendment makes it, or the error why it is refused.
func (h lockedSale) amended(a sale.Amendment) (lockedSale, error) {
	if a.Total != nil && *a.Total < h.level.Taken {
		return h, &sale.AmendError{Field: sale.FieldStock, Reason: fmt.Sprintf("cannot be less than the %d units that are sold", h.level.Taken), Kind: sale.ErrBelowSold}
	}
	next := h
	next.limit = a.Limit(h.limit)
	if a.Message != nil {
		next.message = *a.Message
	}
	if a.Texts != nil {
		next.texts = h.texts.With(*a.Texts)
	}
	start, startMoves := moved(h.startsAt, a.StartsAt)
	end, endMoves := moved(h.endsAt, a.EndsAt)
	if !startMoves && !endMoves {
		return next, nil
	}
	next.startsAt, next.endsAt = start, end
	if !start.Before(end) {
		return h, notBefore(startMoves, start, end)
	}
	// NextUnit counts cancelled orders too. Every order of a generation was pressed within its times.
	if startMoves && h.level.NextUnit > 1 {
		return h, &sale.AmendError{Field: sale.FieldStart, Reason: "cannot move any more: this generation has orders", Kind: sale.ErrFixed}
	}
	if endMoves && !end.After(h.now.Add(sale.Lease)) {
		return h, &sale.AmendError{Field: sale.FieldEnd, Reason: "must lie more than a second ahead; to end the sale now, close it", Kind: sale.ErrFixed}
	}
	if h.archived {
		return h, h.timesFixed(startMoves)
	}
	state, ok := h.follow(next)
	if !ok {
		return h, h.timesFixed(startMoves)
	}
	next.state = state
	return next, nil
}

// timesFixed says why the times of a sale in this state cannot change.
func (h lockedSale) timesFixed(startMoves bool) error {
	field, what := sale.FieldEnd, "an operator closed the sale"
	if startMoves {
		field = sale.FieldStart
	}
	switch {
	case h.archived:
		return &sale.AmendError{Field: field, Reason: "cannot change, because the sale was put away; bring it back first", Kind: sale.ErrState}
	case h.state == sale.Closing:
		what = "the sale is closing"
	}
	return &sale.AmendError{Field: field, Reason: "cannot change, because " + what + "; a reset starts it again", Kind: sale.ErrState}
}

func notBefore(startMoves bool, start, end time.Time) error {
	if startMoves {
		return &sale.AmendError{Field: sale.FieldStart, Reason: "must lie before the end, " + end.UTC().Format(time.RFC3339), Kind: sale.ErrTimes}
	}
	return &sale.AmendError{Field: sale.FieldEnd, Reason: "must lie after the start, " + start.UTC().Format(time.RFC3339), Kind: sale.ErrTimes}
}

// moved is the new time, and whether it differs. Clients get times in milliseconds, so a time that a client read and sent back
// counts as the same.
func moved(from time.Time, to *time.Time) (time.Time, bool) {
	if to == nil || to.Truncate(time.Millisecond).Equal(from.Truncate(time.Millisecond)) {
		return from, false
	}
	return *to, true
}

// follow is the state after a change of the times. It is not ok when the times cannot change in the state that the sale is in.
func (h lockedSale) follow(next lockedSale) (sale.State, bool) {
	switch h.state {
	case sale.Draft, sale.Paused:
		return h.state, true
	case sale.Scheduled, sale.Open:
		// A sale whose end is past stays open here: Advance closes it, with a close record in the log.
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

// closedByOperator is true for a closed sale that an operator closed before its end.
func (h lockedSale) closedByOperator() bool {
	return h.now.Before(h.endsAt) || h.closingAt != nil && h.closingAt.Before(h.endsAt)
}

// SetTotalTx changes the total of the present generation's stock. Errors: ErrBelowSold, ErrNoSale, ErrBusy.
func (s *Store) SetTotalTx(ctx context.Context, tx pgx.Tx, slug string, total int64) (sale.Level, error) {
	h, err := s.lockSale(ctx, tx, slug)
	if err != nil {
		return sale.Level{}, err
	}
	if total < h.level.Taken {
		return sale.Level{}, fmt.Errorf("%d units are sold: %w", h.level.Taken, sale.ErrBelowSold)
	}
	level, err := s.setTotal(ctx, tx, h, total)
	if err != nil {
		return sale.Level{}, err
	}
	if _, err := tx.Exec(ctx, sqlTouch, h.Sale); err != nil {
		return sale.Level{}, fmt.Errorf("set stock: %w", err)
	}
	return level, s.outbox.AppendTx(ctx, tx, []events.Message{stockChanged(h.slug, level)})
}

// setTotal changes the total. A sale of which everything is sold by that has sold out at this moment.
func (s *Store) setTotal(ctx context.Context, tx pgx.Tx, h lockedSale, total int64) (sale.Level, error) {
	level, err := s.stock.SetTotalTx(ctx, tx, h.Key, total)
	if err != nil {
		return level, fmt.Errorf("set stock: %w", err)
	}
	if h.level.Taken < h.level.Total && level.Taken == level.Total {
		if _, err := tx.Exec(ctx, sqlSellout, h.Sale, h.Generation, h.now); err != nil {
			return level, fmt.Errorf("write the sell-out: %w", err)
		}
	}
	return level, nil
}

// ImagesTx reads the pictures of a sale's product, as the transaction sees them. An empty slug means the current sale. Error: ErrNoSale.
func (s *Store) ImagesTx(ctx context.Context, tx pgx.Tx, slug string) (images sale.Images, err error) {
	query, args := sqlImages, []any{slug}
	if slug == "" {
		query, args = sqlCurrentImages, nil
	}
	err = tx.QueryRow(ctx, query, args...).Scan(&images)
	if errors.Is(err, pgx.ErrNoRows) {
		return images, sale.ErrNoSale
	}
	if err != nil {
		return images, fmt.Errorf("read pictures: %w", err)
	}
	return images, nil
}

// SetImagesTx gives a sale's product other pictures. Errors: ErrNoSale, ErrBusy.
func (s *Store) SetImagesTx(ctx context.Context, tx pgx.Tx, slug string, images sale.Images) error {
	h, err := s.lockGate(ctx, tx, slug)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(sqlSetImages, h.Sale, images)
	b.Queue(sqlTouch, h.Sale)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("set pictures: %w", err)
	}
	return nil
}

// PictureUsedTx is true when the product of some sale, or a receipt, shows the uploaded picture of that id.
func (s *Store) PictureUsedTx(ctx context.Context, tx pgx.Tx, id string) (used bool, err error) {
	if err := tx.QueryRow(ctx, sqlPictureUsed, id).Scan(&used); err != nil {
		return false, fmt.Errorf("look for a picture: %w", err)
	}
	return used, nil
}
