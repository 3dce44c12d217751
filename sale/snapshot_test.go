package sale

import (
	"testing"
	"time"
)

func TestTheStatusOfASnapshot(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		state       State
		ends        time.Duration
		total, sold int64
		want        Status
	}{
		"draft":             {Draft, time.Hour, 5, 0, Upcoming},
		"scheduled":         {Scheduled, time.Hour, 5, 0, Upcoming},
		"open":              {Open, time.Hour, 5, 4, Active},
		"sold out":          {Open, time.Hour, 5, 5, SoldOut},
		"nothing to sell":   {Open, time.Hour, 0, 0, SoldOut},
		"paused":            {Paused, time.Hour, 5, 4, Stopped},
		"paused, sold out":  {Paused, time.Hour, 5, 5, Stopped},
		"its end came":      {Open, 0, 5, 4, Ended},
		"its end, sold out": {Open, -time.Hour, 5, 5, Ended},
		"paused at its end": {Paused, 0, 5, 4, Ended},
		"closing":           {Closing, time.Hour, 5, 4, Ended},
		"closed":            {Closed, time.Hour, 5, 5, Ended},
	} {
		s := Snapshot{State: c.state, Now: noon, StartsAt: noon.Add(-time.Hour), EndsAt: noon.Add(c.ends), Total: c.total, Taken: c.sold}
		if got := s.Status(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if s.TimeUntilStart() != 0 || s.TimeUntilEnd() != max(0, c.ends) || s.Left() != c.total-c.sold {
			t.Errorf("%s: starts in %s, ends in %s, %d left", name, s.TimeUntilStart(), s.TimeUntilEnd(), s.Left())
		}
	}
	if s := (Snapshot{Now: noon, StartsAt: noon.Add(time.Minute)}); s.TimeUntilStart() != time.Minute {
		t.Errorf("starts in %s, want a minute", s.TimeUntilStart())
	}
}

func TestChangeSweepsTheOrdersOfTheGenerationThatItEnds(t *testing.T) {
	t.Parallel()
	same := Change{Before: Snapshot{Generation: 4, Taken: 7}, After: Snapshot{Generation: 4, Taken: 7}}
	next := Change{Before: Snapshot{Generation: 4, Taken: 7}, After: Snapshot{Generation: 5}}
	if same.Swept() != 0 || next.Swept() != 7 {
		t.Errorf("%d and %d orders were swept away", same.Swept(), next.Swept())
	}
}
