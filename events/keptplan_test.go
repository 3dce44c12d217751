package events

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
)

// keptPlan is the plan that a connection of the ledger's pool would make of a statement now, and keep.
func (w *world) keptPlan(settings, sql string) (plan string) {
	w.Helper()
	err := pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.Context(), settings); err != nil {
			return err
		}
		plan = embeddedtest.KeptPlan(w, tx, sql)
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return plan
}

// The fence of the ledger's transaction is planned before there are cursors.
func TestTheFencesPlanIsOfTheCursorsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plan := w.keptPlan(`SELECT`, sqlMoveCursor)
	if !strings.Contains(plan, "log_cursors_pkey") || !strings.Contains(plan, "Index Cond: ((log_id = $1) AND (partition = $2))") {
		t.Error(plan)
	}
}

// The relay's plans may be of an outbox that was empty, or nearly. They follow its key, in the key's order: whoever reads
// or sorts all that waits, in order to have the first of it, does so again for each batch after an outage of the log.
func TestTheRelaysPlansFollowTheOutboxsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, step := range []string{
		`ALTER TABLE outbox SET (autovacuum_enabled = off)`,
		`VACUUM ANALYZE outbox`,
		`INSERT INTO outbox (sale_id, bundle) SELECT 1, '' FROM generate_series(1, 3)`,
		`VACUUM ANALYZE outbox`,
		`INSERT INTO outbox (sale_id, bundle) SELECT 1, '' FROM generate_series(1, 20000)`,
		`UPDATE outbox SET published_at = clock_timestamp() WHERE id < 19000`,
		`VACUUM ANALYZE outbox`,
	} {
		if _, err := w.pool.Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
		for _, s := range []struct{ sql, condition string }{
			{sqlUnpublished, "(id > $1)"},
			{sqlMarkPublished, "(id = ANY ($1))"},
			{sqlOutboxWaiting, "(id > $0)"},
			{sqlPruneOutbox, "(id <= $1)"},
		} {
			plan := w.keptPlan(sqlRelayPlans, s.sql)
			if !strings.Contains(plan, "Index Scan using outbox_pkey on outbox") || !strings.Contains(plan, "Index Cond: "+s.condition) ||
				strings.Contains(plan, "Sort") || strings.Contains(plan, "Bitmap") || strings.Contains(plan, "Seq Scan on outbox ") {
				t.Errorf("after %s\n%s\n%s", step, s.sql, plan)
			}
		}
	}
}
