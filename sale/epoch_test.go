package sale

import (
	"testing"

	"flashsale/events"
)

// A restored ledger has another history. Its versions may be lower than what was shown, or the same with other figures.
func TestEachTimeTheLedgerGoesBackBeginsAnEpoch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(s *sheet)
		epoch  int64
	}{
		"nothing":                       {func(*sheet) {}, 0},
		"a sale":                        {func(s *sheet) { s.level.Taken++; s.level.Version++ }, 0},
		"a unit that came back":         {func(s *sheet) { s.level.Taken--; s.level.Version++ }, 0},
		"a pause":                       {func(s *sheet) { s.state, s.version = Paused, s.version+1 }, 0},
		"a reset":                       {func(s *sheet) { s.Generation++; s.version++; s.level = Level{1, 4, 9, 0, 1, s.level.Version + 1} }, 0},
		"a stock from before":           {func(s *sheet) { s.level.Taken--; s.level.Version-- }, 1},
		"another sale of that version":  {func(s *sheet) { s.level.Taken-- }, 1},
		"another total of that version": {func(s *sheet) { s.level.Total++ }, 1},
		"a row from before":             {func(s *sheet) { s.version-- }, 1},
		"a row from before, and sales":  {func(s *sheet) { s.version--; s.level.Taken++; s.level.Version += 5 }, 1},
		"a generation from before":      {func(s *sheet) { s.Generation--; s.version--; s.level = Level{1, 2, 9, 0, 1, 2} }, 1},
		"all of it":                     {func(s *sheet) { s.version--; s.level.Taken--; s.level.Version-- }, 1},
		"a stock from before, acts":     {func(s *sheet) { s.level.Version--; s.version += 3 }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, b := onPapers(Open, Open)
			p.edit(func(s *sheet) {
				s.Generation, s.version = 3, 8
				s.level = Level{Sale: 1, Generation: 3, Total: 100, Taken: 50, NextUnit: 51, Version: 60}
			})
			refreshBoard(t, b)
			b.heard([]events.Stock{p.sell(1)}) // news name no next unit
			refreshBoard(t, b)
			book := b.find("sale-a").book
			p.edit(c.change)
			refreshBoard(t, b)
			s, _ := b.Snapshot("sale-a")
			if s.Epoch != c.epoch {
				t.Errorf("epoch %d, want %d", s.Epoch, c.epoch)
			}
			p.mu.Lock()
			want := p.sheets[1]
			p.mu.Unlock()
			if s.Version != want.shown() || s.Taken != want.level.Taken || s.Total != want.level.Total || s.Generation != want.Generation {
				t.Errorf("the board shows %+v, the ledger says %+v", s, want)
			}
			if other := b.find("sale-a"); other.level.Version < 60 && other.book == book {
				t.Error("the receipts of the other history are still believed")
			}
			b.heard([]events.Stock{p.sell(1)})
			refreshBoard(t, b)
			if s, _ := b.Snapshot("sale-a"); s.Epoch != c.epoch {
				t.Errorf("epoch %d after a sale, want %d", s.Epoch, c.epoch)
			}
			if s, _ := b.Snapshot("sale-b"); s.Epoch != 0 {
				t.Errorf("epoch %d of another sale", s.Epoch)
			}
		})
	}
}

// News of the time before the restore, which was under way, is believed until the next look and no longer.
func TestNewsFromBeforeARestoreIsTakenBack(t *testing.T) {
	t.Parallel()
	p, b := onPapers(Open)
	refreshBoard(t, b)
	late := p.sell(9)
	p.edit(func(s *sheet) { s.level.Taken, s.level.Version = 0, 1 })
	b.heard([]events.Stock{late})
	shown, _ := b.Snapshot("")
	refreshBoard(t, b)
	if s, _ := b.Snapshot(""); s.Taken != 0 || s.Epoch <= shown.Epoch {
		t.Errorf("%+v after %+v", s, shown)
	}
}

func TestAnAnswerThatWasOvertakenBeginsNoEpoch(t *testing.T) {
	t.Parallel()
	p, b := onPapers(Open)
	refreshBoard(t, b)
	p.sell(1)
	p.read, p.before = make(chan struct{}, 1), make(chan struct{})
	looked := make(chan error, 1)
	go func() { looked <- b.Refresh(t.Context()) }()
	<-p.read
	b.heard([]events.Stock{p.sell(1)})
	p.before <- struct{}{}
	if err := <-looked; err != nil {
		t.Fatal(err)
	}
	if s, _ := b.Snapshot(""); s.Taken != 2 || s.Epoch != 0 {
		t.Errorf("%+v", s)
	}
}
