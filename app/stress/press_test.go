package stress

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// newTestRun is a run against one handler, with the patience of a test.
func newTestRun(t *testing.T, handler http.HandlerFunc) *run {
	t.Helper()
	cfg := Config{Seed: 1, Patience: 20 * time.Second, settling: 100 * time.Millisecond}
	r := newRun(cfg, serve(t, 4, handler), Scenario{Name: "test", Users: 1, Stock: 1})
	r.makeShoppers(1)
	return r
}

// A pending purchase is answered 202 by the press, and then by what stands at its Location.
func TestAPendingPurchase(t *testing.T) {
	t.Parallel()
	const ordered = `{"state":"ordered","purchaseId":"p1","unit":4}`
	tests := map[string]struct {
		location string
		// verdicts are what the Location says, the last one for ever; "503" and the like are statuses.
		verdicts []string
		receipt  string
		refusal  string
		odd      string
		presses  int
	}{
		"ordered at once":                    {"/claims/1", []string{ordered}, "p1", "", "", 1},
		"ordered after a while":              {"/claims/1", []string{"202", "503", "429", ordered}, "p1", "", "", 1},
		"declined":                           {"/claims/1", []string{`{"state":"declined","type":"/problems/sold-out"}`}, "", "sold-out", "", 1},
		"declined by a reset":                {"/claims/1", []string{`{"state":"declined","type":"/problems/generation-changed"}`, ordered}, "p1", "", "", 2},
		"never to be decided":                {"/claims/1", []string{"410", ordered}, "p1", "", "", 2},
		"never decided":                      {"/claims/1", []string{"202"}, "", "", "had no verdict after", 1},
		"no Location":                        {"", nil, "", "", "no usable Location", 0},
		"a Location that is no path of ours": {"//evil.example/x", nil, "", "", "no usable Location", 0},
		"a state nobody knows":               {"/claims/1", []string{`{"state":"unheard-of"}`}, "", "", `in state "unheard-of"`, 0},
		"ordered, but without receipt":       {"/claims/1", []string{`{"state":"ordered"}`}, "", "", `in state "ordered"`, 0},
		"forgotten":                          {"/claims/1", []string{"404"}, "", "", "pending purchase answered 404", 0},
		"not JSON":                           {"/claims/1", []string{"<html>"}, "", "", "pending purchase answered 200", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var presses, looks atomic.Int64
			r := newTestRun(t, func(w http.ResponseWriter, q *http.Request) {
				if q.Method == http.MethodPost {
					presses.Add(1)
					w.Header().Set("Location", tt.location)
					say(w, 202, map[string]any{"pending": true})
					return
				}
				said := tt.verdicts[min(int(looks.Add(1)), len(tt.verdicts))-1]
				if len(said) == 3 {
					code := 0
					_, _ = fmt.Sscan(said, &code)
					refuse(w, code, "later")
					return
				}
				fmt.Fprint(w, said)
			})
			if tt.odd != "" {
				r.cfg.Patience = 200 * time.Millisecond
			}
			s := r.shoppers[0]
			if err := r.buy(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if tt.receipt != "" && (len(s.receipts) != 1 || s.receipts[0].ID != tt.receipt || s.unsettled) {
				t.Errorf("has %v", s.receipts)
			}
			if tt.receipt == "" && len(s.receipts) > 0 || s.refusal != tt.refusal {
				t.Errorf("has %v, refused %q", s.receipts, s.refusal)
			}
			if tt.presses > 0 && int(presses.Load()) != tt.presses {
				t.Errorf("%d presses, want %d", presses.Load(), tt.presses)
			}
			r.checkUnexpected()
			if odd := strings.Join(r.faults, "\n"); (tt.odd == "") != (odd == "") || !strings.Contains(odd, tt.odd) {
				t.Errorf("faults %q, want %q", odd, tt.odd)
			}
			if r.tally.pending < 1 {
				t.Error("not counted as pending")
			}
		})
	}
}

func TestAShopperGivesUpInTheEnd(t *testing.T) {
	t.Parallel()
	r := newTestRun(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "overloaded") })
	r.cfg.Patience = 200 * time.Millisecond
	s := r.shoppers[0]
	if err := r.buy(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if !s.unsettled || r.tally.gave != 1 || s.presses > maxPresses || r.tally.retries != s.presses || r.tally.codes["503"] != s.presses {
		t.Fatalf("%+v after %d presses, %+v", s, s.presses, r.tally)
	}
}

