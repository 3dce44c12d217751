package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flashsale/sale"
)

// parseEvents reads a stream by the rules of the HTML standard, for what the product sends of it.
func parseEvents(t *testing.T, stream string) []event {
	t.Helper()
	var all []event
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		var e event
		var data []string
		for line := range strings.FieldsFuncSeq(block, func(r rune) bool { return r == '\n' || r == '\r' }) {
			field, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimPrefix(value, " "); field {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				data = append(data, value)
			case "retry", "":
			default:
				t.Fatalf("a line that is no field: %q", line)
			}
		}
		if e.data = strings.Join(data, "\n"); e.data != "" {
			all = append(all, e)
		}
	}
	return all
}

// FuzzLastEventID: whatever a returning client says it has seen, it gets the whole snapshot first, and the same one.
func FuzzLastEventID(f *testing.F) {
	for _, seed := range []string{"", "57", "58", "-1", "9223372036854775808", "1.57", "\x00", "57\n\nevent: status\ndata: {}", "é", strings.Repeat("9", 5000)} {
		f.Add(seed, false)
	}
	f.Add("57", true)
	w := quietWorld(f)
	f.Fuzz(func(t *testing.T, id string, page bool) {
		path := "/api/flash-sale/stream"
		if page {
			path = "/live"
		}
		with, without := w.firstEvents(t, path, http.Header{"Last-Event-Id": {id}}), w.firstEvents(t, path, nil)
		if len(with) != 1 || len(without) != 1 || with[0] != without[0] || with[0].id != "57" {
			t.Fatalf("%q gets %+v, a new client %+v", id, with, without)
		}
	})
}

// firstEvents is what a stream sends to a client that leaves at once.
func (w *world) firstEvents(t *testing.T, path string, h http.Header) []event {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	leave()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	r.Host, r.Header = "localhost", http.Header{}
	if h != nil {
		r.Header = h
	}
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	return parseEvents(t, rec.Body.String())
}

// FuzzFrame: a snapshot is one event, whatever stands in it. A client reads what was put in, and nothing that was
// put in ends the event or begins another.
func FuzzFrame(f *testing.F) {
	f.Add("first", int64(57), int64(5), int64(2), int64(1_767_268_800_000), false, false)
	f.Add("a\n\nevent: status\ndata: {}", int64(-1), int64(0), int64(0), int64(0), true, true)
	f.Add("</script>\u2028\r\x00\xff", int64(1<<62), int64(1<<62), int64(-1), int64(-1), true, false)
	w := quietWorld(f)
	f.Fuzz(func(t *testing.T, slug string, version, total, taken, milli int64, stale, claimed bool) {
		const year = int64(365 * 24 * time.Hour / time.Millisecond)
		at := time.UnixMilli(milli % (7000 * year)).UTC()
		if at.Year() < 0 || at.Year() > 9998 {
			return // the ledger has no such times: the configuration refuses them
		}
		snap := activeSale()
		snap.Slug, snap.Version, snap.Total, snap.Taken, snap.Stale, snap.AllClaimed = slug, version, total, taken, stale, claimed
		snap.StartsAt, snap.EndsAt, snap.Now = at, at.Add(time.Hour), at.Add(time.Minute)
		events := parseEvents(t, string(statusFrame(&snap)))
		if len(events) != 1 || events[0].id != itoa64(version) || events[0].name != "status" || strings.Contains(events[0].data, "\n") {
			t.Fatalf("%q: %+v", slug, events)
		}
		var read struct {
			Slug      string
			Version   int64
			MaxStock  int64
			Sold      int64
			StartTime time.Time
			Stale     bool
			Status    sale.Status
		}
		if err := json.Unmarshal([]byte(events[0].data), &read); err != nil {
			t.Fatalf("%q: %v in %s", slug, err, events[0].data)
		}
		if read.Slug != strings.ToValidUTF8(slug, "\ufffd") && !strings.Contains(read.Slug, "\ufffd") ||
			read.Version != version || read.MaxStock != total || read.Sold != taken || read.Stale != stale ||
			!read.StartTime.Equal(at) || read.Status != snap.Status() {
			t.Fatalf("%+v was sent as %+v", snap, read)
		}
		if shown := parseEvents(t, string(w.pageFrame(&snap))); len(shown) != 1 || shown[0].id != itoa64(version) {
			t.Fatalf("the pages get %+v", shown)
		}
	})
}
