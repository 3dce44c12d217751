package ledger

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

func TestANewGenerationHasNothingSold(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 3)
	order := d.decideOne(d.claim(11, 1))
	before, posted := d.level(), d.PostedCount()
	l := d.begin(1_000_000)
	if l.Total != 1_000_000 || l.Taken != 0 || l.Generation != 2 || l.Version <= before.Version {
		t.Errorf("new stock %+v after %+v", l, before)
	}
	if types := d.PostedTypes(posted); types[events.TypeGenerationBegun] != 1 || types[events.TypeStockChanged] != 1 {
		t.Errorf("messages %v", types)
	}
	if v := d.decideOne(d.claimIn(1, 12, 1)); v.Reason != events.ReasonGenerationChanged {
		t.Errorf("a claim of the old generation: %+v", v)
	}
	if v := d.decideOne(d.claimIn(1, 11, 1)); v.Outcome != events.Ordered || v.Unit != order.Unit || v.Fresh {
		t.Errorf("an order of the old generation: %+v", v)
	}
	if v := d.decideOne(d.claimIn(2, 11, 1)); v.Outcome != events.Ordered || v.Unit != 1 || !v.Fresh {
		t.Errorf("the same shopper in the new generation: %+v", v)
	}
	d.digestAll()
	d.verify()
}

func TestANewGenerationCanKeepTheTotal(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 42)
	if l := d.begin(KeepTotal); l.Total != 42 {
		t.Errorf("total %d", l.Total)
	}
}

func TestTheTimesGiveANewGenerationItsState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state      sale.State
		start, end time.Duration // from now
		want       sale.State
	}{
		"between start and end, was paused":  {sale.Paused, -time.Hour, time.Hour, sale.Open},
		"between start and end, was closed":  {sale.Closed, -time.Hour, time.Hour, sale.Open},
		"between start and end, was closing": {sale.Closing, -time.Hour, time.Hour, sale.Open},
		"after the end":                      {sale.Open, -2 * time.Hour, -time.Hour, sale.Closed},
		"before the start":                   {sale.Closed, time.Hour, 2 * time.Hour, sale.Scheduled},
		"a draft":                            {sale.Draft, -time.Hour, time.Hour, sale.Draft},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openLedger(t, 3)
			d.Exec(`UPDATE sales SET state = $1, starts_at = now() + $2, ends_at = now() + $3, closing_version = 1, closing_at = now()`,
				c.state, c.start, c.end)
			d.begin(5)
			if got := d.state(); got != c.want {
				t.Errorf("state %s, want %s", got, c.want)
			}
		})
	}
}

// Resets race with decisions of both paths. A verdict of one generation must not count in another.
func TestResetsDuringDecisionsKeepGenerationsApart(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	var all sync.WaitGroup
	var begun atomic.Int64
	begun.Store(1)
	stop := make(chan struct{})
	for path := range 3 {
		all.Go(func() {
			for user := int64(1); ; user++ {
				select {
				case <-stop:
					return
				default:
				}
				// Claims are made only for generations that have begun.
				generation := 1 + user%begun.Load()
				d.decideFrom(events.Source(path%2), d.claimIn(generation, user, 1), d.claimIn(generation, user+1, 1))
			}
		})
	}
	for range 6 {
		if _, err := d.tryBegin(5); err == nil {
			begun.Add(1)
		} else if !errors.Is(err, sale.ErrBusy) {
			t.Error(err)
		}
	}
	close(stop)
	all.Wait()
	d.digestAll()
	d.verify()
	d.read()
	if d.key.Generation != begun.Load() || begun.Load() < 2 {
		t.Errorf("generation %d, and %d have begun", d.key.Generation, begun.Load())
	}
}
