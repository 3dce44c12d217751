package stress

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

func TestABusyServerIsAskedAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	r := newTestRun(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			refuse(w, 409, "busy")
			return
		}
		fmt.Fprint(w, `{"generation":9}`)
	})
	var said struct{ Generation int64 }
	if err := r.order(t.Context(), "/api/flash-sale/reset", nil, &said); err != nil || said.Generation != 9 || asked.Load() != 3 {
		t.Fatalf("%+v after %d requests, %v", said, asked.Load(), err)
	}
}

func TestARefusedOperationIsAnErrorWithItsMessage(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{401: ErrNotDemo.Error(), 403: ErrNotDemo.Error(), 400: "answered 400: no-such", 500: "answered 500: no-such"} {
		r := newTestRun(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, code, "no-such") })
		if err := r.seed(t.Context(), 5); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "/api/users/seed") {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestASaleThatDoesNotOpenStopsTheRun(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		now  status
		says string
	}{
		"paused":            {status{Status: "paused", MaxStock: 5, CurrentStock: 5, Generation: 1}, `"paused", not active`},
		"another stock":     {status{Status: "active", MaxStock: 7, CurrentStock: 7, Generation: 1}, "0 of 7 units"},
		"already sold from": {status{Status: "active", MaxStock: 5, CurrentStock: 4, Sold: 1, Generation: 1}, "1 of 5 units sold"},
		"older generation":  {status{Status: "active", MaxStock: 5, CurrentStock: 5}, "in generation 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTestRun(t, func(w http.ResponseWriter, q *http.Request) {
				if q.Method == http.MethodPost {
					fmt.Fprint(w, `{"generation":1}`)
					return
				}
				say(w, 200, tt.now)
			})
			if err := r.stock(t.Context(), "small", 5); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, want %q", err, tt.says)
			}
		})
	}
}

func TestABrokenInvariantIsAskedAboutAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	r := newTestRun(t, func(w http.ResponseWriter, _ *http.Request) {
		state := "ok"
		if asked.Add(1) == 1 {
			state = "broken" // holders are still being compared
		}
		say(w, 200, map[string]any{"checks": []Check{{ID: "I4", State: state}}})
	})
	r.cfg.doubting = 1
	checks, err := r.verify(t.Context())
	if err != nil || len(checks) != 1 || checks[0].State != "ok" {
		t.Fatalf("%+v, %v", checks, err)
	}
}
