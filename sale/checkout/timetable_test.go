package checkout

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// The clock of the machine may be wrong by hours. The sale opens and ends by the clock of Postgres.
func TestASaleOpensAndEndsByTheClockOfTheLedger(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, 3 * time.Hour, -3 * time.Hour} {
		t.Run(fmt.Sprintf("ahead by %s", ahead), func(t *testing.T) {
			t.Parallel()
			p, c := newManualSource(sale.Scheduled)
			log := newCloseLog()
			c.log, p.ahead = log, ahead
			starts := p.clock().Add(400 * time.Millisecond)
			p.edit(func(s *sale.Row) { s.StartsAt, s.EndsAt = starts, starts.Add(400*time.Millisecond) })
			log.onWrite = func(events.Claim) { // the ledger reaches the record at once
				p.edit(func(s *sale.Row) { s.State, s.Version = sale.Closed, s.Version+1 })
			}
			refreshCatalog(t, c)
			runCatalog(t, c)
			if s := awaitSnapshot(t, c, "the start", func(s sale.Snapshot) bool { return s.State == sale.Open }); s.Now.Before(starts) {
				t.Errorf("open at %s, %s before the start", s.Now, starts.Sub(s.Now))
			}
			awaitSnapshot(t, c, "the end", func(s sale.Snapshot) bool { return s.State == sale.Closing || s.State == sale.Closed })
			record := <-log.written
			p.mu.Lock()
			defer p.mu.Unlock()
			want := sale.CloseID(saletest.Secret(), 1, p.rows[1].ClosingVersion)
			if record.Kind != events.KindClose || record.ID != want || record.SaleID != 1 || record.Generation != 1 || record.PressedAt.Before(starts) {
				t.Errorf("close record %+v, want id %s", record, want)
			}
			for _, at := range p.asked {
				if at.Before(starts) {
					t.Errorf("asked %s before the start", starts.Sub(at))
				}
			}
		})
	}
}

func TestWhenEachStateMoves(t *testing.T) {
	t.Parallel()
	starts, ends := saletest.Noon(), saletest.Noon().Add(time.Hour)
	for state, want := range map[sale.State]time.Time{
		sale.Draft: {}, sale.Scheduled: starts, sale.Open: ends, sale.Paused: ends, sale.Closing: {}, sale.Closed: {},
	} {
		e := &catalogEntry{Row: sale.Row{State: state, StartsAt: starts, EndsAt: ends}}
		if got := e.nextMove(); !got.Equal(want) {
			t.Errorf("%s moves at %s, want %s", state, got, want)
		}
	}
}

// sourceAt makes a source with one sale in that state, with those times counted from now by the source's clock, and a catalog
// that has read it.
func sourceAt(t *testing.T, state sale.State, starts, ends time.Duration) (*manualSource, *Catalog, *catalogEntry, *closeLog) {
	t.Helper()
	p, c := newManualSource(state)
	log := newCloseLog()
	c.log = log
	p.edit(func(s *sale.Row) {
		s.StartsAt, s.EndsAt, s.ClosingVersion = p.clock().Add(starts), p.clock().Add(ends), 7
	})
	refreshCatalog(t, c)
	return p, c, c.find("sale-a"), log
}

func TestHowLongASaleWaitsForItsMove(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state        sale.State
		starts, ends time.Duration
		most         time.Duration
	}{
		"long before":     {sale.Scheduled, time.Hour, 2 * time.Hour, time.Hour + 10*time.Millisecond},
		"soon":            {sale.Scheduled, checkEvery / 2, time.Hour, checkEvery/2 + 10*time.Millisecond},
		"running":         {sale.Open, -time.Hour, time.Hour, time.Hour + 10*time.Millisecond},
		"a draft, late":   {sale.Draft, -2 * time.Hour, -time.Hour, checkEvery},
		"over for longer": {sale.Closed, -2 * time.Hour, -time.Hour, checkEvery},
		"closing":         {sale.Closing, -2 * time.Hour, -time.Hour, checkEvery},
	} {
		_, catalog, e, _ := sourceAt(t, c.state, c.starts, c.ends)
		if wait := catalog.untilMove(e); wait <= 0 || wait > c.most {
			t.Errorf("%s: it moves in %s, want at most %s", name, wait, c.most)
		}
		if wait := catalog.untilClose(e); (wait == 0) != (c.state == sale.Closing) {
			t.Errorf("%s: it needs a close record in %s", name, wait)
		}
	}
	for name, state := range map[string]sale.State{"its start came": sale.Scheduled, "its end came": sale.Open, "paused at its end": sale.Paused} {
		_, c, e, _ := sourceAt(t, state, -2*time.Hour, -time.Hour)
		if wait := c.untilMove(e); wait != 0 {
			t.Errorf("%s: it moves in %s", name, wait)
		}
	}
}

func TestAMoveThatFailsIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		refuse error
		logged int
	}{
		"somebody else changes the sale": {fmt.Errorf("lock: %w", sale.ErrBusy), 0},
		"the ledger is away":             {errAway, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c, e, _ := sourceAt(t, sale.Scheduled, -time.Second, time.Hour)
			var said bytes.Buffer
			c.logger = slog.New(slog.NewTextHandler(&said, nil))
			p.moving = func(context.Context, string) error { return tc.refuse }
			if wait := c.move(t.Context(), e); wait != moveRetry {
				t.Errorf("again in %s, want %s", wait, moveRetry)
			}
			c.move(t.Context(), e)
			if n := strings.Count(said.String(), "cannot be moved"); n != tc.logged {
				t.Errorf("logged %d times, want %d: %q", n, tc.logged, said.String())
			}
			p.moving = nil
			c.move(t.Context(), e)
			if s, _ := c.Snapshot("sale-a"); s.State != sale.Open {
				t.Errorf("state %s after the third try", s.State)
			}
		})
	}
}

func TestAMoveThatAnotherProcessMade(t *testing.T) {
	t.Parallel()
	p, c, e, _ := sourceAt(t, sale.Scheduled, -time.Second, time.Hour)
	p.edit(func(s *sale.Row) { s.State, s.Version = sale.Open, s.Version+1 })
	if wait := c.move(t.Context(), e); wait != moveSoon {
		t.Errorf("again in %s", wait)
	}
	if s, _ := c.Snapshot("sale-a"); s.State != sale.Open || len(p.asked) != 1 {
		t.Errorf("state %s after %d questions", s.State, len(p.asked))
	}
}

func TestACloseRecordIsWrittenOnceASecondUntilItIsReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c, e, log := sourceAt(t, sale.Closing, -time.Hour, time.Hour)
		log.away = errAway
		runCatalog(t, c)
		for n := range 3 { // the third one is reached
			synctest.Wait()
			if records, _ := log.kept(); len(records) != n+1 {
				t.Fatalf("%d records after %d seconds", len(records), n)
			}
			if n == 1 {
				log.mu.Lock()
				log.away = nil
				log.onWrite = func(events.Claim) { p.edit(func(s *sale.Row) { s.State, s.Version = sale.Closed, s.Version+1 }) }
				log.mu.Unlock()
			}
			time.Sleep(closeAgain)
		}
		time.Sleep(10 * closeAgain)
		records, at := log.kept()
		if len(records) != 3 || records[0].ID != records[2].ID || at[1] != e.Partition {
			t.Fatalf("records %+v in partitions %v", records, at)
		}
		if want := sale.CloseID(saletest.Secret(), 1, 7); records[1].ID != want {
			t.Errorf("id %s, want %s", records[1].ID, want)
		}
	})
}

func TestACloseRecordThatCannotBeWrittenIsLoggedOnce(t *testing.T) {
	t.Parallel()
	_, c, e, log := sourceAt(t, sale.Closing, -time.Hour, time.Hour)
	var said bytes.Buffer
	c.logger = slog.New(slog.NewTextHandler(&said, nil))
	for _, away := range []error{nil, errAway, errAway, errAway, nil, nil} {
		log.away = away
		c.writeCloseRecord(t.Context(), e)
	}
	begun, ended := strings.Count(said.String(), "cannot be written"), strings.Count(said.String(), "written again")
	if begun != 1 || ended != 1 || len(log.records) != 6 {
		t.Errorf("the beginning was logged %d times, the end %d times, in %d tries: %s", begun, ended, len(log.records), said.String())
	}
}

