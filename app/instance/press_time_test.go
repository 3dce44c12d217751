package instance

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// frozenLedger decides no claim until it is thawed: a transaction has the locks of the sale.
type frozenLedger struct {
	t  *testing.T
	a  *Instance
	tx pgx.Tx
}

func freeze(t *testing.T, a *Instance) *frozenLedger {
	t.Helper()
	tx, err := a.servers.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &frozenLedger{t, a, tx}
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	if _, err := a.wiring.sales.LockSaleTx(t.Context(), tx, ""); err != nil {
		t.Fatal(err)
	}
	return f
}

// endIn moves the end of the sale. It is in force when the ledger is thawed, and no process knows of it before.
func (f *frozenLedger) endIn(d time.Duration) time.Time {
	f.t.Helper()
	end := f.now().Add(d).Truncate(time.Millisecond)
	if err := f.a.wiring.sales.AmendTx(f.t.Context(), f.tx, "flash-sale", sale.Amendment{EndsAt: &end}); err != nil {
		f.t.Fatal(err)
	}
	return end
}

// now is the time by the ledger's clock.
func (f *frozenLedger) now() (now time.Time) {
	f.t.Helper()
	if err := f.tx.QueryRow(f.t.Context(), `SELECT clock_timestamp()`).Scan(&now); err != nil {
		f.t.Fatal(err)
	}
	return now
}

func (f *frozenLedger) passes(at time.Time) {
	f.t.Helper()
	eventually(f.t, "the ledger's clock", func() bool { return f.now().After(at) })
}

