//go:build unix

package resilience

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ordinary are the outcomes that every row may see.
func ordinary() []string { return []string{"200", "201", "202", "409 all-claimed", "409 sold-out"} }

// assertOutcomes compares the outcomes that shoppers saw with those that the row allows, and with what was true.
func (w *world) assertOutcomes(more ...string) {
	w.t.Helper()
	w.assertHonest()
	seen := w.shoppers.tally()
	w.report.statuses = seen
	if n := w.shoppers.twice(); n > 0 {
		w.t.Errorf("%d receipts came as 201 twice", n)
	}
	for outcome, n := range seen {
		if !slices.Contains(ordinary(), outcome) && !slices.Contains(more, outcome) {
			w.t.Errorf("%d answers were %q, which this row does not allow", n, outcome)
		}
	}
}

// settled waits until every 202 has its verdict, and returns how long after the end of the fault that was. It also waits until
// every server is found again and the log is read to its end, which I4 needs.
func (w *world) settled(healed time.Time, patience time.Duration) time.Duration {
	w.t.Helper()
	ctx := context.Background()
	waiting := w.shoppers.waiting()
	w.eventually(patience, "every 202 has its verdict", func() bool {
		for claim, location := range waiting {
			a := w.shoppers.send(ctx, http.MethodGet, w.anywhere()+location, "")
			if a.Status != http.StatusOK && a.Status != http.StatusGone {
				return false
			}
			w.shoppers.decided(claim, a)
			delete(waiting, claim)
		}
		return true
	})
	took := time.Since(healed)
	w.shoppers.settled()
	w.eventually(patience, "every instance finds every server", func() bool { return w.everywhere(w.complete) })
	client, done := w.kafka()
	defer done()
	w.eventually(patience, "the log is read to its end", func() bool {
		partition, end := w.claimsEnd(ctx, client)
		return end == 0 || w.number("SELECT coalesce(max(next_offset), 0) FROM log_cursors WHERE partition = $1 AND moved_at = (SELECT max(moved_at) FROM log_cursors WHERE partition = $1)", partition) >= end
	})
	if read := time.Since(healed); read > took+time.Second {
		w.report.note("log read to its end after %v", read.Round(time.Millisecond))
	}
	return took
}

// kept checks everything after the fault: the invariants, that every receipt is the same on every instance and in Postgres, and
// that the rest of the units still sells, each once.
func (w *world) kept() {
	w.t.Helper()
	w.verified()
	w.assertInPostgres()
	assertPromisesKept(w.t, w.shoppers, w.anywhere())
	sellOut(w.t, w.shoppers, w.anywhere(), w.stock, w.shopperCount)
	w.assertInPostgres()
	if sold := w.number("SELECT count(*) FROM orders WHERE released_at IS NULL"); sold != int64(w.stock) {
		w.t.Errorf("%d live orders for %d units", sold, w.stock)
	}
	if promised := len(w.shoppers.promised()); promised != w.stock {
		w.t.Errorf("%d receipts were given for %d units", promised, w.stock)
	}
	w.verified()
}

// verified asks every instance to check the invariants. What only shoppers can know may be unknown, nothing else.
func (w *world) verified() {
	w.t.Helper()
	var last string
	defer func() {
		if last != "" {
			w.t.Log("the last check said", last)
		}
	}()
	w.eventually(patience, "the invariants hold", func() bool {
		last = ""
		for _, p := range w.instances {
			a := w.shoppers.send(context.Background(), http.MethodPost, p.url+"/api/admin/verify", "")
			var d struct {
				Checks []struct{ ID, State, Detail string }
			}
			if err := json.Unmarshal([]byte(a.Raw), &d); err != nil || a.Status != http.StatusOK || len(d.Checks) == 0 {
				last = a.Raw
				return false
			}
			for _, c := range d.Checks {
				if c.State == "broken" {
					w.t.Fatalf("%s is broken: %s", c.ID, c.Detail)
				}
				if c.State != "ok" && c.ID != "I3" && c.ID != "I6" && !writtenBefore(c.ID, c.Detail) {
					last = a.Raw
					return false
				}
			}
		}
		return true
	})
}

// writtenBefore is true for what verify cannot know of the orders and generations that the version before has written.
func writtenBefore(id, detail string) bool {
	return id == "I8" && (strings.Contains(detail, "have no time of their press") || strings.Contains(detail, "its times are not known"))
}

// assertInPostgres reads every receipt in Postgres, past the product.
func (w *world) assertInPostgres() {
	w.t.Helper()
	rows, err := w.pool.Query(context.Background(), "SELECT id::text, username FROM orders WHERE released_at IS NULL")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	owner := map[string]string{}
	for rows.Next() {
		var id, name string
		if err := rows.Scan(&id, &name); err != nil {
			w.t.Fatal(err)
		}
		owner[id] = name
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	for name, receipt := range w.shoppers.promised() {
		if !strings.EqualFold(owner[receipt], name) {
			w.t.Errorf("%s was promised %s, which in Postgres is %q's", name, receipt, owner[receipt])
		}
	}
}
