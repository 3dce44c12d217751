package shop

import (
	"context"
	"time"

	"flashsale/views/text"
)

// lasted is a length of time for people, with tenths below ten seconds and no zero.
func lasted(ctx context.Context, d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return text.Say(ctx, "%.1f s", max(0.1, d.Seconds()))
	case d < time.Minute:
		return text.Say(ctx, "%d s", int(d.Seconds()))
	case d < time.Hour:
		return text.Say(ctx, "%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return text.Say(ctx, "%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return text.Say(ctx, "%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}
