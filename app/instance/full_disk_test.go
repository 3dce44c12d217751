package instance

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A PostgreSQL whose disk is full answers every question and takes no order. Operators are told so, in their listener and in
// the metrics, and the log says it once and not for each request. What was acknowledged is decided once there is room.
func TestOperatorsAreToldOfADiskThatIsFull(t *testing.T) {
	t.Parallel()
	d, logged := newDeployment(t), &warnings{}
	d.Log = slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d.Config.MaxStock = 50
	a := d.start(t)
	operators := operatorsOf(t, a)
	newClient(t, a.URL()).Call(http.MethodPost, "/api/users/seed", map[string]any{"userCount": 400}).Is(t, http.StatusOK, "")
	shopper := func(n int) string { return "john_doe_" + strconv.Itoa(n+1) }
	exec := func(sql string) {
		t.Helper()
		if _, err := a.servers.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`)
	exec(`CREATE TRIGGER disk_full BEFORE INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION disk_full()`)

	var all sync.WaitGroup
	for n := range 40 {
		all.Go(func() {
			if r := newClient(t, a.URL()).Buy(shopper(n)); r.Status != http.StatusAccepted && r.Status != http.StatusServiceUnavailable {
				t.Errorf("on a full disk a purchase request is answered %d %s", r.Status, r.Raw)
			}
		})
	}
	all.Wait()
	told := awaitAway(t, operators, "PostgreSQL")
	if told.Status != http.StatusOK || told.Text("status") != "degraded" || !strings.Contains(told.Raw, "claims cannot be decided: its disk is full") {
		t.Errorf("operators are told %d %s", told.Status, told.Raw)
	}
	if r := operators.Call(http.MethodGet, "/metrics", nil); !strings.Contains(r.Raw, `flashsale_degraded{part="postgres"} 1`) {
		t.Error("the metrics do not say that PostgreSQL takes nothing")
	}
	if r := newClient(t, a.URL()).Call(http.MethodGet, "/readyz", nil); r.Text("status") != "ready" || strings.Contains(r.Raw, "space") {
		t.Errorf("everybody is told %s", r.Raw)
	}
	if lines := logged.with(""); len(lines) == 0 || len(lines) > 10 {
		t.Errorf("%d lines in the log: %q", len(lines), lines)
	}

	exec(`DROP TRIGGER disk_full ON orders`)
	for n := range 40 {
		if r := newClient(t, a.URL()).BuySettled(shopper(n)); r.Text("purchaseId") == "" {
			t.Errorf("with room again: %d %s", r.Status, r.Raw)
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r := operators.Call(http.MethodGet, "/readyz", nil)
		if r.Text("status") == "ready" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("operators are still told %s", r.Raw)
		}
	}
}
