package checkout

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// cursorAt is a ledger's cursor that is set by hand.
type cursorAt struct {
	offset  int64
	movedAt time.Time
	err     error
	asked   atomic.Int64
}

func (c *cursorAt) Cursor(context.Context, int) (int64, time.Time, error) {
	c.asked.Add(1)
	return c.offset, c.movedAt, c.err
}

func TestWhetherTheLogIsConsumed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		at      *cursorAt
		stalled bool
	}{
		"before the claim, still for long": {&cursorAt{offset: 5, movedAt: now.Add(-time.Second)}, true},
		"right at the claim":               {&cursorAt{offset: 7, movedAt: now.Add(-time.Second)}, true},
		"past the claim":                   {&cursorAt{offset: 8, movedAt: now.Add(-time.Hour)}, false},
		"before the claim, but moving":     {&cursorAt{offset: 5, movedAt: now.Add(-idleTime)}, false},
		"idle a nanosecond longer":         {&cursorAt{offset: 5, movedAt: now.Add(-idleTime - 1)}, true},
		"nobody can say":                   {&cursorAt{offset: 8, movedAt: now, err: errAway}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := progress{cursors: c.at}
			if got := p.stalled(t.Context(), 1, 7, now); got != c.stalled {
				t.Errorf("stalled %v, want %v", got, c.stalled)
			}
		})
	}
}

func TestRequestsShareTheQuestionAboutProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := &cursorAt{offset: 5, movedAt: time.Now()}
		p := progress{cursors: at}
		askAll := func() {
			var all sync.WaitGroup
			for range 300 {
				all.Go(func() {
					if p.stalled(t.Context(), 1, 7, time.Now()) {
						t.Error("stalled")
					}
				})
			}
			all.Wait()
		}
		askAll()
		time.Sleep(progressTime)
		askAll()
		if n := at.asked.Load(); n != 1 {
			t.Errorf("%d questions within a moment", n)
		}
		time.Sleep(time.Nanosecond)
		askAll()
		if n := at.asked.Load(); n != 2 {
			t.Errorf("%d questions, want a second one after the moment", n)
		}
		p.stalled(t.Context(), 2, 7, time.Now())
		if n := at.asked.Load(); n != 3 {
			t.Error("another partition was not asked about")
		}
	})
}

// Other requests wait for the question too, so it does not end with the request that asked; and it is bounded.
func TestTheQuestionAboutProgressGoesOnWithoutItsRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := progress{cursors: hungCursor{}}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		began := time.Now()
		if !p.stalled(ctx, 1, 7, time.Now()) {
			t.Error("a ledger that hangs makes progress")
		}
		if took := time.Since(began); took != appendTime {
			t.Errorf("waited %v, want %v", took, appendTime)
		}
	})
}

type hungCursor struct{}

func (hungCursor) Cursor(ctx context.Context, _ int) (int64, time.Time, error) {
	return 0, time.Time{}, hangs(ctx)
}
