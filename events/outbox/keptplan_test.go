package outbox

import (
	"strings"
	"testing"
)

// The relay's plans may have been made for an outbox that was empty, or nearly. They follow its key, in the key's
// order. A plan that reads or sorts all waiting rows to get the first ones does that again for each batch after an
// outage of the log.
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
		if _, err := w.Pool.Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
		for _, s := range []struct{ sql, condition string }{
			{sqlUnpublished, "(id > $1)"},
			{sqlMarkPublished, "(id = ANY ($1))"},
			{sqlOutboxWaiting, "(id > $0)"},
			{sqlPruneOutbox, "(id <= $1)"},
		} {
			plan := w.KeptPlan(sqlRelayPlans, s.sql)
			if !strings.Contains(plan, "Index Scan using outbox_pkey on outbox") || !strings.Contains(plan, "Index Cond: "+s.condition) ||
				strings.Contains(plan, "Sort") || strings.Contains(plan, "Bitmap") || strings.Contains(plan, "Seq Scan on outbox ") {
				t.Errorf("after %s\n%s\n%s", step, s.sql, plan)
			}
		}
	}
}
