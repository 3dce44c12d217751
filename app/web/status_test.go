package web

import (
	"net/http"
	"testing"
	"time"

	"flashsale/sale"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	base := map[string]any{
		"maxStock": 5, "startTime": "2026-01-01T10:00:00.000Z", "endTime": "2026-01-01T13:00:00.000Z",
		"id": 1, "slug": "first", "generation": 3, "version": 57, "revision": 9, "serverTime": at12,
	}
	for name, c := range map[string]struct {
		change func(*sale.Snapshot)
		want   map[string]any
	}{
		"active": {func(*sale.Snapshot) {}, map[string]any{"status": "active", "currentStock": 3, "sold": 2, "allClaimed": false,
			"timeUntilEnd": 3_600_000, "timeUntilStart": nil, "stale": nil, "ageMs": nil, "message": nil, "soldOutAt": nil}},
		"upcoming": {func(s *sale.Snapshot) {
			s.State, s.Taken = sale.Scheduled, 0
			s.Now = s.StartsAt.Add(-1500 * time.Millisecond)
		}, map[string]any{"status": "upcoming", "currentStock": 5, "sold": 0, "timeUntilStart": 1500, "timeUntilEnd": 10_801_500, "serverTime": "2026-01-01T09:59:58.500Z"}},
		"sold out":       {func(s *sale.Snapshot) { s.Taken = 5 }, map[string]any{"status": "sold-out", "currentStock": 0, "sold": 5}},
		"ended":          {func(s *sale.Snapshot) { s.State = sale.Closed }, map[string]any{"status": "ended", "timeUntilEnd": nil, "timeUntilStart": nil}},
		"with a message": {func(s *sale.Snapshot) { s.Message = `Back at "noon" <b>` }, map[string]any{"status": "active", "message": `Back at "noon" <b>`}},
		"sold out at a known moment": {func(s *sale.Snapshot) {
			s.Taken, s.Sellout = 5, sale.Sellout{Opened: s.StartsAt, At: s.StartsAt.Add(700 * time.Millisecond)}
		}, map[string]any{"status": "sold-out", "soldOutAt": "2026-01-01T10:00:00.700Z", "soldOutAfter": 700}},
		"paused":      {func(s *sale.Snapshot) { s.State = sale.Paused }, map[string]any{"status": "paused"}},
		"all claimed": {func(s *sale.Snapshot) { s.AllClaimed = true }, map[string]any{"status": "active", "allClaimed": true}},
		"stale": {func(s *sale.Snapshot) { s.Stale, s.Age = true, 2500*time.Millisecond },
			map[string]any{"status": "active", "stale": true, "ageMs": 2500}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.catalog.change(c.change)
			for _, target := range []string{"/api/flash-sale/status", "/api/sales/first/status"} {
				res := w.send(t, "GET", target, "")
				if res.StatusCode != http.StatusOK || res.Header.Get("Sale-Version") != "57" || res.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%d %v", res.StatusCode, res.Header)
				}
				want := map[string]any{}
				for _, m := range []map[string]any{base, c.want} {
					for k, v := range m {
						want[k] = v
					}
				}
				res.has(t, want)
			}
			list := w.send(t, "GET", "/api/sales", "")
			sales, _ := list.json["sales"].([]any)
			if len(sales) != 1 || sales[0].(map[string]any)["status"] != c.want["status"] {
				t.Errorf("the list says %s", list.raw)
			}
		})
	}
}

func TestProduct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res := w.send(t, "GET", "/api/flash-sale/product", "")
	res.has(t, map[string]any{
		"id": 1, "product_name": "Lamp", "price": "499.00", "price_minor": 49_900, "discount": "200.05", "discount_minor": 20_005,
		"price_after_discount": "298.95", "price_after_discount_minor": 29_895, "currency_code": "USD", "currency_symbol": "$",
		"current_stock": 3, "max_stock": 5, "start_time": "2026-01-01T10:00:00.000Z", "end_time": "2026-01-01T13:00:00.000Z",
	})
	images, _ := res.json["images"].(map[string]any)
	if images["main"] != "/static/a.svg" || images["thumbnails"] == nil || images["gallery"] == nil {
		t.Errorf("images are %v", images)
	}
	for _, field := range []string{"description", "details", "specification", "important_info"} {
		if v, ok := res.json[field]; !ok || v == nil {
			t.Errorf("%s is %v", field, v)
		}
	}
}
