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
	if text.Moment(t.Context(), v.Until) != "1 January 2026, 13:00:00 UTC" || v.UntilISO != "2026-01-01T13:00:00.000Z" {
		t.Errorf("the end is %s, %q", v.Until, v.UntilISO)
	}
}

// The note says what matters most: old figures, then what an operator wrote, then what everybody has to know, then the brand's sentence.
func TestStatusNotes(t *testing.T) {
	t.Parallel()
	written := func(s *sale.Snapshot) { s.Message = "Back at <14:00>" }
	for name, c := range map[string]struct {
		change []func(*sale.Snapshot)
		brand  string
		note   string
	}{
		"open":                           {nil, "", ""},
		"open, with a brand":             {nil, "Hello", "Hello"},
		"open, with a message":           {[]func(*sale.Snapshot){written}, "Hello", "Back at <14:00>"},
		"all claimed":                    {[]func(*sale.Snapshot){allClaimed}, "Hello", "Every unit is being bought right now. Some may come back: then press again."},
		"all claimed, with a message":    {[]func(*sale.Snapshot){allClaimed, written}, "Hello", "Back at <14:00>"},
		"sold out after all was claimed": {[]func(*sale.Snapshot){allClaimed, soldOut}, "", "Units may come back until the sale ends. This page shows it at once."},
		"sold out, with a brand":         {[]func(*sale.Snapshot){soldOut}, "Gone", "Gone"},
		"stale":                          {[]func(*sale.Snapshot){written, stale}, "Hello", "We are checking. The figures may be out of date; your place is safe."},
		"paused":                         {[]func(*sale.Snapshot){paused}, "", "Nobody can buy now. The sale goes on with the same units."},
		"ended":                          {[]func(*sale.Snapshot){over}, "", "The sale is over. Receipts stay valid."},
		"closed early":                   {[]func(*sale.Snapshot){closed}, "", "The sale was closed before its end. Receipts stay valid."},
		"late":                           {[]func(*sale.Snapshot){late}, "", "The sale opens in a moment."},
	} {
		s := activeSale()
		for _, change := range c.change {
			change(&s)
		}
		hs := &Handlers{cfg: Config{Brand: NewBrand(nil, "", true)}}
		if c.brand != "" {
			hs.cfg.Brand = NewBrand(&someBrand{readBrand(t, `{"name": "x", "texts": {"`+string(s.Status())+`": "`+c.brand+`"}}`)}, "", true)
		}
		if v := hs.panel(s, nil); v.Note+v.Tip != c.note || v.Note != "" && v.Tip != "" {
			t.Errorf("%s: %q %q, want %q", name, v.Note, v.Tip, c.note)
		}
	}
}

func allClaimed(s *sale.Snapshot) { s.AllClaimed = true }
func soldOut(s *sale.Snapshot)    { s.Taken = s.Total }
func stale(s *sale.Snapshot)      { s.Stale = true }
func paused(s *sale.Snapshot)     { s.State = sale.Paused }
func over(s *sale.Snapshot)       { s.EndsAt = noon.Add(-time.Minute) }
func closed(s *sale.Snapshot)     { s.State = sale.Closed }
func late(s *sale.Snapshot)       { s.State, s.StartsAt = sale.Scheduled, noon.Add(-time.Second) }

// A panel says when the last unit went and how long the units lasted, and still has the end for the script.
func TestStatusOfASellOut(t *testing.T) {
	t.Parallel()
	s := activeSale()
	s.Taken, s.Sellout = s.Total, sale.Sellout{Opened: noon.Add(-time.Minute - 700*time.Millisecond), At: noon.Add(-time.Minute)}
	v := statusView(s)
	if v.When != "Sold out" || !v.Until.Equal(s.Sellout.At) || v.Took != 700*time.Millisecond || v.UntilMilli != s.EndsAt.UnixMilli() {
		t.Errorf("%+v", v)
	}
}

// Whatever the state, what is said in German fits into the room of the note, and is not English.
func TestStatusInGerman(t *testing.T) {
	t.Parallel()
	german := text.Choose("de")
	hs := &Handlers{cfg: Config{Brand: NewBrand(nil, "", true)}}
	for name, sc := range scenes() {
		v := hs.panel(sc.snapshot, sc.err)
		if german.Say(v.Text) == v.Text || v.Tip != "" && german.Say(v.Tip) == v.Tip {
			t.Errorf("%s: %q, %q", name, german.Say(v.Text), german.Say(v.Tip))
		}
		if n := len([]rune(german.Say(v.Tip))); n > 95 {
			t.Errorf("%s: a note of %d characters", name, n)
		}
	}
}

func TestStatusWithoutASale(t *testing.T) {
	t.Parallel()
	if v := statusPanel(sale.Snapshot{}, sale.ErrNoSale); v.Status != "none" || v.Text != "No Sale" {
		t.Errorf("no sale: %+v", v)
	}
	if v := statusPanel(sale.Snapshot{}, errors.New("boom")); v.Status != "none" || v.Tip == "" || strings.Contains(v.Tip, "boom") {
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
	s := activeSale()
	s.Taken, s.Sellout.At, s.Message = s.Total, noon, strings.Repeat("<b>&", 50)
	if longest := string(hs.Frame(s, text.Language{})); strings.Contains(longest, "<b>") || !strings.Contains(longest, "&lt;b&gt;&amp;") {
		t.Errorf("a message is not plain text in %s", longest)
	}
	if size := len(frame); size > 2048 {
		t.Errorf("a frame of %d bytes, ten a second to everybody", size)
	}
}
