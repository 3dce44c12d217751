package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"flashsale/sale"
)

// A shopper puts the start of a sale into a calendar. Asked again after a change, the entry is the same one, with a higher sequence.
func TestAReminderOfASalesStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := func(name string, at time.Time, long time.Duration, revision int64) {
		w.catalog.change(func(s *sale.Snapshot) {
			product := *s.Product
			product.Name = name
			s.State, s.Product, s.StartsAt, s.EndsAt, s.Revision = sale.Scheduled, &product, at, at.Add(long), revision
		})
	}
	at := time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)
	start("Lamp; red, "+strings.Repeat("ü", 60), at, 2*time.Hour, 7)
	slug := w.catalog.snaps[0].Slug
	r := w.send(t, "GET", "/sales/"+slug+"/calendar.ics", "", browserAccept)
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/calendar; charset=utf-8" || r.Header.Get("Content-Disposition") != `attachment; filename="`+slug+`.ics"` {
		t.Fatalf("%d %v %s", r.StatusCode, r.Header, r.raw)
	}
	for line := range strings.Lines(r.raw) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 77 {
			t.Errorf("a line of %d octets: %q", len(line), line)
		}
	}
	unfolded := strings.ReplaceAll(r.raw, "\r\n ", "")
	inOrder(t, unfolded,
		"BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:sale-1-"+slug+"@sales.flashsale.invalid", "DTSTAMP:20260101T120000Z", "SEQUENCE:7",
		"DTSTART:20260329T005959Z", "DTEND:20260329T025959Z", `SUMMARY:Lamp\; red\, `+strings.Repeat("ü", 60),
		`DESCRIPTION:One unit per shopper. Be here at the start:\nhttp://localhost:3001/sales/`+slug, "URL:http://localhost:3001/sales/"+slug,
		"BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT10M", `DESCRIPTION:Lamp\; red\, `+strings.Repeat("ü", 60), "END:VALARM", "END:VEVENT", "END:VCALENDAR")

	start("Lamp", at.Add(time.Hour), 365*24*time.Hour, 8)
	german := w.send(t, "GET", "/sales/"+slug+"/calendar.ics", "", browserAccept, "Accept-Language: de-AT")
	inOrder(t, strings.ReplaceAll(german.raw, "\r\n ", ""), "UID:sale-1-"+slug+"@sales.flashsale.invalid", "SEQUENCE:8", "DTSTART:20260329T015959Z", "DTEND:20260329T021459Z",
		`DESCRIPTION:Ein Stück pro Person. Seien Sie zum Beginn hier:\nhttp://localhost:3001/sales/`+slug)

	w.catalog.change(func(s *sale.Snapshot) { s.State = sale.Draft })
	for _, gone := range []string{slug, "nothing"} {
		if r := w.send(t, "GET", "/sales/"+gone+"/calendar.ics", "", browserAccept); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", gone, r.StatusCode)
		}
	}
}

// inOrder wants these lines, and others between them.
func inOrder(t *testing.T, entry string, lines ...string) {
	t.Helper()
	rest := "\r\n" + entry
	for _, line := range lines {
		_, after, found := strings.Cut(rest, "\r\n"+line+"\r\n")
		if !found {
			t.Fatalf("no line %q in its place in %s", line, entry)
		}
		rest = "\r\n" + after
	}
}
