package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

func in(d time.Duration) *time.Duration { return &d }

// after is so long after from; nil for nil.
func after(from time.Time, d *time.Duration) *time.Time {
	if d == nil {
		return nil
	}
	t := from.Add(*d)
	return &t
}

type amendCase struct {
	before      func(*ledgerFixture)
	state       sale.State     // of the sale; "": as before leaves it
	start, end  time.Duration  // of the sale, from now
	from, to    *time.Duration // of the amendment, from now; nil: none
	want        sale.State
	err         error
	field       sale.Field
	closedEarly bool // by an operator, before its end
}

func amendCases() map[string]amendCase {
	const hour = time.Hour
	orders := func(d *ledgerFixture) { d.decideOne(d.claim(1, 1)) }
	cancelled := func(d *ledgerFixture) { d.cancel(d.decideOne(d.claim(1, 1)).ClaimID) }
	closing := func(d *ledgerFixture) { d.act(d.CloseTx) }
	return map[string]amendCase{
		"a scheduled sale opens":                 {state: sale.Scheduled, start: hour, end: 2 * hour, from: in(-hour), want: sale.Open},
		"a scheduled sale starts later":          {state: sale.Scheduled, start: hour, end: 3 * hour, from: in(2 * hour), want: sale.Scheduled},
		"an open sale, start in future":          {state: sale.Open, start: -hour, end: 2 * hour, from: in(hour), want: sale.Scheduled},
		"an open sale, later end":                {state: sale.Open, start: -hour, end: hour, to: in(2 * hour), want: sale.Open},
		"an open sale, earlier start":            {state: sale.Open, start: -hour, end: hour, from: in(-2 * hour), want: sale.Open},
		"with an order, later end":               {before: orders, state: sale.Open, start: -hour, end: hour, to: in(2 * hour), want: sale.Open},
		"with an order, later start":             {before: orders, state: sale.Open, start: -hour, end: hour, from: in(time.Minute), err: sale.ErrFixed, field: sale.FieldStart},
		"with a cancelled order, other start":    {before: cancelled, state: sale.Open, start: -hour, end: hour, from: in(-2 * hour), err: sale.ErrFixed, field: sale.FieldStart},
		"the end in the past":                    {before: orders, state: sale.Open, start: -hour, end: hour, to: in(-time.Minute), err: sale.ErrFixed, field: sale.FieldEnd},
		"the end within a snapshot's lease":      {state: sale.Open, start: -hour, end: hour, to: in(sale.Lease / 2), err: sale.ErrFixed, field: sale.FieldEnd},
		"the end before the start":               {state: sale.Scheduled, start: hour, end: 2 * hour, to: in(hour / 2), err: sale.ErrTimes, field: sale.FieldEnd},
		"the start after the end":                {state: sale.Scheduled, start: hour, end: 2 * hour, from: in(3 * hour), err: sale.ErrTimes, field: sale.FieldStart},
		"a paused sale stays paused":             {state: sale.Paused, start: -hour, end: hour, from: in(hour / 2), want: sale.Paused},
		"a draft stays a draft":                  {state: sale.Draft, start: hour, end: 2 * hour, from: in(-hour), want: sale.Draft},
		"closed at its end, later end":           {before: orders, state: sale.Closed, start: -2 * hour, end: -hour, to: in(hour), want: sale.Open},
		"closed at its end, both in future":      {state: sale.Closed, start: -2 * hour, end: -hour, from: in(hour), to: in(2 * hour), want: sale.Scheduled},
		"closed at its end, earlier start":       {state: sale.Closed, start: -2 * hour, end: -hour, from: in(-3 * hour), want: sale.Closed},
		"closing":                                {before: closing, start: -hour, end: hour, to: in(2 * hour), err: sale.ErrState, field: sale.FieldEnd},
		"closed by an operator, end in future":   {state: sale.Closed, start: -hour, end: hour, to: in(2 * hour), err: sale.ErrState, field: sale.FieldEnd},
		"closed by an operator, end in the past": {state: sale.Closed, start: -3 * hour, end: -hour, closedEarly: true, to: in(hour), err: sale.ErrState, field: sale.FieldEnd},
		"the same times":                         {before: orders, state: sale.Closed, start: -hour, end: hour, from: in(-hour), to: in(hour), want: sale.Closed},
	}
}

