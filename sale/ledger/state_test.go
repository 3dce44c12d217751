package ledger

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

func TestActsMoveASaleOnlyFromTheRightStates(t *testing.T) {
	t.Parallel()
	type act func(*Store, context.Context, pgx.Tx, string) error
	acts := map[string]act{"pause": (*Store).PauseTx, "resume": (*Store).ResumeTx, "close": (*Store).CloseTx}
	to := map[sale.State]map[string]sale.State{
		sale.Draft:     {},
		sale.Scheduled: {"close": sale.Closed},
		sale.Open:      {"pause": sale.Paused, "close": sale.Closing},
		sale.Paused:    {"resume": sale.Open, "close": sale.Closed},
		sale.Closing:   {},
		sale.Closed:    {},
	}
	d := openLedger(t, 5)
	version := func() int64 { return d.Number(`SELECT version FROM sales`) }
	for from, allowed := range to {
		for name, do := range acts {
			d.Exec(`UPDATE sales SET state = $1, closing_version = 1, closing_at = now()`, from)
			before, posted := version(), d.PostedCount()
			err := d.Try(func(tx pgx.Tx) error { return do(d.Store, t.Context(), tx, d.slug) })
			messages := d.PostedTypes(posted)[events.TypeSaleStateChanged]
			want, ok := allowed[name]
			switch {
			case !ok && (!errors.Is(err, sale.ErrState) || d.state() != from || version() != before || messages != 0):
				t.Errorf("%s a %s sale: %v, now %s, %d messages", name, from, err, d.state(), messages)
			case ok && (err != nil || d.state() != want || version() != before+1 || messages != 1):
				t.Errorf("%s a %s sale: %v, now %s, want %s; %d messages", name, from, err, d.state(), want, messages)
			}
		}
	}
}

func TestAdvanceMovesASaleAtItsTimesByPostgresClock(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	for name, c := range map[string]struct {
		from       sale.State
		start, end time.Duration // from now
		want       sale.State
	}{
		"before the start":       {sale.Scheduled, hour, 2 * hour, sale.Scheduled},
		"the start":              {sale.Scheduled, -time.Millisecond, hour, sale.Open},
		"start and end":          {sale.Scheduled, -2 * hour, -hour, sale.Closed},
		"before the end":         {sale.Open, -hour, hour, sale.Open},
		"the end":                {sale.Open, -hour, -time.Millisecond, sale.Closing},
		"the end, paused":        {sale.Paused, -hour, -time.Millisecond, sale.Closed},
		"before the end, paused": {sale.Paused, -hour, hour, sale.Paused},
		"a draft":                {sale.Draft, -hour, hour, sale.Draft},
		"after the end":          {sale.Closed, -2 * hour, -hour, sale.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openLedger(t, 5)
			d.Exec(`UPDATE sales SET state = $1, starts_at = now() + $2, ends_at = now() + $3`, c.from, c.start, c.end)
			moved, err := d.Advance(t.Context(), firstSlug)
			d.Must(err)
			if got := d.state(); got != c.want || moved != (c.want != c.from) {
				t.Errorf("state %s (moved %v), want %s", got, moved, c.want)
			}
		})
	}
}

func TestTheCloseRecordClosesTheSale(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.act(d.CloseTx)
	record := d.CloseRecord(d.slug)
	if v := d.decideFrom(events.Direct, d.claim(9, 1)).Verdicts[0]; v.Reason != events.ReasonEnded {
		t.Errorf("a direct claim while closing: %+v", v)
	}
	before := d.PostedCount()
	made := d.decide(d.claim(1, 1), record, d.claim(2, 1))
	if made.Verdicts[0].Outcome != events.Ordered || made.Verdicts[1] != (events.Verdict{}) || made.Verdicts[2].Reason != events.ReasonEnded {
		t.Errorf("verdicts %+v", made.Verdicts)
	}
	if !slices.Equal(made.Closed, []int64{d.key.Sale}) || d.state() != sale.Closed {
		t.Errorf("closed %v, state %s", made.Closed, d.state())
	}
	if types := d.PostedTypes(before); types[events.TypeSaleStateChanged] != 1 {
		t.Errorf("messages %v", types)
	}
	if again := d.decide(record); len(again.Closed) != 0 {
		t.Error("a repeat of the close record closed the sale again")
	}
	d.verify()
}
