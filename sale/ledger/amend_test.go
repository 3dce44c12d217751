package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// span is a time from now on.
type span = time.Duration

// at is a time so far from now by Postgres' clock.
func (s *realStockFixture) at(from time.Time, d *span) *time.Time {
	if d == nil {
		return nil
	}
	t := from.Add(*d)
	return &t
}

func in(d span) *span { return &d }

func TestTheStateFollowsTheTimes(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	orders := func(s *realStockFixture) { s.decideOne(s.claim(1, 1, 1)) }
	cancelled := func(s *realStockFixture) {
		id := s.decideOne(s.claim(1, 1, 1)).ClaimID
		s.must(s.tx(func(tx pgx.Tx) error { _, err := s.CancelTx(s.t.Context(), tx, id); return err }))
	}
	closeNow := func(s *realStockFixture) {
		s.must(s.tx(func(tx pgx.Tx) error { return s.CloseTx(s.t.Context(), tx, firstSlug) }))
	}
	for name, c := range map[string]struct {
		before       func(*realStockFixture)
		state        sale.State
		start, end   span // of the row
		from, to     *span
		want         sale.State
		err          error
		field        sale.Field
		closedBefore bool // by an operator, before its end
	}{
		"a scheduled sale opens":               {state: sale.Scheduled, start: hour, end: 2 * hour, from: in(-hour), want: sale.Open},
		"a scheduled sale waits longer":        {state: sale.Scheduled, start: hour, end: 3 * hour, from: in(2 * hour), want: sale.Scheduled},
		"an open one is scheduled again":       {state: sale.Open, start: -hour, end: 2 * hour, from: in(hour), want: sale.Scheduled},
		"an open one goes on longer":           {state: sale.Open, start: -hour, end: hour, to: in(2 * hour), want: sale.Open},
		"an open one began earlier":            {state: sale.Open, start: -hour, end: hour, from: in(-2 * hour), want: sale.Open},
		"an open one with orders, longer":      {before: orders, state: sale.Open, start: -hour, end: hour, to: in(2 * hour), want: sale.Open},
		"an open one with orders, later":       {before: orders, state: sale.Open, start: -hour, end: hour, from: in(time.Minute), err: sale.ErrFixed, field: sale.FieldStart},
		"with an order that was cancelled":     {before: cancelled, state: sale.Open, start: -hour, end: hour, from: in(-2 * hour), err: sale.ErrFixed, field: sale.FieldStart},
		"the end in the past":                  {before: orders, state: sale.Open, start: -hour, end: hour, to: in(-time.Minute), err: sale.ErrFixed, field: sale.FieldEnd},
		"the end within a snapshot's lease":    {state: sale.Open, start: -hour, end: hour, to: in(sale.Lease / 2), err: sale.ErrFixed, field: sale.FieldEnd},
		"the end before the start":             {state: sale.Scheduled, start: hour, end: 2 * hour, to: in(hour / 2), err: sale.ErrTimes, field: sale.FieldEnd},
		"the start behind the end":             {state: sale.Scheduled, start: hour, end: 2 * hour, from: in(3 * hour), err: sale.ErrTimes, field: sale.FieldStart},
		"a paused one stays paused":            {state: sale.Paused, start: -hour, end: hour, from: in(hour / 2), want: sale.Paused},
		"a draft stays a draft":                {state: sale.Draft, start: hour, end: 2 * hour, from: in(-hour), want: sale.Draft},
		"closed by its time, goes on":          {before: orders, state: sale.Closed, start: -2 * hour, end: -hour, to: in(hour), want: sale.Open},
		"closed by its time, again later":      {state: sale.Closed, start: -2 * hour, end: -hour, from: in(hour), to: in(2 * hour), want: sale.Scheduled},
		"closed by its time, began earlier":    {state: sale.Closed, start: -2 * hour, end: -hour, from: in(-3 * hour), want: sale.Closed},
		"closing":                              {before: closeNow, start: -hour, end: hour, to: in(2 * hour), err: sale.ErrState, field: sale.FieldEnd},
		"closed by an operator, not yet over":  {state: sale.Closed, start: -hour, end: hour, to: in(2 * hour), err: sale.ErrState, field: sale.FieldEnd},
		"closed by an operator, over by now":   {state: sale.Closed, start: -3 * hour, end: -hour, closedBefore: true, to: in(hour), err: sale.ErrState, field: sale.FieldEnd},
		"the same times are no change of them": {before: orders, state: sale.Closed, start: -hour, end: hour, from: in(-hour), to: in(hour), want: sale.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRealStock(t, 5)
			if c.before != nil {
				c.before(s)
			}
			if c.state == "" {
				c.state = s.state()
			}
			var now time.Time
			s.must(s.pool.QueryRow(t.Context(), `UPDATE sales SET state = $1, starts_at = now() + $2, ends_at = now() + $3,
				closing_at = CASE WHEN $4 THEN now() + $3 - interval '1 minute' WHEN $1 = 'closing' THEN now() END RETURNING now()`,
				c.state, c.start, c.end, c.closedBefore).Scan(&now))
			s.outbox.drain()
			to := sale.Amendment{StartsAt: s.at(now, c.from), EndsAt: s.at(now, c.to)}
			err := s.tx(func(tx pgx.Tx) error { return s.AmendTx(t.Context(), tx, firstSlug, to) })
			var why *sale.AmendError
			if !errors.Is(err, c.err) || (c.field != "") != errors.As(err, &why) || why != nil && why.Field != c.field {
				t.Fatalf("refused with %v, want %v of %q", err, c.err, c.field)
			}
			if c.err != nil {
				c.want = c.state
			}
			told := s.outbox.drain()[events.TypeSaleStateChanged]
			if got := s.state(); got != c.want || told != 0 != (c.want != c.state) {
				t.Errorf("the sale is %s, want %s; told %d", got, c.want, told)
			}
		})
	}
}

func TestAnAmendmentIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	for user := range int64(3) {
		s.decideOne(s.claim(1, user+1, 1))
	}
	few, many, ahead := int64(2), int64(50), time.Now().Add(48*time.Hour)
	err := s.tx(func(tx pgx.Tx) error {
		return s.AmendTx(t.Context(), tx, "", sale.Amendment{EndsAt: &ahead, Total: &few})
	})
	var why *sale.AmendError
	if !errors.Is(err, sale.ErrBelowSold) || !errors.As(err, &why) || why.Field != sale.FieldStock {
		t.Errorf("fewer than are sold: %v", err)
	}
	s.outbox.drain()
	s.must(s.tx(func(tx pgx.Tx) error {
		return s.AmendTx(t.Context(), tx, "", sale.Amendment{EndsAt: &ahead, Total: &many})
	}))
	now, err := s.lockSaleTx("")
	if err != nil || now.Total != 50 || now.Taken != 3 || !now.EndsAt.Equal(ahead.Truncate(time.Microsecond)) || now.Revision != 2 {
		t.Errorf("amended to %+v (%v)", now, err)
	}
	if told := s.outbox.drain(); told[events.TypeStockChanged] != 1 || told[events.TypeSaleStateChanged] != 0 {
		t.Errorf("told %v", told)
	}
	s.whole()
}

// The close record that is on its way has to find the closing that it was written for.
func TestTheStockOfAClosingSaleMayChange(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.must(s.tx(func(tx pgx.Tx) error { return s.CloseTx(t.Context(), tx, firstSlug) }))
	var version int64
	s.must(s.pool.QueryRow(t.Context(), `SELECT closing_version FROM sales`).Scan(&version))
	many := int64(50)
	s.must(s.tx(func(tx pgx.Tx) error { return s.AmendTx(t.Context(), tx, "", sale.Amendment{Total: &many}) }))
	record := closeOf(sale.Key{Sale: s.id, Generation: 1}, version)
	record.ID = sale.CloseID(s.secret, 1, version)
	s.decide(events.FromLog, record)
	if now, err := s.lockSaleTx(""); err != nil || now.State != sale.Closed || now.Total != 50 {
		t.Errorf("the sale is %+v (%v)", now, err)
	}
}

// What a client is shown has milliseconds. Sent back, it is no other time.
func TestATimeThatWasReadAndSentBackHasNotMoved(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.decideOne(s.claim(1, 1, 1))
	s.exec(`UPDATE sales SET starts_at = date_trunc('second', starts_at) - interval '0.123456 seconds'`)
	before, err := s.lockSaleTx("")
	s.must(err)
	shown, ahead := before.StartsAt.Truncate(time.Millisecond), before.EndsAt.Add(time.Hour)
	s.must(s.tx(func(tx pgx.Tx) error {
		return s.AmendTx(t.Context(), tx, "", sale.Amendment{StartsAt: &shown, EndsAt: &ahead})
	}))
	if after, err := s.lockSaleTx(""); err != nil || !after.StartsAt.Equal(before.StartsAt) || !after.EndsAt.Equal(ahead) {
		t.Errorf("from %+v to %+v (%v)", before, after, err)
	}
}
