package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

func TestOperatorsMoveASaleWhereItMayGo(t *testing.T) {
	t.Parallel()
	type step func(*Store, context.Context, pgx.Tx, string) error
	steps := map[string]step{"open": (*Store).OpenTx, "pause": (*Store).PauseTx, "resume": (*Store).ResumeTx, "close": (*Store).CloseTx}
	to := map[sale.State]map[string]sale.State{
		sale.Draft:     {"open": sale.Open},
		sale.Scheduled: {"open": sale.Open, "close": sale.Closed},
		sale.Open:      {"pause": sale.Paused, "close": sale.Closing},
		sale.Paused:    {"open": sale.Open, "resume": sale.Open, "close": sale.Closed},
		sale.Closing:   {},
		sale.Closed:    {"open": sale.Open},
	}
	s := newRealStock(t, 5)
	for from, allowed := range to {
		for name, do := range steps {
			s.exec(`UPDATE sales SET state = $1, closing_version = 1, closing_at = now()`, from)
			var before, after int64
			s.must(s.pool.QueryRow(t.Context(), `SELECT version FROM sales`).Scan(&before))
			s.outbox.drain()
			err := s.tx(func(tx pgx.Tx) error { return do(s.Store, t.Context(), tx, firstSlug) })
			s.must(s.pool.QueryRow(t.Context(), `SELECT version FROM sales`).Scan(&after))
			want, ok := allowed[name]
			switch {
			case !ok && (!errors.Is(err, sale.ErrState) || s.state() != from || after != before):
				t.Errorf("%s a %s sale: %v, now %s", name, from, err, s.state())
			case ok && (err != nil || s.state() != want || after != before+1):
				t.Errorf("%s a %s sale: %v, now %s, want %s", name, from, err, s.state(), want)
			case ok && s.outbox.drain()[events.TypeSaleStateChanged] != 1:
				t.Errorf("%s a %s sale: nobody was told", name, from)
			}
		}
	}
}

func TestADraftIsAnnouncedBeforeItOpens(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.exec(`UPDATE sales SET state = 'draft', starts_at = now() + interval '1 hour'`)
	s.must(s.tx(func(tx pgx.Tx) error { return s.OpenTx(t.Context(), tx, firstSlug) }))
	if got := s.state(); got != sale.Scheduled {
		t.Errorf("state %s", got)
	}
}

func TestASaleMovesAtItsTimesByTheClockOfPostgres(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	for name, c := range map[string]struct {
		from       sale.State
		start, end time.Duration
		want       sale.State
	}{
		"before the start":   {sale.Scheduled, hour, 2 * hour, sale.Scheduled},
		"the start":          {sale.Scheduled, -time.Millisecond, hour, sale.Open},
		"slept through":      {sale.Scheduled, -2 * hour, -hour, sale.Closed},
		"running":            {sale.Open, -hour, hour, sale.Open},
		"the end":            {sale.Open, -hour, -time.Millisecond, sale.Closing},
		"the end of a pause": {sale.Paused, -hour, -time.Millisecond, sale.Closed},
		"paused":             {sale.Paused, -hour, hour, sale.Paused},
		"a draft":            {sale.Draft, -hour, hour, sale.Draft},
		"over":               {sale.Closed, -2 * hour, -hour, sale.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRealStock(t, 5)
			s.exec(`UPDATE sales SET state = $1, starts_at = now() + $2, ends_at = now() + $3`, c.from, c.start, c.end)
			moved, err := s.Advance(t.Context(), firstSlug)
			s.must(err)
			if got := s.state(); got != c.want || moved != (c.want != c.from) {
				t.Errorf("state %s (moved %v), want %s", got, moved, c.want)
			}
		})
	}
}

func TestTheCloseRecordClosesTheSaleInTheLedger(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 5)
	s.must(s.tx(func(tx pgx.Tx) error { return s.CloseTx(t.Context(), tx, firstSlug) }))
	var version int64
	s.must(s.pool.QueryRow(t.Context(), `SELECT closing_version FROM sales`).Scan(&version))
	record := closeOf(sale.Key{Sale: s.id, Generation: 1}, version)
	record.ID = sale.CloseID(s.secret, 1, version)

	if v := s.decide(events.Direct, s.claim(1, 9, 1)).Verdicts[0]; v.Reason != events.ReasonEnded {
		t.Errorf("a direct claim while closing: %+v", v)
	}
	s.outbox.drain()
	d := s.decide(events.FromLog, s.claim(1, 1, 1), record, s.claim(1, 2, 1))
	if d.Verdicts[0].Outcome != events.Ordered || d.Verdicts[1] != (events.Verdict{}) || d.Verdicts[2].Reason != events.ReasonEnded {
		t.Errorf("verdicts %+v", d.Verdicts)
	}
	if len(d.Closed) != 1 || d.Closed[0] != s.id || s.state() != sale.Closed {
		t.Errorf("closed %v, state %s", d.Closed, s.state())
	}
	if got := s.outbox.drain(); got[events.TypeSaleStateChanged] != 1 {
		t.Errorf("messages %v", got)
	}
	if again := s.decide(events.FromLog, record); len(again.Closed) != 0 {
		t.Error("a repeat of the close record closed the sale again")
	}
	s.whole()
}
