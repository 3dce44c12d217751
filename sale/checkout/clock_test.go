package checkout

import (
	"testing"
	"time"

	"pgregory.net/rapid"

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
	if c.uncertainty() < time.Second {
		t.Errorf("sure of itself (%v) without having asked", c.uncertainty())
	}
	sent := time.Now()
	c.sample(sent, sent.Add(10*time.Millisecond), sent)
	if c.uncertainty() < 5*time.Millisecond || c.uncertainty() > 20*time.Millisecond {
		t.Errorf("uncertainty %v after a trip of 10ms", c.uncertainty())
	}
}
