package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashsale/sale"
	"flashsale/views/text"
)

// event is one block of a stream.
type event struct{ id, name, data string }

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

// FuzzFrame: a snapshot is one event, whatever stands in it. A client reads what was put in, and nothing that was
// put in ends the event or begins another.
func FuzzFrame(f *testing.F) {
	f.Add("first", int64(57), int64(5), int64(2), int64(1_767_268_800_000), false, false)
	f.Add("a\n\nevent: status\ndata: {}", int64(-1), int64(0), int64(0), int64(0), true, true)
	f.Add("</script>\u2028\r\x00\xff", int64(1<<62), int64(1<<62), int64(-1), int64(-1), true, false)
	hs, _ := newHandlers(f)
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
		if len(events) != 1 || events[0].id != strconv.FormatInt(version, 10) || events[0].name != "status" || strings.Contains(events[0].data, "\n") {
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
		if shown := parseEvents(t, string(hs.pageFrame(text.Language{})(&snap))); len(shown) != 1 || shown[0].id != strconv.FormatInt(version, 10) {
			t.Fatalf("the pages get %+v", shown)
		}
	})
}
