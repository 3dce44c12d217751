package inventory

import (
	"testing"
	"time"
)

// Comparing reads everybody who has bought. How long it is put off depends on whether a shopper may be waiting for it.
func TestComparingIsPutOffWhileNobodyWaitsForIt(t *testing.T) {
	t.Parallel()
	const cost, settle, refresh = time.Minute, 2 * time.Second, 3 * time.Second
	for name, one := range map[string]struct {
		holders, taken int64 // of 1,000
		moved, outage  bool
		after          time.Duration
	}{
		"an owner has no place":                      {499, 500, true, false, restFactor * cost},
		"holders without an order, nothing happens":  {510, 500, false, false, restFactor * cost},
		"holders without an order, all places taken": {1000, 990, true, false, restFactor * cost},
		"the sale sells and has room":                {510, 500, true, false, idleFactor * cost},
		"sizes agree":                                {500, 500, false, false, idleFactor * cost},
		"Redis was away":                             {500, 500, false, true, 2 * cost},
	} {
		rec := newReconciliation(&Reconciler{places: &Places{}, config: ReconcilerConfig{Settle: settle, Refresh: refresh}}, Key{Sale: 1, Generation: 1})
		rec.outages = rec.places.outages(rec.key)
		if one.outage {
			rec.outages--
		}
		due := func(ago, cost time.Duration) bool {
			rec.compared, rec.cost = time.Now().Add(-ago), cost
			return rec.due(Holders{Count: one.holders}, Level{Taken: one.taken, Total: 1000}, one.moved)
		}
		if due(one.after-cost, cost) {
			t.Errorf("%s: compared too early", name)
		}
		if !due(one.after, cost) {
			t.Errorf("%s: not compared after %v", name, one.after)
		}
		if one.outage && (due(mendWithin/2, mendWithin/2) || !due(mendWithin, mendWithin/2)) {
			t.Errorf("%s: what takes %v is to be compared again after %v", name, mendWithin/2, mendWithin)
		}
		if !due(refresh, time.Microsecond) {
			t.Errorf("%s: a small set is not compared after %v", name, refresh)
		}
	}
}

func TestASaleMovesWhileItsNumbersChange(t *testing.T) {
	t.Parallel()
	rec := newReconciliation(&Reconciler{}, Key{Sale: 1, Generation: 1})
	for i, one := range []struct {
		holders, taken int64
		moved          bool
	}{{5, 3, true}, {5, 3, false}, {5, 4, true}, {4, 4, true}, {4, 4, false}, {4, 4, false}} {
		if got := rec.moved(Holders{Count: one.holders}, Level{Taken: one.taken}); got != one.moved {
			t.Errorf("step %d: %v, want %v", i+1, got, one.moved)
		}
	}
}

// What a comparison takes is judged by the size that the sale has now, and by the size that the last one met.
func TestWhatAComparisonTakesGrowsWithTheSale(t *testing.T) {
	t.Parallel()
	rec := &reconciliation{cost: time.Second, size: 1000}
	for holders, want := range map[int64]time.Duration{0: time.Second, 1000: time.Second, 5000: 5 * time.Second} {
		if got := rec.expected(holders); got != want {
			t.Errorf("%d holders: %v, want %v", holders, got, want)
		}
	}
}

// At the end of a sale all places are taken before the last claims are decided. That is no reason to read everybody.
func TestTheLastClaimsOfASaleHaveTimeToBeDecided(t *testing.T) {
	t.Parallel()
	const settle = 2 * time.Second
	rec := newReconciliation(&Reconciler{places: &Places{}, config: ReconcilerConfig{Settle: settle}}, Key{Sale: 1, Generation: 1})
	rec.outages = rec.places.outages(rec.key)
	rec.compared, rec.cost = time.Now().Add(-time.Hour), time.Millisecond
	h, level := Holders{Count: 1000}, Level{Taken: 990, Total: 1000}
	if rec.due(h, level, rec.moved(h, level)) {
		t.Error("compared at once")
	}
	rec.full = rec.full.Add(-settle)
	if !rec.due(h, level, rec.moved(h, level)) {
		t.Error("not compared when the places stay taken")
	}
	h.Count = 990
	if rec.moved(h, level); !rec.full.IsZero() {
		t.Error("a sale with room counts as full")
	}
}

func TestAllHoldersAreReadOnlyWhenSomebodyMayWaitForAPlace(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		holders, taken int64 // of 1,000
		moved, outage  bool
		ownersOnly     bool
	}{
		"sizes agree":                               {500, 500, false, false, true},
		"the sale sells and has room":               {510, 500, true, false, true},
		"holders without an order, nothing happens": {510, 500, false, false, false},
		"all places taken":                          {1000, 990, true, false, false},
		"an owner has no place":                     {499, 500, true, false, false},
		"Redis was away":                            {500, 500, false, true, false},
	} {
		rec := newReconciliation(&Reconciler{places: &Places{}}, Key{Sale: 1, Generation: 1})
		rec.outages, rec.compared = rec.places.outages(rec.key), time.Now()
		if one.outage {
			rec.outages--
		}
		if got := rec.needsOwnersOnly(Holders{Count: one.holders}, Level{Taken: one.taken, Total: 1000}, one.moved); got != one.ownersOnly {
			t.Errorf("%s: %v", name, got)
		}
	}
}
