package instance

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// metric is the value of a metric of an instance, as its operators see it; name has the labels, if there are any.
func metric(t *testing.T, a *Instance, name string) float64 {
	t.Helper()
	w := httptest.NewRecorder()
	a.web.OpsHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return v
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// TestNoRequestOfAClientReconnects: no question about a claim, with or without a client that waits for the answer, makes the
// process connect to the log again or read its metadata again.
func TestNoRequestOfAClientReconnects(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	const refreshes = "flashsale_log_refreshes_total"
	// The claim's own partition is asked first: a cluster that is new to the process may still move its leaders.
	if r := c.Call(http.MethodGet, claimPath("0.0"), nil); r.Status != http.StatusAccepted {
		t.Fatalf("a claim that nobody knows: %d %s", r.Status, r.Raw)
	}
	before := metric(t, a, refreshes)
	for _, at := range []string{"8.0", "9999.0", "65535.1", "9999.9223372036854775807"} {
		r := c.Call(http.MethodGet, claimPath(at), nil)
		if r.Status != http.StatusBadRequest || r.Text("type") != "/problems/invalid-position" || !strings.Contains(r.Raw, `"field":"at"`) {
			t.Errorf("at=%s: %d %s", at, r.Status, r.Raw)
		}
	}
	for n := range 40 { // who leaves at any moment
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*100*time.Microsecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL()+claimPath(strconv.Itoa(n%8)+".0"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := c.HTTP.Do(req); err == nil {
			_ = res.Body.Close()
		}
		cancel()
	}
	if r := c.Call(http.MethodGet, claimPath("7.0"), nil); r.Status != http.StatusAccepted { // the last one before it has left
		t.Errorf("the last partition: %d %s", r.Status, r.Raw)
	}
	if n := metric(t, a, refreshes) - before; n != 0 {
		t.Errorf("clients had the process connect to the log anew %v times", n)
	}
}

func claimPath(at string) string { return "/api/flash-sale/claims/" + uuid.NewString() + "?at=" + at }