func TestAllMissingDigestsAreComputedUnlessTheLedgerIsAway(t *testing.T) {
	t.Parallel()
	p, c := newManualSource(sale.Open)
	var said bytes.Buffer
	c.logger = slog.New(slog.NewTextHandler(&said, nil))
	p.undone = 3
	if rest := c.digest(t.Context()); p.undone != 0 || rest != digestsEvery {
		t.Errorf("%d digests are missing, the next read is in %s", p.undone, rest)
	}
	p.undone = 3
	p.digesting.fails(errAway)
	for range 2 {
		if rest := c.digest(t.Context()); p.undone != 3 || rest != digestRetry {
			t.Errorf("%d digests are missing, want 3; the next read is in %s", p.undone, rest)
		}
	}
	if n := strings.Count(said.String(), "cannot be digested"); n != 1 {
		t.Errorf("logged %d times: %s", n, said.String())
	}
}

// On a real ledger, from the start of the sale to its close record.
func TestThreeProcessesMoveASaleAtItsTimes(t *testing.T) {
	t.Parallel()
	d := openRealLedger(t, 5)
	d.Exec(`UPDATE sales SET state = 'scheduled', starts_at = clock_timestamp() + interval '300 milliseconds',
ends_at = clock_timestamp() + interval '900 milliseconds'`)
	var reached sync.Mutex
	log := newCloseLog()
	log.onWrite = func(c events.Claim) {
		reached.Lock()
		defer reached.Unlock()
		d.decide(c)
	}
	catalogs := make([]*Catalog, 3)
	for i := range catalogs {
		catalogs[i] = NewCatalog(CatalogConfig{Store: d.Store, Log: log, Logger: slog.New(slog.DiscardHandler)})
		refreshCatalog(t, catalogs[i])
		runCatalog(t, catalogs[i])
	}
	for _, c := range catalogs {
		awaitSnapshot(t, c, "the end", func(s sale.Snapshot) bool {
			if s.State == sale.Open && s.Now.Before(s.StartsAt.Add(-time.Second)) {
				t.Errorf("open at %s, before %s", s.Now, s.StartsAt)
			}
			return s.State == sale.Closed
		})
	}
	moves := make(map[any]int)
	for _, m := range d.Posted(0) {
		if m.Type == events.TypeSaleStateChanged {
			moves[m.Data["state"]]++
		}
	}
	if moves["open"] != 1 || moves["closing"] != 1 || moves["closed"] != 1 || len(moves) != 3 {
		t.Errorf("moves that were published: %v", moves)
	}
	early := d.Number(`SELECT count(*) FROM copies o, sales s WHERE o.type = $1 AND o.at <
CASE o.data->>'state' WHEN 'open' THEN s.starts_at ELSE s.ends_at END`, events.TypeSaleStateChanged)
	if early != 0 {
		t.Errorf("%d moves before their time", early)
	}
}

func TestASaleLeftClosingByACrashIsClosed(t *testing.T) {
	t.Parallel()
	d := openRealLedger(t, 5)
	d.Do(func(tx pgx.Tx) error { return d.CloseTx(t.Context(), tx, saletest.Slug) })
	log := newCloseLog()
	log.onWrite = func(c events.Claim) { d.decide(c) }
	c := NewCatalog(CatalogConfig{Store: d.Store, Log: log, Logger: slog.New(slog.DiscardHandler)})
	refreshCatalog(t, c)
	runCatalog(t, c)
	awaitSnapshot(t, c, "the close record is written by another process", func(s sale.Snapshot) bool { return s.State == sale.Closed })
	if n := d.Number(`SELECT partition FROM sales`); log.at[0] != int(n) {
		t.Errorf("written to partition %d, the sale has %d", log.at[0], n)
	}
}
