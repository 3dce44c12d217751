package instance

import (
	"net/http"
	"slices"
	"sync"
	"testing"
)

// An act that waited too long for a lock was answered 500, and a seeding waited for minutes. Every act on every route waits for two
// seconds, whatever is locked: rows by another act, or a whole table by a change of the schema. Then it is busy, and nothing was
// done. An act that does not need what is locked goes on.
func TestEveryActThatWaitsForALockTooLongIsBusy(t *testing.T) {
	t.Parallel()
	for _, locked := range []string{
		`SELECT FROM products FOR UPDATE`, `SELECT FROM stock FOR UPDATE`, `SELECT FROM sales FOR UPDATE`,
		`SELECT FROM roster FOR UPDATE`,
		`LOCK TABLE users`, `LOCK TABLE roster`, `LOCK TABLE orders`, `LOCK TABLE outbox`, `LOCK TABLE audit_log`, `LOCK TABLE act_keys`,
		`LOCK TABLE generations`,
	} {
		t.Run(locked, func(t *testing.T) {
			t.Parallel()
			a := newDeployment(t).start(t)
			c := newClient(t, a.URL())
			bought := c.BuySettled("john_doe_1")
			before := a.audited(t)
			release := a.lockRows(t, locked)
			defer release()
			acts := slices.Clone(committedActs)
			acts = append(acts, committedAct{
				"cancel", http.MethodPost, "/api/admin/orders/" + bought.Text("purchaseId") + "/cancel", map[string]string{"reason": "x"}, "", "",
			})
			answers := make([]reply, len(acts))
			var all sync.WaitGroup
			for i, act := range acts {
				all.Go(func() {
					answers[i] = c.Act(act.method, act.path, act.body, "If-Match: *", "Idempotency-Key: "+act.name)
				})
			}
			all.Wait()
			release()
			done, busy := 0, 0
			for i, r := range answers {
				switch {
				case r.Status == http.StatusOK:
					done++
				case r.Status == http.StatusConflict && r.Text("type") == "/problems/busy":
					busy++
				case r.Text("type") == "/problems/wrong-state": // a sale that another of these acts has closed
				default:
					t.Errorf("%s is answered %d %s", acts[i].name, r.Status, r.Raw)
				}
			}
			if n := a.audited(t) - before; n != done || busy == 0 {
				t.Errorf("%d acts are done and %d busy; %d are recorded", done, busy, n)
			}
			c.Verifies()
		})
	}
}
