package web

import (
	"testing"

	"flashsale/sale"
)

// The ledger was restored from a backup.
func TestStreamFollowsAnotherEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.running(t)
	url := w.open(t)
	l, page := listen(t.Context(), t, url+"/api/flash-sale/stream"), listen(t.Context(), t, url+"/live")
	l.status().has(t, map[string]any{"version": 57})
	w.catalog.change(func(s *sale.Snapshot) { s.Epoch, s.Version, s.Taken = 1, 40, 0 })
	l.status().has(t, map[string]any{"version": 40, "sold": 0})
	w.catalog.change(func(s *sale.Snapshot) { s.Version, s.Taken = 41, 1 })
	l.status().has(t, map[string]any{"version": 41, "sold": 1})
	for e, ok := page.next(); e.id != "41"; e, ok = page.next() {
		if !ok {
			t.Fatal("the page's stream has ended")
		}
	}
}
