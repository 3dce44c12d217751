package instance

import (
	"fmt"
	"net/http"
	"testing"
)

// purchaseStages are those of a press that is decided in its own process, and "elsewhere": on a busy machine a verdict may be looked
// up before it is told.
var purchaseStages = []string{"places", "append", "hand-over", "decide", "commit", "wake", "elsewhere"}

// The stages of the product as it is wired account for the time that its presses took, as it was measured around the handler. What
// is not in a stage is the reading of the request and the writing of the answer. Another load on the machine may disturb one
// round, but not three.
func TestStagesAccountForTheTimeOfPresses(t *testing.T) {
	t.Parallel()
	const route = `{route="/api/flash-sale/purchase"}`
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	if r := c.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 100}); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	stage := func(name, what string) float64 {
		return metric(t, a, fmt.Sprintf("flashsale_purchase_stage_seconds_%s{stage=%q}", what, name))
	}
	// seconds is the time in all stages, and around the handler.
	seconds := func() (in, around float64) {
		for _, name := range purchaseStages {
			in += stage(name, "sum")
		}
		return in, metric(t, a, "flashsale_http_request_seconds_sum"+route)
	}
	share := 0.0
	for n := 0; n < 5 && share < .7; n++ {
		in, around := seconds()
		for i := range 5 {
			if r := c.Buy(shopperName(5*n + i)); r.Status != http.StatusCreated {
				t.Fatalf("%d %s", r.Status, r.Raw)
			}
		}
		later, laterAround := seconds()
		share = (later - in) / (laterAround - around)
		t.Logf("%.3f ms of %.3f ms are in stages", 1e3*(later-in), 1e3*(laterAround-around))
		if share > 1 {
			t.Fatal("the stages take longer than the whole")
		}
		pressed := float64(5*n + 5)
		for _, name := range []string{"places", "append"} {
			if got := stage(name, "count"); got != pressed {
				t.Errorf("%v presses went through %q, want %v", got, name, pressed)
			}
		}
		for _, name := range []string{"hand-over", "decide", "commit", "wake"} {
			if got, other := stage(name, "count"), stage("elsewhere", "count"); got+other != pressed || got == 0 {
				t.Errorf("%v presses went through %q and %v were decided elsewhere, want %v", got, name, other, pressed)
			}
		}
		if r := c.Call(http.MethodPost, "/api/flash-sale/reset", map[string]bool{"resetToSmallStock": true}); r.Status != http.StatusOK {
			t.Fatal(r.Raw)
		}
	}
	if share < .7 {
		t.Errorf("only %.2f of the time of presses is in their stages", share)
	}
	for _, name := range []string{"places", "append", "decide", "commit"} { // what another server answers takes time
		if stage(name, "sum") <= 0 {
			t.Errorf("%q took no time", name)
		}
	}
	if n := stage("undecided", "count"); n != 0 {
		t.Errorf("%v presses were answered without a verdict", n)
	}
}
