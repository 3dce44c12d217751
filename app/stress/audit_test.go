package stress

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// withReceipts is a run whose shoppers have these receipts, one list for each.
func withReceipts(lists ...[]receipt) *run {
	r := newRun(Config{Seed: 1}, newClient([]string{"http://127.0.0.1:1"}, 1), Scenario{Users: len(lists), Stock: 100})
	for i, list := range lists {
		s := newShopper(i+1, 1)
		for _, bought := range list {
			s.keep(bought)
		}
		r.shoppers = append(r.shoppers, s)
	}
	return r
}

func TestReceiptsAreCompared(t *testing.T) {
	t.Parallel()
	a, b, c := receipt{"a", 1}, receipt{"b", 2}, receipt{"c", 3}
	tests := map[string]struct {
		lists    [][]receipt
		distinct int
		says     []string
	}{
		"each their own":          {[][]receipt{{a}, {b}, {}, {c}}, 3, nil},
		"the same one repeated":   {[][]receipt{{a, a, a}}, 1, nil},
		"two of one shopper":      {[][]receipt{{a, b}}, 2, []string{"john_doe_1 has 2 different receipts"}},
		"one of two shoppers":     {[][]receipt{{a}, {a}}, 1, []string{"receipt a was given to john_doe_1 and to jane_smith_1", "unit 1 was sold"}},
		"one unit of two":         {[][]receipt{{a}, {{"x", 1}}}, 2, []string{"unit 1 was sold to john_doe_1 and to jane_smith_1"}},
		"one id, unit moved":      {[][]receipt{{a, {"a", 9}}}, 1, []string{"john_doe_1 has 2 different receipts"}},
		"units that are not said": {[][]receipt{{{"a", 0}}, {{"b", 0}}}, 2, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := withReceipts(tt.lists...)
			r.checkReceipts()
			if r.distinct != tt.distinct || len(r.faults) != len(tt.says) {
				t.Fatalf("%d distinct, faults %q", r.distinct, r.faults)
			}
			for i, want := range tt.says {
				if !strings.Contains(r.faults[i], want) {
					t.Errorf("%q, want %q", r.faults[i], want)
				}
			}
		})
	}
}

// pressedAgain lets one winner with receipt p1, unit 1, press once more.
func pressedAgain(t *testing.T, handler http.HandlerFunc) []string {
	t.Helper()
	r := newTestRun(t, handler)
	r.shoppers[0].keep(receipt{"p1", 1})
	if err := r.pressAgain()(t.Context(), r.shoppers[0]); err != nil {
		t.Fatal(err)
	}
	return r.faults
}

func TestAWinnerGetsTheSameReceiptAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		code int
		said receipt
		want string
	}{
		"the same":           {200, receipt{"p1", 1}, ""},
		"another":            {200, receipt{"p2", 1}, "changed: "},
		"another unit":       {200, receipt{"p1", 2}, "changed: "},
		"none":               {200, receipt{}, "lost: "},
		"bought again":       {201, receipt{"p2", 2}, "doubled: "},
		"the same as if new": {201, receipt{"p1", 1}, "doubled: "},
		"refused":            {409, receipt{}, "lost: "},
		"unknown":            {404, receipt{}, "lost: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, status := range []int{tt.code, 201} { // 201: with legacy statuses
				faults := pressedAgain(t, func(w http.ResponseWriter, _ *http.Request) {
					say(w, status, pressed{receipt: tt.said, Success: tt.code == 201})
				})
				if tt.want == "" && len(faults) > 0 || tt.want != "" && (len(faults) != 1 || !strings.HasPrefix(faults[0], tt.want)) {
					t.Errorf("status %d: %q, want %q", status, faults, tt.want)
				}
			}
		})
	}
}

func TestAWinnerRetriesToo(t *testing.T) {
	t.Parallel()
	var presses atomic.Int64
	faults := pressedAgain(t, func(w http.ResponseWriter, _ *http.Request) {
		switch presses.Add(1) {
		case 1:
			refuse(w, 503, "overloaded")
		case 2:
			panic(http.ErrAbortHandler) // hangs up
		default:
			say(w, 200, receipt{"p1", 1})
		}
	})
	if len(faults) > 0 || presses.Load() != 3 {
		t.Fatalf("%q after %d presses", faults, presses.Load())
	}
}

func TestWhatIsSoldIsCompared(t *testing.T) {
	t.Parallel()
	sold := func(n, of int) status {
		return status{Status: "active", Sold: n, MaxStock: of, CurrentStock: of - n, Generation: 3}
	}
	tests := map[string]struct {
		now  status
		says string
	}{
		"as it should be":  {sold(1, 1), ""},
		"too few":          {sold(0, 1), "lost: shoppers have 1 receipts, but only 0 units are sold"},
		"too many":         {sold(2, 1), "oversold: 1 receipts and 2 units sold"},
		"left over":        {sold(1, 2), "unexpected: 1 units are left, it should be 0"},
		"reset by another": {status{Sold: 1, MaxStock: 1, Generation: 4}, "disturbed: somebody reset the sale"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTestRun(t, func(w http.ResponseWriter, _ *http.Request) { say(w, 200, tt.now) })
			r.generation, r.distinct = 3, 1
			r.shoppers[0].keep(receipt{"p1", 1})
			if err := r.checkSold(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.faults, "\n"); (got == "") != (tt.says == "") || !strings.Contains(got, tt.says) {
				t.Fatalf("%q, want %q", got, tt.says)
			}
			if r.sold != tt.now.Sold || r.left != tt.now.CurrentStock {
				t.Errorf("%d sold, %d left", r.sold, r.left)
			}
		})
	}
}

func TestAStatusThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	r := newTestRun(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "unavailable") })
	if err := r.checkSold(t.Context()); err == nil || !strings.Contains(err.Error(), "status answered 503: unavailable") {
		t.Fatal(err)
	}
}

func TestSoldOutIsUntrueWhenThereIsEnoughForEverybody(t *testing.T) {
	t.Parallel()
	r := withReceipts([]receipt{{"a", 1}}, nil)
	r.tally.problem("sold-out")
	r.left = 99
	if r.checkRefusals(); len(r.faults) != 1 || !strings.Contains(r.faults[0], "untrue") {
		t.Fatalf("%q", r.faults)
	}
	r.faults, r.left = nil, 0
	if r.checkRefusals(); len(r.faults) != 0 {
		t.Fatalf("%q", r.faults)
	}
}

func TestUnexpectedAnswersAreCountedAndBounded(t *testing.T) {
	t.Parallel()
	r := withReceipts()
	for i := range 10 * maxUnexpected {
		r.tally.unexpected("answer %d", i)
		r.tally.unexpected("answer 0")
	}
	r.checkUnexpected()
	if len(r.faults) != maxUnexpected || !strings.Contains(strings.Join(r.faults, "\n"), fmt.Sprintf("answer 0 (%d times)", 10*maxUnexpected+1)) {
		t.Fatalf("%d lines: %q", len(r.faults), r.faults[:2])
	}
}

func TestFiguresBeyondTheHistogramsRangeCountAsItsEnd(t *testing.T) {
	t.Parallel()
	tally := newTally()
	record(tally.latency, -5)
	record(tally.latency, 1<<60)
	if got := spread(tally.latency); tally.latency.TotalCount() != 2 || got.Max < 60_000 || got.P50 > got.Max {
		t.Fatalf("%+v", got)
	}
	if got := spread(tally.wait); got != (Spread{}) {
		t.Errorf("nothing measured is %+v", got)
	}
}
