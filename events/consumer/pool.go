package consumer

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
)

// PreparePool prepares the settings of the pool that the ledger works on; call it before pgxpool.NewWithConfig.
//
//   - Statements are planned once for each connection, whatever their arguments: planning them anew took the server a fifth
//     of a purchase. A plan may therefore be as old as the empty tables. Only statements that one index can serve, or whose
//     plan cannot be another one when the tables have grown, may run here; nothing is scanned.
//   - No statement runs or waits for a lock longer than a purchase can wait, and no forgotten transaction keeps the
//     lock of a stock row: a batch that fails is tried again.
//   - Commits that return a warning are noticed ([events.WatchNotices]).
//
// The settings are sent when a connection starts. A pooler between the program and Postgres must pass them on
// (pgbouncer: ignore_startup_parameters does not; use session mode and ALTER ROLE ... SET).
func PreparePool(cfg *pgxpool.Config) {
	params := cfg.ConnConfig.RuntimeParams
	params["plan_cache_mode"] = "force_generic_plan"
	params["enable_seqscan"] = "off"
	params["jit"] = "off"
	params["statement_timeout"] = "4000"
	params["lock_timeout"] = "3000"
	params["idle_in_transaction_session_timeout"] = "6000"
	params["application_name"] = "flashsale ledger"
	cfg.MaxConns = max(cfg.MaxConns, events.Partitions+directMax+4)
	events.WatchNotices(cfg)
}
