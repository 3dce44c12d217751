package checkout

import (
	"testing"

	"flashsale/events"
	"flashsale/sale"
)

// A restored ledger has another history. Its versions may be lower than those shown, or the same with other figures.
func TestALedgerThatGoesBackBeginsAnEpoch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(s *sale.Row)
		epoch  int64
	}{
		"nothing":               {func(*sale.Row) {}, 0},
		"a sale":                {func(s *sale.Row) { s.Level.Taken++; s.Level.Version++ }, 0},
		"a unit that came back": {func(s *sale.Row) { s.Level.Taken--; s.Level.Version++ }, 0},
		"a pause":               {func(s *sale.Row) { s.State, s.Version = sale.Paused, s.Version+1 }, 0},
		"a reset": {func(s *sale.Row) {
			s.Generation++
			s.Version++
			s.Level = sale.Level{Sale: 1, Generation: 4, Total: 9, Taken: 0, NextUnit: 1, Version: s.Level.Version + 1}
		}, 0},
		"a stock from before":           {func(s *sale.Row) { s.Level.Taken--; s.Level.Version-- }, 1},
		"another sale of that version":  {func(s *sale.Row) { s.Level.Taken-- }, 1},
		"another total of that version": {func(s *sale.Row) { s.Level.Total++ }, 1},
		"a row from before":             {func(s *sale.Row) { s.Version-- }, 1},
		"a row from before, and sales":  {func(s *sale.Row) { s.Version--; s.Level.Taken++; s.Level.Version += 5 }, 1},
		"a generation from before": {func(s *sale.Row) {
			s.Generation--
			s.Version--
			s.Level = sale.Level{Sale: 1, Generation: 2, Total: 9, Taken: 0, NextUnit: 1, Version: 2}
		}, 1},
		"all of it":                 {func(s *sale.Row) { s.Version--; s.Level.Taken--; s.Level.Version-- }, 1},
		"a stock from before, acts": {func(s *sale.Row) { s.Level.Version--; s.Version += 3 }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := newManualSource(sale.Open, sale.Open)
			p.edit(func(s *sale.Row) {
				s.Generation, s.Version = 3, 8
				s.Level = sale.Level{Sale: 1, Generation: 3, Total: 100, Taken: 50, NextUnit: 51, Version: 60}
			})
			refreshCatalog(t, c)
			c.applyStocks([]events.Stock{p.sell(1)}) // a commit names no next unit
			refreshCatalog(t, c)
			receipts := c.find("sale-a").receipts
			p.edit(tc.change)
			refreshCatalog(t, c)
			s, _ := c.Snapshot("sale-a")
			if s.Epoch != tc.epoch {
				t.Errorf("epoch %d, want %d", s.Epoch, tc.epoch)
			}
			p.mu.Lock()
			want := p.rows[1]
			p.mu.Unlock()
			if s.Version != want.ClientVersion() || s.Taken != want.Level.Taken || s.Total != want.Level.Total || s.Generation != want.Generation {
				t.Errorf("the catalog shows %+v, the ledger says %+v", s, want)
			}
			if other := c.find("sale-a"); other.Level.Version < 60 && other.receipts == receipts {
				t.Error("the receipts of the other history are still there")
			}
			c.applyStocks([]events.Stock{p.sell(1)})
			refreshCatalog(t, c)
			if s, _ := c.Snapshot("sale-a"); s.Epoch != tc.epoch {
				t.Errorf("epoch %d after a sale, want %d", s.Epoch, tc.epoch)
			}
			if s, _ := c.Snapshot("sale-b"); s.Epoch != 0 {
				t.Errorf("epoch %d of another sale", s.Epoch)
			}
		})
	}
}

// A commit from before the restore whose announcement was under way is believed until the next read.
func TestACommitFromBeforeARestoreIsUndone(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	refreshCatalog(t, c)
	late := p.sell(9)
	p.edit(func(s *sale.Row) { s.Level.Taken, s.Level.Version = 0, 1 })
	c.applyStocks([]events.Stock{late})
	shown, _ := c.Snapshot("")
	refreshCatalog(t, c)
	if s, _ := c.Snapshot(""); s.Taken != 0 || s.Epoch <= shown.Epoch {
		t.Errorf("%+v after %+v", s, shown)
	}
}

func TestAnAnswerOlderThanACommitBeginsNoEpoch(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	refreshCatalog(t, c)
	p.sell(1)
	read, leave := p.stopReads()
	refreshed := make(chan error, 1)
	go func() { refreshed <- c.Refresh(t.Context()) }()
	<-read
	c.applyStocks([]events.Stock{p.sell(1)})
	leave <- struct{}{}
	if err := <-refreshed; err != nil {
		t.Fatal(err)
	}
	if s, _ := c.Snapshot(""); s.Taken != 2 || s.Epoch != 0 {
		t.Errorf("%+v", s)
	}
}