func TestTheStateFollowsTheTimes(t *testing.T) {
	t.Parallel()
	for name, c := range amendCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openLedger(t, 5)
			if c.before != nil {
				c.before(d)
			}
			if c.state == "" {
				c.state = d.state()
			}
			var now time.Time
			d.Scan([]any{&now}, `UPDATE sales SET state = $1, starts_at = now() + $2, ends_at = now() + $3,
				closing_at = CASE WHEN $4 THEN now() + $3 - interval '1 minute' WHEN $1 = 'closing' THEN now() END RETURNING now()`,
				c.state, c.start, c.end, c.closedEarly)
			posted := d.PostedCount()
			err := d.tryAmend(sale.Amendment{StartsAt: after(now, c.from), EndsAt: after(now, c.to)})
			var why *sale.AmendError
			if !errors.Is(err, c.err) || (c.field != "") != errors.As(err, &why) || why != nil && why.Field != c.field {
				t.Fatalf("refused with %v, want %v of %q", err, c.err, c.field)
			}
			if c.err != nil {
				c.want = c.state
			}
			messages := d.PostedTypes(posted)[events.TypeSaleStateChanged]
			if got := d.state(); got != c.want || messages != 0 != (c.want != c.state) {
				t.Errorf("the sale is %s, want %s; %d messages", got, c.want, messages)
			}
		})
	}
}

func TestAnAmendmentChangesEverythingOrNothing(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.decide(d.claims(1, 3)...)
	few, many, ahead := int64(2), int64(50), time.Now().Add(48*time.Hour)
	before := d.locked("")
	err := d.tryAmend(sale.Amendment{EndsAt: &ahead, Total: &few})
	var why *sale.AmendError
	if !errors.Is(err, sale.ErrBelowSold) || !errors.As(err, &why) || why.Field != sale.FieldStock || !d.locked("").EndsAt.Equal(before.EndsAt) {
		t.Errorf("fewer units than are sold: %v, the sale is %+v", err, d.locked(""))
	}
	posted := d.PostedCount()
	d.Must(d.tryAmend(sale.Amendment{EndsAt: &ahead, Total: &many}))
	if s := d.locked(""); s.Total != 50 || s.Taken != 3 || !s.EndsAt.Equal(ahead.Truncate(time.Microsecond)) || s.Revision != before.Revision+1 {
		t.Errorf("amended to %+v", s)
	}
	if types := d.PostedTypes(posted); types[events.TypeStockChanged] != 1 || types[events.TypeSaleStateChanged] != 0 {
		t.Errorf("messages %v", types)
	}
	d.verify()
}

func TestTheLimitOfPressesChangesWhileTheSaleRuns(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	before := d.locked("")
	if before.Limit != sale.UsualPressLimit() {
		t.Fatalf("a new sale has the limit %+v", before.Limit)
	}
	one, twenty := int64(1), int64(20)
	d.Must(d.tryAmend(sale.Amendment{AccountRate: &one, NetworkBurst: &twenty}))
	want := before.Limit
	want.AccountRate, want.NetworkBurst = 1, 20
	if s := d.locked(""); s.Limit != want || s.Revision != before.Revision+1 || s.State != sale.Open {
		t.Errorf("amended to %+v", s)
	}
	changes, err := d.ReadChanges(t.Context(), nil, nil)
	if err != nil || len(changes.Rows) != 1 || changes.Rows[0].Limit != want {
		t.Errorf("the catalog reads %+v (%v)", changes.Rows, err)
	}
}

// An amendment changes the sale's version. The close record has the version of the closing, and must still close the sale.
func TestTheCloseRecordIsValidAfterAnAmendment(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.act(d.CloseTx)
	record := d.CloseRecord(d.slug)
	many := int64(50)
	d.Must(d.tryAmend(sale.Amendment{Total: &many}))
	d.decide(record)
	if s := d.locked(""); s.State != sale.Closed || s.Total != 50 {
		t.Errorf("the sale is %+v", s)
	}
}

