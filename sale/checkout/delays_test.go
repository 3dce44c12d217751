package checkout

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"flashsale/events"
	"flashsale/sale"
)

// delays is how long each question of a request takes, in the order in which they are asked, whichever server they go to; and
// what the request finds.
type delays struct {
	takes   []time.Duration
	fails   []bool        // after that time
	leaves  time.Duration // when the client does; 0: never
	opens   time.Duration // after the request, of a sale that is to be open; 0: it is open
	request sale.PurchaseRequest

	missing, holder, owns, declined, unread, paused bool
}

// never is longer than any request waits.
const never = time.Hour

func (s delays) String() string { type plain delays; return fmt.Sprintf("%+v", plain(s)) }

func anyDelays() *rapid.Generator[delays] {
	times := []time.Duration{0, time.Millisecond, 100 * time.Millisecond, 299 * time.Millisecond, 499 * time.Millisecond,
		699 * time.Millisecond, 999 * time.Millisecond, 1900 * time.Millisecond, never}
	return rapid.Custom(func(t *rapid.T) delays {
		is := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
		return delays{
			takes:  rapid.SliceOfN(rapid.SampledFrom(times), 12, 12).Draw(t, "takes"),
			fails:  rapid.SliceOfN(rapid.SampledFrom([]bool{false, false, false, false, false, true}), 12, 12).Draw(t, "fails"),
			leaves: rapid.SampledFrom([]time.Duration{0, 0, 0, 200 * time.Millisecond, 900 * time.Millisecond}).Draw(t, "leaves"),
			opens:  rapid.SampledFrom([]time.Duration{0, 0, 300 * time.Millisecond, 990 * time.Millisecond, never}).Draw(t, "opens"),
			request: sale.PurchaseRequest{
				Slug: "flash", Name: rapid.SampledFrom([]string{"anna", "dora"}).Draw(t, "name"), Async: is("async"),
				IdempotencyKey: rapid.SampledFrom([]string{"", "a key"}).Draw(t, "key"),
			},
			missing: is("missing"), holder: is("holder"), owns: is("owns"), declined: is("declined"), unread: is("unread"), paused: is("paused"),
		}
	})
}

// The times of the stages add up to more than a request may take, so each stage has what is left.
func TestRandomDelaysMakeNoAnswerLate(t *testing.T) {
	t.Parallel()
	for part := range 8 {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				of := anyDelays().Draw(rt, "delays")
				if failed := of.play(t); failed != nil {
					rt.Fatalf("%v with\n%v", failed, of)
				}
			})
		})
	}
}

// The stages of each alone take longer than a request may.
func TestTheLongestDelaysMakeNoAnswerLate(t *testing.T) {
	t.Parallel()
	ms := func(all ...int64) (takes []time.Duration) {
		for _, n := range all {
			takes = append(takes, time.Duration(n)*time.Millisecond)
		}
		return takes
	}
	anna, dora := sale.PurchaseRequest{Slug: "flash", Name: "anna"}, sale.PurchaseRequest{Slug: "flash", Name: "dora"}
	for name, of := range map[string]delays{
		"the places are not loaded, and loading them takes for ever": {takes: []time.Duration{0, never, 0}, request: anna, missing: true},
		"Redis never answers":                        {takes: []time.Duration{never, 0}, request: anna},
		"an unknown name presses before the opening": {takes: ms(499, 699, 299, 1900), opens: 990 * time.Millisecond, request: dora},
		"the log is silent and the ledger slow":      {takes: []time.Duration{0, never, 1900 * time.Millisecond}, request: anna},
		"an old decline, and a slow ledger":          {takes: ms(499, 499, 299, 499, 499, 299, 1900), request: anna, declined: true},
		"nobody reads the log, and the cursor hangs": {takes: []time.Duration{0, 0, never, never}, request: anna, unread: true},
		"everything hangs":                           {takes: []time.Duration{never}, request: dora, missing: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if failed := of.play(t); failed != nil {
				t.Error(failed)
			}
		})
	}
}

// play makes one request with these delays, in fake time, and returns the check that failed.
func (s delays) play(t *testing.T) (failed error) {
	synctest.Test(t, func(t *testing.T) {
		servers := newSimulatedServers(t, 2)
		p := servers.process(t)
		s.prepare(t, servers, p)
		who := servers.accounts.shopper(s.request.Name).ID
		wasHolder := servers.places.isHolder(who)
		began := time.Now()
		placed := servers.delay(s, began)
		ctx, leave := context.WithTimeout(t.Context(), cmp.Or(s.leaves, never))
		defer leave()
		if s.opens > 0 {
			opening, stop := context.WithTimeout(t.Context(), never)
			defer stop()
			go func() {
				if wait(opening, s.opens) == nil {
					servers.ledger.change(func(row *sale.Row) { row.State = sale.Open })
					_ = p.catalog.refresh(opening)
				}
			}()
		}
		a := p.Buy(ctx, s.request)
		took := time.Since(began)
		switch {
		case took > buyTime:
			failed = fmt.Errorf("answered %s after %v", a.Kind, took)
		case *placed > buyTime-claimTime:
			failed = fmt.Errorf("a place was given after %v, which leaves the claim too little", *placed)
		case !wasHolder && servers.places.isHolder(who) && servers.calls.of("append")+servers.calls.of("direct") == 0:
			failed = fmt.Errorf("a place was taken, and no claim was made of it: %s after %v", a.Kind, took)
		}
	})
	return failed
}

// prepare makes what the request finds.
func (s delays) prepare(t *testing.T, servers *simulatedServers, p *process) {
	who := servers.accounts.shopper(s.request.Name)
	k := servers.ledger.row.Key
	if s.declined {
		servers.ledger.change(func(row *sale.Row) { row.State = sale.Paused })
		servers.ledger.decide(events.Direct, p.claimOf(servers, s.request.Name, 1))
		servers.ledger.change(func(row *sale.Row) { row.State = sale.Open })
	} else if s.owns {
		servers.ledger.sell(who, s.request)
	}
	if s.holder {
		servers.places.addHolder(k, who.ID)
	}
	switch {
	case s.paused:
		servers.ledger.change(func(row *sale.Row) { row.State = sale.Paused })
	case s.opens > 0:
		servers.ledger.change(func(row *sale.Row) { row.State, row.StartsAt = sale.Scheduled, time.Now().Add(time.Second) })
	default:
	}
	if s.unread {
		servers.log.pauseConsumer()
	}
	time.Sleep(time.Second) // what was decided is old
	servers.places.missing = s.missing
	p.readChanges(t)
}

// delay has each question take its time, and says when the last place was asked for and answered.
func (s *simulatedServers) delay(as delays, began time.Time) (placed *time.Duration) {
	placed = new(time.Duration)
	var asked atomic.Int64
	acts := func(ctx context.Context) error {
		n := int(asked.Add(1)) - 1
		if err := wait(ctx, as.takes[n%len(as.takes)]); err != nil {
			return err
		}
		if len(as.fails) > 0 && as.fails[n%len(as.fails)] {
			return errAway
		}
		return nil
	}
	for _, f := range append(s.postgresFaults(), &s.log.fault, &s.places.fault) {
		f.acts(acts)
	}
	s.places.acts(func(ctx context.Context) error {
		err := acts(ctx)
		if err == nil {
			*placed = time.Since(began)
		}
		return err
	})
	return placed
}
