package instance

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"flashsale/events"
)

// A ledger that is new meets a log that is old: what shoppers pressed in the earlier life is left out, and the sale sells to
// those who press in this one.
func TestANewLedgerSellsNothingOfAnEarlierLife(t *testing.T) {
	t.Parallel()
	const other, forged = events.ForeignLedger, events.ForeignID
	for what, c := range map[string]struct {
		remove, then func(deployment, *testing.T)
		repeated     events.Foreign // why what comes once more is passed over
	}{
		"the schema is dropped":         {remove: deployment.dropSchema},
		"all migrations are taken back": {remove: deployment.migrateDown},
		"the claims name no ledger":     {remove: func(d deployment, t *testing.T) { d.migrateDown(t); d.forgetLedgers(t) }},
		"the claims come once more":     {remove: deployment.dropSchema, then: deployment.repeatLog, repeated: other},
		"unnamed claims come once more": {remove: func(d deployment, t *testing.T) { d.dropSchema(t); d.forgetLedgers(t) }, then: deployment.repeatLog, repeated: forged},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t)
			a := d.start(t)
			shoppers := newClient(t, a.URL())
			for _, name := range []string{"john_doe", "jane_smith", "john_doe_1"} {
				buys(t, shoppers, name)
			}
			d.published(t) // the migrations are not taken back over events that wait
			d.stop(t, a)
			c.remove(d, t)
			earlier := 0
			for _, records := range d.records(t) {
				earlier += len(records)
			}

			var said lines
			d.Log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))
			a = d.start(t)
			if want := fmt.Sprintf(`"records left out"=%d`, earlier); earlier < 3 || !strings.Contains(said.String(), want) {
				t.Errorf("the start does not say %s:\n%s", want, said.String())
			}
			shoppers = newClient(t, a.URL())
			if c.then != nil {
				c.then(d, t)
			}
			a.passesTheLog(t)
			if sold := shoppers.Status().Number("sold"); sold != 0 {
				t.Fatalf("%v units are sold, and nobody has pressed", sold)
			}
			for _, why := range events.ForeignReasons() {
				want := 0
				if why == c.repeated {
					want = earlier
				}
				if n := metric(t, a, fmt.Sprintf(`flashsale_foreign_records_total{reason=%q}`, why)); n != float64(want) {
					t.Errorf("%v records are counted as %s, want %d", n, why, want)
				}
			}
			for _, name := range []string{"jane_smith_1", "john_doe"} {
				buys(t, shoppers, name)
			}
			a.passesTheLog(t)
			if sold := shoppers.Status().Number("sold"); sold != 2 {
				t.Errorf("%v units are sold, want 2", sold)
			}
			shoppers.Verifies()
		})
	}
}

// A ledger that is restored is the same ledger: it decides again what it lacks, in the order of the log.
func TestARestoredLedgerGetsItsOrdersBackFromTheLog(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	buys(t, newClient(t, a.URL()), "john_doe")
	a.passesTheLog(t)
	d.stop(t, a)
	d.dump(t)
	a = d.start(t)
	c := newClient(t, a.URL())
	want := []reply{buys(t, c, "jane_smith"), buys(t, c, "john_doe_1")}
	a.passesTheLog(t)
	d.stop(t, a)
	d.restore(t)

	a = d.start(t)
	c = newClient(t, a.URL())
	eventually(t, "the orders are back", func() bool { return c.Status().Number("sold") == 3 })
	for i, name := range []string{"jane_smith", "john_doe_1"} {
		r := c.Call(http.MethodGet, "/api/flash-sale/purchase/"+name, nil)
		if r.Text("purchaseId") != want[i].Text("purchaseId") || r.Number("unit") != want[i].Number("unit") {
			t.Errorf("%s has %s, was answered %s", name, r.Raw, want[i].Raw)
		}
	}
	c.Verifies()
}

// buys fails the test when the shopper does not buy.
func buys(t *testing.T, c *client, name string) reply {
	t.Helper()
	r := c.BuySettled(name)
	if r.Status != http.StatusCreated {
		t.Fatalf("%s: %d %s", name, r.Status, r.Raw)
	}
	return r
}

// passesTheLog waits until the ledger has passed everything that the log has.
func (a *Instance) passesTheLog(t *testing.T) {
	t.Helper()
	eventually(t, "the ledger has passed the log", func() bool {
		lags, err := a.wiring.ledger.Lag(t.Context())
		for _, l := range lags {
			if l.Records > 0 {
				return false
			}
		}
		return err == nil
	})
}
