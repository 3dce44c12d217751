package checkout

import (
	"testing"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

// A snapshot has the moment at which the last unit went, and only while nothing is left.
func TestASnapshotSaysWhenItSoldOut(t *testing.T) {
	t.Parallel()
	source, catalog := newManualSource(sale.Open)
	refresh := func() sale.Sellout {
		t.Helper()
		if err := catalog.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := catalog.Snapshot("")
		if err != nil {
			t.Fatal(err)
		}
		return s.Sellout
	}
	key := sale.Key{Sale: 1, Generation: 1}
	first := sale.Sellout{Opened: time.Unix(1, 0), At: time.Unix(3, 0)}
	source.sellouts = map[sale.Key]sale.Sellout{key: first}
	if got := refresh(); got != (sale.Sellout{}) {
		t.Fatalf("with units left it sold out: %+v", got)
	}
	catalog.applyStocks([]events.Stock{source.sell(100)})
	if len(catalog.refreshDue) == 0 {
		t.Error("nobody asks when the last unit went")
	}
	if got := refresh(); got != first {
		t.Errorf("sold out at %+v, want %+v", got, first)
	}
	// One comes back, and goes again.
	source.sell(-1)
	if got := refresh(); got != (sale.Sellout{}) {
		t.Errorf("with a unit left it sold out: %+v", got)
	}
	second := sale.Sellout{Opened: first.Opened, At: time.Unix(9, 0)}
	source.sellouts[key] = second
	source.sell(1)
	if got := refresh(); got != second {
		t.Errorf("sold out again at %+v, want %+v", got, second)
	}
	source.edit(func(s *sale.Row) { s.Version++; s.Message = "Thank you" })
	if got := refresh(); got != second {
		t.Errorf("another row of the sale: %+v", got)
	}
	if s, _ := catalog.Snapshot(""); s.Message != "Thank you" {
		t.Errorf("the message is %q", s.Message)
	}
}
