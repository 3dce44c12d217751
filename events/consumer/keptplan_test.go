package consumer

import (
	"strings"
	"testing"
)

// The fence of the ledger's transaction is planned before there are cursors.
func TestTheFencesPlanIsOfTheCursorsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plan := w.KeptPlan(`SELECT`, sqlMoveCursor)
	if !strings.Contains(plan, "log_cursors_pkey") || !strings.Contains(plan, "Index Cond: ((log_id = $1) AND (partition = $2))") {
		t.Error(plan)
	}
}