// Clients get times in milliseconds.
func TestATimeThatAClientReadAndSentBackIsNoChange(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.decideOne(d.claim(1, 1))
	d.Exec(`UPDATE sales SET starts_at = date_trunc('second', starts_at) - interval '0.123456 seconds'`)
	before := d.locked("")
	shown, ahead := before.StartsAt.Truncate(time.Millisecond), before.EndsAt.Add(time.Hour)
	d.Must(d.tryAmend(sale.Amendment{StartsAt: &shown, EndsAt: &ahead}))
	if s := d.locked(""); !s.StartsAt.Equal(before.StartsAt) || !s.EndsAt.Equal(ahead) {
		t.Errorf("from %+v to %+v", before, s)
	}
}

func TestTheTotalCanBeLoweredToWhatIsSold(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.decide(d.claims(1, 2)...)
	if err := d.trySetTotal(1); !errors.Is(err, sale.ErrBelowSold) {
		t.Errorf("below what is sold: %v", err)
	}
	d.Must(d.trySetTotal(2))
	if v := d.decideOne(d.claim(3, 1)); v.Reason != events.ReasonSoldOut {
		t.Errorf("with no unit left: %+v", v)
	}
	d.Must(d.trySetTotal(3))
	if v := d.decideOne(d.claim(3, 2)); v.Outcome != events.Ordered {
		t.Errorf("with one more unit: %+v", v)
	}
	d.verify()
}

func TestAMessageToShoppersIsKeptWithTheSale(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	before := d.locked("")
	message := "Back at 14:00 <UTC>, " + strings.Repeat("ä", 179)
	d.Must(d.tryAmend(sale.Amendment{Message: &message}))
	if s := d.locked(""); s.Message != message || s.Revision != before.Revision+1 || s.Total != 5 || s.State != before.State {
		t.Errorf("amended to %+v", s)
	}
	total := int64(6)
	d.Must(d.tryAmend(sale.Amendment{Total: &total}))
	d.begin(5)
	changes, err := d.ReadChanges(t.Context(), nil, nil)
	if err != nil || changes.Rows[0].Message != message {
		t.Errorf("after another change and a reset the message is %q (%v)", changes.Rows[0].Message, err)
	}
	none := ""
	d.Must(d.tryAmend(sale.Amendment{Message: &none}))
	if s := d.locked(""); s.Message != "" {
		t.Errorf("taken away, it is %q", s.Message)
	}
}

// The moment at which the last unit went is that of the batch which took it, or of the act which left no more.
func TestTheMomentOfASellOutIsKept(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 3)
	sellout := func() sale.Sellout {
		t.Helper()
		changes, err := d.ReadChanges(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return changes.Sellouts[d.key]
	}
	d.decide(d.claims(1, 2)...)
	if got := sellout(); got != (sale.Sellout{}) {
		t.Fatalf("sold out with a unit left: %+v", got)
	}
	d.decide(d.claims(3, 3)...)
	first := sellout()
	last := d.locked("").Now
	if first.At.IsZero() || first.Opened.After(first.At) || first.At.After(last) || first.Opened.Before(d.locked("").StartsAt) {
		t.Errorf("%+v, in a sale from %s; now it is %s", first, d.locked("").StartsAt, last)
	}
	more, same := int64(5), int64(5)
	d.Must(d.tryAmend(sale.Amendment{Total: &more}))
	d.decide(d.claims(4, 5)...)
	second := sellout()
	if !second.At.After(first.At) || !second.Opened.Equal(first.Opened) {
		t.Errorf("sold out again: %+v after %+v", second, first)
	}
	d.Must(d.tryAmend(sale.Amendment{Total: &same}))
	if got := sellout(); got != second {
		t.Errorf("nothing changed, and it sold out at %+v", got)
	}
	d.Must(d.tryAmend(sale.Amendment{Total: ptr(int64(9))}))
	d.Must(d.trySetTotal(5))
	if got := sellout(); !got.At.After(second.At) {
		t.Errorf("an operator leaves no more: %+v", got)
	}
	d.begin(3)
	if got := sellout(); got != (sale.Sellout{}) {
		t.Errorf("a new generation has sold out at %+v", got)
	}
	d.verify()
}

func ptr[V any](v V) *V { return &v }
