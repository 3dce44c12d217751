package checkout

import (
	"testing"
	"time"

	"flashsale/sale"
	"flashsale/sale/saletest"
)

func TestTheStatusOfASnapshot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state       sale.State
		ends        time.Duration
		total, sold int64
		want        sale.Status
	}{
		"draft":             {sale.Draft, time.Hour, 5, 0, sale.Upcoming},
		"scheduled":         {sale.Scheduled, time.Hour, 5, 0, sale.Upcoming},
		"open":              {sale.Open, time.Hour, 5, 4, sale.Active},
		"sold out":          {sale.Open, time.Hour, 5, 5, sale.SoldOut},
		"nothing to sell":   {sale.Open, time.Hour, 0, 0, sale.SoldOut},
		"paused":            {sale.Paused, time.Hour, 5, 4, sale.Stopped},
		"paused, sold out":  {sale.Paused, time.Hour, 5, 5, sale.Stopped},
		"its end came":      {sale.Open, 0, 5, 4, sale.Ended},
		"its end, sold out": {sale.Open, -time.Hour, 5, 5, sale.Ended},
		"paused at its end": {sale.Paused, 0, 5, 4, sale.Ended},
		"closing":           {sale.Closing, time.Hour, 5, 4, sale.Ended},
		"closed":            {sale.Closed, time.Hour, 5, 5, sale.Ended},
	} {
		s := sale.Snapshot{State: c.state, Now: saletest.Noon(), StartsAt: saletest.Noon().Add(-time.Hour), EndsAt: saletest.Noon().Add(c.ends), Total: c.total, Taken: c.sold}
		if got := s.Status(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if s.TimeUntilStart() != 0 || s.TimeUntilEnd() != max(0, c.ends) || s.Left() != c.total-c.sold {
			t.Errorf("%s: starts in %s, ends in %s, %d left", name, s.TimeUntilStart(), s.TimeUntilEnd(), s.Left())
		}
	}
	if s := (sale.Snapshot{Now: saletest.Noon(), StartsAt: saletest.Noon().Add(time.Minute)}); s.TimeUntilStart() != time.Minute {
		t.Errorf("starts in %s, want a minute", s.TimeUntilStart())
	}
}
