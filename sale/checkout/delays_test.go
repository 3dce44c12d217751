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

// delays is how long each question of a press takes, in the order in which they are asked, whomever they go to; and what
// the press meets.
type delays struct {
	takes  []time.Duration
	fails  []bool        // after that time
	leaves time.Duration // when the client does; 0: never
	opens  time.Duration // after the press, of a sale that is to be open; 0: it is open
	press  sale.PurchaseRequest

	missing, holder, owns, declined, unread, paused bool
}

// never is longer than anybody waits.
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
			press: sale.PurchaseRequest{
				Slug: "flash", Name: rapid.SampledFrom([]string{"anna", "dora"}).Draw(t, "name"), Async: is("async"),
				IdempotencyKey: rapid.SampledFrom([]string{"", "a key"}).Draw(t, "key"),
			},
			missing: is("missing"), holder: is("holder"), owns: is("owns"), declined: is("declined"), unread: is("unread"), paused: is("paused"),
		}
	})
}

// TestNoStallsMakeAPressLate: the times of a purchase add up to more than it may take. What is left is carried through.
func TestNoStallsMakeAPressLate(t *testing.T) {
	t.Parallel()
	for part := range 8 {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				of := anyDelays().Draw(rt, "stalls")
				if broken := of.play(t); broken != nil {
					rt.Fatalf("%v with\n%v", broken, of)
				}
			})
		})
	}
}

// TestTheLongestWaysEndInTime are those whose stages alone take longer than a press may.
func TestTheLongestWaysEndInTime(t *testing.T) {
	t.Parallel()
	ms := func(all ...int64) (takes []time.Duration) {
		for _, n := range all {
			takes = append(takes, time.Duration(n)*time.Millisecond)
		}
		return takes
	}
	anna, dora := sale.PurchaseRequest{Slug: "flash", Name: "anna"}, sale.PurchaseRequest{Slug: "flash", Name: "dora"}
	for name, of := range map[string]delays{
		"the places are not loaded, and loading them takes for ever": {takes: []time.Duration{0, never, 0}, press: anna, missing: true},
		"Redis never answers":                          {takes: []time.Duration{never, 0}, press: anna},
		"an unknown name presses before the opening":   {takes: ms(499, 699, 299, 1900), opens: 990 * time.Millisecond, press: dora},
		"the log is silent and the ledger slow":        {takes: []time.Duration{0, never, 1900 * time.Millisecond}, press: anna},
		"an old decline, and a slow ledger ever after": {takes: ms(499, 499, 299, 499, 499, 299, 1900), press: anna, declined: true},
		"nobody reads the log, and the cursor hangs":   {takes: []time.Duration{0, 0, never, never}, press: anna, unread: true},
		"everything hangs":                             {takes: []time.Duration{never}, press: dora, missing: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if broken := of.play(t); broken != nil {
				t.Error(broken)
			}
		})
	}
}

// play has one press meet the delays, in a bubble of its own, and says which promise it broke.
func (s delays) play(t *testing.T) (broken error) {
	synctest.Test(t, func(t *testing.T) {
		world := newSimulatedServers(t, 2)
		p := world.process(t)
		s.prepare(t, world, p)
		who := world.accounts.shopper(s.press.Name).ID
		wasHolder := world.places.isHolder(who)
		began := time.Now()
		placed := world.delay(s, began)
		ctx, leave := context.WithTimeout(t.Context(), cmp.Or(s.leaves, never))
		defer leave()
		if s.opens > 0 {
			opening, stop := context.WithTimeout(t.Context(), never)
			defer stop()
			go func() {
				if wait(opening, s.opens) == nil {
					world.ledger.change(func(row *sale.Row) { row.State = sale.Open })
					_ = p.catalog.refresh(opening)
				}
			}()
		}
		a := p.Buy(ctx, s.press)
		took := time.Since(began)
		switch {
		case took > buyTime:
			broken = fmt.Errorf("answered %s after %v", a.Kind, took)
		case *placed > buyTime-claimTime:
			broken = fmt.Errorf("a place was given after %v, which leaves the claim too little", *placed)
		case !wasHolder && world.places.isHolder(who) && world.calls.of("append")+world.calls.of("direct") == 0:
			broken = fmt.Errorf("a place was taken, and no claim was made of it: %s after %v", a.Kind, took)
		}
	})
	return broken
}

// prepare brings the world to where the press finds it.
func (s delays) prepare(t *testing.T, world *simulatedServers, p *process) {
	who := world.accounts.shopper(s.press.Name)
	k := world.ledger.row.Key
	if s.declined {
		world.ledger.change(func(row *sale.Row) { row.State = sale.Paused })
		world.ledger.decide(events.Direct, p.claimOf(world, s.press.Name, 1))
		world.ledger.change(func(row *sale.Row) { row.State = sale.Open })
	} else if s.owns {
		world.ledger.sell(who, s.press)
	}
	if s.holder {
		world.places.addHolder(k, who.ID)
	}
	switch {
	case s.paused:
		world.ledger.change(func(row *sale.Row) { row.State = sale.Paused })
	case s.opens > 0:
		world.ledger.change(func(row *sale.Row) { row.State, row.StartsAt = sale.Scheduled, time.Now().Add(time.Second) })
	default:
	}
	if s.unread {
		world.log.pauseConsumer()
	}
	time.Sleep(time.Second) // what was decided is old
	world.places.missing = s.missing
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
