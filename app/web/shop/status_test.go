package shop

import (
	"errors"
	"strings"
	"testing"
	"time"

	"flashsale/sale"
	"flashsale/views/text"
)

func TestStatusWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		change     func(*sale.Snapshot)
		text, when string
		counting   bool
	}{
		{"upcoming", func(s *sale.Snapshot) { s.State, s.StartsAt = sale.Scheduled, noon.Add(time.Minute) }, "Coming Soon", "Starts", true},
		{"active", func(*sale.Snapshot) {}, "Flash Sale Live!", "Ends", true},
		{"sold-out", func(s *sale.Snapshot) { s.Taken = s.Total }, "Sold Out", "Ends", true},
		{"paused", func(s *sale.Snapshot) { s.State = sale.Paused }, "Paused", "Ends", true},
		{"ended", func(s *sale.Snapshot) { s.EndsAt = noon.Add(-time.Minute) }, "Sale Ended", "Ended", false},
		{"ended", func(s *sale.Snapshot) { s.State = sale.Closed }, "Sale Ended", "", false},
		{"upcoming", func(s *sale.Snapshot) { s.State, s.StartsAt = sale.Scheduled, noon.Add(-time.Second) }, "Coming Soon", "Starts", false},
	} {
		s := activeSale()
		c.change(&s)
		v := statusView(s)
		if v.Status != c.name || v.Text != c.text || v.When != c.when || v.Counting != c.counting {
			t.Errorf("got %+v, want %+v", v, c)
		}
	}
}

func TestStatusCarriesTheLedgersFigures(t *testing.T) {
	t.Parallel()
	v := statusView(activeSale())
	if v.Left != 3 || v.Total != 5 || v.Sold != 2 || v.Version != 57 {
		t.Errorf("got %+v", v)
	}
	if v.NowMilli != noon.UnixMilli() || v.UntilMilli != noon.Add(time.Hour).UnixMilli() {
		t.Errorf("times %d and %d are not the ledger's", v.NowMilli, v.UntilMilli)
	}
	if v.Until != "1 January 2026, 13:00:00 UTC" || v.UntilISO != "2026-01-01T13:00:00.000Z" {
		t.Errorf("the end is %q, %q", v.Until, v.UntilISO)
	}
}

func TestStatusNotes(t *testing.T) {
	t.Parallel()
	s := activeSale()
	if v := statusView(s); v.Note != "" {
		t.Errorf("a sale like any other has the note %q", v.Note)
	}
	s.AllClaimed = true
	if v := statusView(s); !strings.Contains(v.Note, "may come back") {
		t.Errorf("all claimed: %q", v.Note)
	}
	s.Taken = s.Total
	if v := statusView(s); v.Note != "" {
		t.Errorf("sold out is not undecided: %q", v.Note)
	}
	s.Stale = true
	if v := statusView(s); !strings.Contains(v.Note, "out of date") {
		t.Errorf("stale: %q", v.Note)
	}
}

func TestStatusWithoutASale(t *testing.T) {
	t.Parallel()
	if v := statusPanel(sale.Snapshot{}, sale.ErrNoSale); v.Status != "none" || v.Text != "No Sale" {
		t.Errorf("no sale: %+v", v)
	}
	if v := statusPanel(sale.Snapshot{}, errors.New("boom")); v.Status != "none" || v.Note == "" || strings.Contains(v.Note, "boom") {
		t.Errorf("a fault: %+v", v)
	}
}

// A frame becomes the data of one event, and is the same for everybody.
func TestFrame(t *testing.T) {
	t.Parallel()
	hs := &Handlers{cfg: Config{Brand: NewBrand(nil, "", true)}}
	frame := string(hs.Frame(activeSale(), text.Language{}))
	if strings.ContainsAny(frame, "\r\n") {
		t.Error("the frame has line breaks")
	}
	if again := string(hs.Frame(activeSale(), text.Language{})); again != frame {
		t.Error("the same snapshot gives other bytes")
	}
	for _, want := range []string{`data-testid="current-stock">3<`, `data-testid="total-stock">5<`, `data-testid="sold-stock">2<`, `data-version="57"`} {
		if !strings.Contains(frame, want) {
			t.Errorf("no %s in %s", want, frame)
		}
	}
	if size := len(frame); size > 2048 {
		t.Errorf("a frame of %d bytes, ten a second to everybody", size)
	}
}
