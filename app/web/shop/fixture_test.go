package shop

import (
	"time"

	"flashsale/sale"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func activeSale() sale.Snapshot {
	return sale.Snapshot{
		ID: 1, Slug: "first", Generation: 3, State: sale.Open, StartsAt: noon.Add(-2 * time.Hour), EndsAt: noon.Add(time.Hour),
		Total: 5, Taken: 2, Version: 57, Revision: 9, Now: noon,
	}
}
