package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/eventstest"
)

// suspicious is a decider that finds the claims of some shoppers foreign.
type suspicious struct {
	*eventstest.Shop
	foreign map[int64]events.Foreign
}

func (s *suspicious) Prepare(reads *pgx.Batch, src events.Source, claims []events.Claim) events.Decide {
	var ours []events.Claim
	var foreign []events.ForeignClaim
	for i := range claims {
		if why := s.foreign[claims[i].UserID]; why != "" {
			foreign = append(foreign, events.ForeignClaim{Index: i, Why: why})
			continue
		}
		ours = append(ours, claims[i])
	}
	decide := s.Shop.Prepare(reads, src, ours)
	return func(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) (events.Decision, error) {
		d, err := decide(ctx, tx, writes)
		for _, f := range foreign {
			if err == nil {
				d.Verdicts = slices.Insert(d.Verdicts, f.Index, events.Verdict{})
			}
		}
		d.Foreign = foreign
		return d, err
	}
}

// suspiciousLedger finds the claims of shopper 1000 and up forged, those of 2000 and up to be of another ledger.
func (w *world) suspiciousLedger(log *claimlog.Log, cfg Config) *Ledger {
	of := make(map[int64]events.Foreign)
	for i := range int64(500) {
		of[1000+i], of[2000+i] = events.ForeignID, events.ForeignLedger
	}
	return New(w.Pool, log, &suspicious{w.shop, of}, cfg)
}

func foreignClaims(from int64, n int) []events.Claim {
	claims := make([]events.Claim, n)
	for i := range claims {
		claims[i] = eventstest.NewClaim(from + int64(i))
	}
	return claims
}

func foreignCounted(t *testing.T, l *Ledger, why events.Foreign) float64 {
	t.Helper()
	return eventstest.Measured(t, l.metrics.foreign.WithLabelValues(string(why)))
}

// However many there are, foreign records stop no partition, and all processes together keep a hundred of them.
func TestForeignRecordsStopNothingAndAreSampled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told logText
	log := w.openLog(slog.New(slog.NewTextHandler(&told, nil)))
	first, second := w.suspiciousLedger(log, Config{QuarantineMax: 1}), w.suspiciousLedger(log, Config{QuarantineMax: 1})
	for partition := range 2 {
		w.append(partition, eventstest.NewClaim(int64(1+10*partition)))
		for i := range 60 {
			w.append(partition, foreignClaims(int64(1000+i), 1)...)
			w.appendRaw(partition, fmt.Sprintf("nonsense %d", i))
		}
		w.append(partition, foreignClaims(2000, 200)...)
		w.append(partition, eventstest.NewClaim(int64(2+10*partition)))
	}
	w.follow(first, 0)
	w.follow(second, 1)
	w.reaches(first, 0, 322)
	w.reaches(second, 1, 322)
	got := w.shop.Order(t)
	if slices.Sort(got); !slices.Equal(got, []int64{1, 2, 11, 12}) {
		t.Errorf("units went to %v", got)
	}
	if n := w.Count(`SELECT count(*) FROM quarantine`); n != events.SamplesAnHour {
		t.Errorf("%d records in quarantine, want %d", n, events.SamplesAnHour)
	}
	if n := w.Count(`SELECT count(*) FROM quarantine WHERE claim_id IS NOT NULL OR sqlstate <> '' OR raw IS NULL`); n != 0 {
		t.Errorf("%d of them look as if a claim were in quarantine", n)
	}
	for why, want := range map[events.Foreign]float64{events.ForeignID: 60, events.ForeignUnreadable: 60, events.ForeignLedger: 200} {
		if n := foreignCounted(t, first, why); n != want {
			t.Errorf("%v are counted as %s, want %v", n, why, want)
		}
	}
	if alarms := strings.Count(told.String(), "ALARM"); alarms < 1 || alarms > 2 {
		t.Errorf("%d alarms of two processes:\n%s", alarms, told.String())
	}
}

func TestARecordOfAnotherLedgerIsNotLookedAtOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told logText
	l := w.suspiciousLedger(w.openLog(slog.New(slog.NewTextHandler(&told, nil))), Config{})
	w.append(0, foreignClaims(2000, 50)...)
	w.follow(l, 0)
	w.reaches(l, 0, 50)
	if n := w.Count(`SELECT count(*) FROM quarantine`); n != 0 {
		t.Errorf("%d records in quarantine", n)
	}
	// The line comes after the commit.
	for end := time.Now().Add(10 * time.Second); told.count("of another ledger are passed over") == 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if told.count("of another ledger are passed over") != 1 || told.count("ALARM") != 0 {
		t.Errorf("logged:\n%s", told.String())
	}
}

// A row of the sample is bounded, whatever the stranger writes.
func TestASampleIsCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	long := strings.Repeat("x", 200_000)
	w.appendRaw(0, long)
	w.appendRaw(0, `{"v":1,"kind":"`+strings.Repeat("<", 15_000)+`"}`)
	w.follow(l, 0)
	w.reaches(l, 0, 2)
	if n := w.Count(`SELECT max(greatest(length(raw), length(record_key), length(error))) FROM quarantine`); n > 16<<10 {
		t.Errorf("a row has %d bytes of a stranger", n)
	}
	if n := w.Count(`SELECT count(*) FROM quarantine`); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// The verdicts that are told have no holes, also when the reply to the commit was lost.
func TestNobodyIsToldOfForeignRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.suspiciousLedger(w.log, Config{})
	claims := []events.Claim{eventstest.NewClaim(1), eventstest.NewClaim(1000), eventstest.NewClaim(2)}
	w.append(0, claims...)
	w.follow(l, 0)
	w.reaches(l, 0, 3)
	w.Eventually("both are told", func() bool { return len(w.shop.Told(claims[0].ID)) == 1 && len(w.shop.Told(claims[2].ID)) == 1 })
	if n := len(w.shop.Told(claims[1].ID)); n != 0 {
		t.Errorf("the foreign one was told %d times", n)
	}
	verdicts, err := l.Decide(t.Context(), []events.Claim{eventstest.NewClaim(1001), eventstest.NewClaim(3)})
	if err != nil || len(verdicts) != 2 || verdicts[0].Outcome != "" || verdicts[1].Outcome != events.Ordered {
		t.Errorf("directly: %+v (%v)", verdicts, err)
	}
}