func (f *frozenLedger) thaw() {
	f.t.Helper()
	if err := f.tx.Commit(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// pressUndecided presses, and is answered when the log has the claim. It returns where the verdict will be.
func pressUndecided(c *client, name string) string {
	c.T.Helper()
	r, err := c.TryWith(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name}, http.Header{"Prefer": {"respond-async"}})
	if err != nil || r.Status != http.StatusAccepted {
		c.T.Fatalf("%s presses: %d %s (%v)", name, r.Status, r.Raw, err)
	}
	return r.Header.Get("Location")
}

func verdictAt(c *client, location string) (r reply) {
	c.T.Helper()
	eventually(c.T, "a verdict", func() bool {
		r = c.Call(http.MethodGet, location, nil)
		return r.Status != http.StatusAccepted
	})
	return r
}

// orderTimes are when an order was pressed and when it was decided, by its row.
func orderTimes(t *testing.T, a *Instance, name string) (pressed, decided time.Time) {
	t.Helper()
	err := a.servers.pool.QueryRow(t.Context(), `SELECT pressed_at, decided_at FROM orders WHERE username = $1 AND released_at IS NULL`, name).
		Scan(&pressed, &decided)
	if err != nil {
		t.Fatal(err)
	}
	return pressed, decided
}

// shows checks every way by which that instance tells of a receipt.
func shows(c *client, name, timestamp string) {
	c.T.Helper()
	if r := c.Call(http.MethodGet, "/api/flash-sale/purchase/"+name, nil); r.Text("timestamp") != timestamp {
		c.T.Errorf("the check of %s says %s, want %s", name, r.Raw, timestamp)
	}
	if r := c.BuySettled(name); r.Status != http.StatusOK || r.Text("timestamp") != timestamp {
		c.T.Errorf("a repeat of %s says %d %s, want %s", name, r.Status, r.Raw, timestamp)
	}
	r, err := c.TryWith(http.MethodGet, "/api/flash-sale/purchase/"+name, nil, http.Header{"Accept": {"text/html"}})
	if err != nil || !strings.Contains(r.Raw, `datetime="`+timestamp+`"`) {
		c.T.Errorf("the page of %s does not say %s (%v)", name, timestamp, err)
	}
}

// invariant is what verify says of one invariant.
func invariant(c *client, id string) (state, detail string) {
	c.T.Helper()
	r := c.Call(http.MethodPost, "/api/admin/verify", nil)
	checks, _ := r.Body["checks"].([]any)
	for _, one := range checks {
		if check, _ := one.(map[string]any); check["id"] == id {
			state, _ = check["state"].(string)
			detail, _ = check["detail"].(string)
			return state, detail
		}
	}
	c.T.Errorf("verify says nothing of %s: %d %s", id, r.Status, r.Raw)
	return "", ""
}

// The ledger stands still while the sale ends. Who pressed before the end is in the log, gets the order afterwards, and a receipt
// with the time of the press; who pressed after it is declined.
func TestAPressCountsByItsOwnTimeWhenTheLedgerStandsStillOverTheEnd(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	c := newClient(t, a.URL())
	ledger := freeze(t, a)
	end := ledger.endIn(5 * time.Second)
	early, tooLate := []string{"john_doe", "jane_smith"}, "john_doe_1"
	claims := map[string]string{}
	for _, name := range early {
		claims[name] = pressUndecided(c, name)
	}
	ledger.passes(end.Add(100 * time.Millisecond))
	claims[tooLate] = pressUndecided(c, tooLate)
	ledger.thaw()

	late := verdictAt(c, claims[tooLate])
	if late.Text("state") != "declined" || late.Text("type") != "/problems/ended" {
		t.Errorf("pressed after the end: %d %s", late.Status, late.Raw)
	}
	other := newClient(t, d.start(t).URL())
	for _, name := range early {
		r := verdictAt(c, claims[name])
		if r.Text("state") != "ordered" {
			t.Fatalf("pressed before the end: %d %s", r.Status, r.Raw)
		}
		at, err := time.Parse(time.RFC3339, r.Text("timestamp"))
		if err != nil || !at.Before(end) {
			t.Errorf("the receipt says %s (%v), the sale ended at %s", r.Text("timestamp"), err, end)
		}
		shows(c, name, r.Text("timestamp"))
		shows(other, name, r.Text("timestamp"))
		pressed, decided := orderTimes(t, a, name)
		if !pressed.Truncate(time.Millisecond).Equal(at) || !decided.After(end) {
			t.Errorf("%s pressed at %s, decided at %s, receipt of %s, end %s", name, pressed, decided, at, end)
		}
	}
	if state, detail := invariant(c, "I8"); state != "ok" {
		t.Errorf("I8 is %s: %s", state, detail)
	}
	set := func(at any) {
		t.Helper()
		if _, err := a.servers.pool.Exec(t.Context(), `UPDATE orders SET pressed_at = $1 WHERE username = 'john_doe'`, at); err != nil {
			t.Fatal(err)
		}
	}
	set(end)
	if state, detail := invariant(c, "I8"); state != "broken" || !strings.Contains(detail, "1 of 2 orders") {
		t.Errorf("an order pressed at the end: I8 is %s: %s", state, detail)
	}
	set(nil)
	if state, detail := invariant(c, "I8"); state != "unknown" || !strings.Contains(detail, "1 of 2 orders") {
		t.Errorf("an order without the time of its press: I8 is %s: %s", state, detail)
	}
}

// The press waits half a second for its verdict; the 201 says when it was pressed, as everything after it.
func TestEveryWayToAReceiptShowsTheTimeOfThePress(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	c := newClient(t, a.URL())
	c.BuySettled("jane_smith_1") // the ways are open
	ledger := freeze(t, a)
	bought := make(chan reply, 1)
	began := ledger.now()
	go func() { bought <- c.BuySettled("john_doe_1") }()
	ledger.passes(began.Add(300 * time.Millisecond))
	ledger.thaw()
	r := <-bought
	if r.Status != http.StatusCreated {
		t.Fatalf("buy: %d %s", r.Status, r.Raw)
	}
	pressed, decided := orderTimes(t, a, "john_doe_1")
	at, err := time.Parse(time.RFC3339, r.Text("timestamp"))
	if err != nil || !at.Equal(pressed.Truncate(time.Millisecond)) || pressed.After(decided) || at.Before(began.Add(-time.Second)) {
		t.Errorf("the receipt says %s (%v), pressed at %s, decided at %s", r.Text("timestamp"), err, pressed, decided)
	}
	shows(c, "john_doe_1", r.Text("timestamp"))
	shows(newClient(t, d.start(t).URL()), "john_doe_1", r.Text("timestamp"))
}
