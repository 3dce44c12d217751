package checkout

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestTheClockBelievesTheQuickestAnswer(t *testing.T) {
	t.Parallel()
	var c clock
	local := time.Now()
	ahead := 3 * time.Hour // our wall clock is wrong, as it may be
	sample := func(at, trip, uneven time.Duration) {
		sent := local.Add(at)
		c.sample(sent, sent.Add(trip), sent.Add(trip/2+uneven+ahead))
	}
	off := func(at time.Duration) time.Duration {
		return c.now(local.Add(at)).Sub(local.Add(at + ahead)).Abs()
	}
	sample(0, 100*time.Millisecond, 40*time.Millisecond)
	if off(0) > 40*time.Millisecond {
		t.Errorf("off by %v after a slow answer", off(0))
	}
	sample(time.Second, 2*time.Millisecond, 0)
	sample(2*time.Second, 200*time.Millisecond, 90*time.Millisecond)
	if off(3*time.Second) > time.Millisecond {
		t.Errorf("off by %v: a slow answer was believed", off(3*time.Second))
	}
}

func TestTheClockFollowsDriftAndChanges(t *testing.T) {
	t.Parallel()
	local := time.Now()
	exact := func(c *clock, at, trip, ahead time.Duration) {
		sent := local.Add(at)
		c.sample(sent, sent.Add(trip), sent.Add(trip/2+ahead))
	}
	t.Run("drift", func(t *testing.T) {
		t.Parallel()
		var c clock
		exact(&c, 0, time.Millisecond, 0)
		exact(&c, clockMemory+time.Second, 20*time.Millisecond, 9*time.Millisecond)
		if got := c.now(local.Add(time.Minute)).Sub(local.Add(time.Minute)); got != 9*time.Millisecond {
			t.Errorf("ahead by %v, want 9ms", got)
		}
	})
	t.Run("set by somebody", func(t *testing.T) {
		t.Parallel()
		var c clock
		exact(&c, 0, time.Millisecond, 0)
		exact(&c, time.Second, 20*time.Millisecond, -time.Hour)
		if got := c.now(local).Sub(local); got != -time.Hour {
			t.Errorf("ahead by %v, want -1h", got)
		}
	})
}

func TestWithoutASampleTheClockIsTheLocalOne(t *testing.T) {
	t.Parallel()
	var c clock
	if got := c.now(saletest.Noon()); !got.Equal(saletest.Noon()) {
		t.Errorf("now %s, want %s", got, saletest.Noon())
	}
}

func TestTheErrorOfTheClockIsAtMostItsUncertainty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ahead := time.Duration(rapid.Int64Range(-int64(48*time.Hour), int64(48*time.Hour)).Draw(t, "ahead"))
		var c clock
		local, quickest := saletest.Noon(), time.Hour
		for range rapid.IntRange(1, 8).Draw(t, "questions") {
			trip := time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "trip"))
			out := time.Duration(rapid.Int64Range(0, int64(trip)).Draw(t, "out"))
			c.sample(local, local.Add(trip), local.Add(out).Add(ahead))
			local = local.Add(trip + time.Millisecond)
			quickest = min(quickest, trip)
			if off := c.now(local).Sub(local.Add(ahead)).Abs(); off > quickest/2+time.Microsecond {
				t.Fatalf("off by %s although an answer took only %s", off, quickest)
			}
		}
	})
}

func TestTheUncertaintyOfTheClock(t *testing.T) {
	t.Parallel()
	var c clock
	sent := time.Now()
	if got := c.uncertainty(sent); got < time.Second {
		t.Errorf("sure of itself (%v) without having asked", got)
	}
	c.sample(sent, sent.Add(10*time.Millisecond), sent)
	for after, most := range map[time.Duration]time.Duration{0: 12 * time.Millisecond, clockMemory: 12 * time.Millisecond, time.Hour: 730 * time.Millisecond} {
		got := c.uncertainty(sent.Add(after))
		// Two clocks that are each off by 100 parts in a million drift apart by 200.
		if least := 5*time.Millisecond + after*200/1e6; got < least || got > most {
			t.Errorf("%v after a trip of 10ms the uncertainty is %v, want %v to %v", after, got, least, most)
		}
	}
}

func TestTheTimeOfAPress(t *testing.T) {
	t.Parallel()
	start := saletest.Noon()
	sent := time.Now()
	at := func(state sale.State, now time.Duration) *sale.Snapshot {
		return &sale.Snapshot{State: state, StartsAt: start, EndsAt: start.Add(time.Hour), Now: start.Add(now)}
	}
	for name, c := range map[string]struct {
		snapshot *sale.Snapshot
		trip     time.Duration // of the answer that the clock has; 0: none
		after    time.Duration // since that answer
		want     time.Time
	}{
		"open":                                   {at(sale.Open, time.Minute), time.Millisecond, 0, start.Add(time.Minute)},
		"open, and the clock is behind":          {at(sale.Open, -time.Millisecond), time.Millisecond, 0, start},
		"open, after the end":                    {at(sale.Open, 2*time.Hour), time.Millisecond, 0, start.Add(2 * time.Hour)},
		"not opened yet":                         {at(sale.Scheduled, -time.Millisecond), time.Millisecond, 0, start.Add(-time.Millisecond)},
		"Postgres has never answered":            {at(sale.Open, time.Minute), 0, 0, time.Time{}},
		"Postgres took long":                     {at(sale.Open, time.Minute), 3 * time.Second, 0, time.Time{}},
		"Postgres has not answered for an hour":  {at(sale.Open, time.Minute), time.Millisecond, time.Hour, start.Add(time.Minute)},
		"Postgres has not answered for ten days": {at(sale.Open, time.Minute), time.Millisecond, 240 * time.Hour, time.Time{}},
	} {
		var k clock
		if c.trip > 0 {
			k.sample(sent, sent.Add(c.trip), start)
		}
		if got := k.pressTime(c.snapshot, sent.Add(c.after)); !got.Equal(c.want) {
			t.Errorf("%s: pressed at %s, want %s", name, got, c.want)
		}
	}
}