func TestAShopperPressesOnceForAFinalAnswer(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"not-started", "ended", "paused", "sold-out", "all-claimed"} {
		r := newTestRun(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 409, kind) })
		s := r.shoppers[0]
		if err := r.buy(t.Context(), s); err != nil || s.presses != 1 || s.refusal != kind || s.unsettled || len(r.tally.unexpectedAnswers) > 0 {
			t.Errorf("%s: %+v, %v", kind, s, err)
		}
	}
}

func TestUnexpectedAnswersAreReported(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		code int
		body string
		says string
	}{
		"a page":           {201, "<html>", "not the JSON expected"},
		"unknown shopper":  {404, `{"type":"/problems/user-not-found","detail":"User not found"}`, "answered 404: User not found"},
		"not authorized":   {403, `{"type":"/problems/not-authorized","message":"not you"}`, "answered 403: not you"},
		"a failure":        {500, `{"title":"Oops"}`, "answered 500: Oops"},
		"a silent failure": {502, `{}`, "answered 502: without a message"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTestRun(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.code)
				fmt.Fprint(w, tt.body)
			})
			r.cfg.Patience = 200 * time.Millisecond
			if err := r.buy(t.Context(), r.shoppers[0]); err != nil {
				t.Fatal(err)
			}
			r.checkUnexpected()
			if len(r.faults) != 1 || !strings.Contains(r.faults[0], tt.says) {
				t.Fatalf("%q, want %q", r.faults, tt.says)
			}
		})
	}
}

func TestSettlingFindsAPurchaseWithoutMakingOne(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	r := newTestRun(t, func(w http.ResponseWriter, q *http.Request) {
		switch {
		case q.Method != http.MethodGet || q.URL.Path != "/api/flash-sale/purchase/john_doe_1":
			t.Errorf("%s %s", q.Method, q.URL)
		case tries.Add(1) == 1:
			refuse(w, 503, "unavailable")
		default:
			fmt.Fprint(w, `{"hasPurchased":true,"purchaseId":"p7","unit":7}`)
		}
	})
	s := r.shoppers[0]
	s.unsettled = true
	if err := r.settle(t.Context(), s); err != nil || len(s.receipts) != 1 || s.receipts[0] != (receipt{"p7", 7}) || s.unsettled {
		t.Fatalf("%+v, %v", s, err)
	}
}

func TestSettlingWithoutAPurchaseChangesNothing(t *testing.T) {
	t.Parallel()
	r := newTestRun(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"hasPurchased":false}`) })
	s := r.shoppers[0]
	s.unsettled = true
	if err := r.settle(t.Context(), s); err != nil || len(s.receipts) > 0 || !s.unsettled {
		t.Fatalf("%+v, %v", s, err)
	}
}

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"/claims/1?at=2":                    "/claims/1?at=2",
		"http://127.0.0.1:3001/claims/1":    "/claims/1",
		"https://evil.example/claims/1?a=b": "/claims/1?a=b",
		"//evil.example/claims":             "",
		"claims/1":                          "",
		"":                                  "",
	} {
		if got, ok := localPath(location); ok != (want != "") || ok && got != want {
			t.Errorf("localPath(%q) = %q, %v; want %q", location, got, ok, want)
		}
	}
}

func TestPausesAreBoundedAndDiffer(t *testing.T) {
	t.Parallel()
	s, seen := newShopper(1, 1), map[time.Duration]bool{}
	for try := range 100 {
		if wait := backoff(try); wait < 20*time.Millisecond || wait > maxPause {
			t.Fatalf("backoff(%d) = %v", try, wait)
		}
		wait := jitter(s, time.Hour)
		if wait < maxPause/2 || wait >= maxPause*3/2 {
			t.Fatalf("jitter of an hour: %v", wait)
		}
		seen[wait] = true
	}
	if len(seen) < 90 {
		t.Errorf("only %d different pauses of 100", len(seen))
	}
	if jitter(s, 0) != 0 || jitter(s, -time.Second) != 0 {
		t.Error("a pause out of nothing")
	}
}

func TestTheSameSeedMakesTheSameChoices(t *testing.T) {
	t.Parallel()
	order := func(seed int64) string {
		r := newRun(Config{Seed: seed}, newClient([]string{"a", "b", "c"}, 1), Scenario{})
		r.makeShoppers(50)
		var names []string
		for _, s := range r.shoppers {
			names = append(names, s.name+r.pick(s))
		}
		return strings.Join(names, " ")
	}
	first, again, other := order(5), order(5), order(6)
	if first != again || first == other {
		t.Fatal("the seed does not decide")
	}
}
