package events

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// LedgerPool prepares the settings of the pool that the ledger works on; call it before pgxpool.NewWithConfig.
//
//   - Statements are planned once for each connection, whatever their arguments: planning them anew took the server a fifth
//     of a purchase. A plan may therefore be as old as the empty tables. Only statements that one index can serve, or whose
//     plan cannot be another one when the tables have grown, may run here; nothing is scanned.
//   - No statement runs or waits for a lock longer than a purchase can wait, and no forgotten transaction keeps the
//     lock of a stock row: a batch that fails is tried again.
//   - Commits that return a warning are noticed ([WatchNotices]).
//
// The settings are sent when a connection starts. A pooler between the program and Postgres must pass them on
// (pgbouncer: ignore_startup_parameters does not; use session mode and ALTER ROLE ... SET).
func LedgerPool(cfg *pgxpool.Config) {
	params := cfg.ConnConfig.RuntimeParams
	params["plan_cache_mode"] = "force_generic_plan"
	params["enable_seqscan"] = "off"
	params["jit"] = "off"
	params["statement_timeout"] = "4000"
	params["lock_timeout"] = "3000"
	params["idle_in_transaction_session_timeout"] = "6000"
	params["application_name"] = "flashsale ledger"
	cfg.MaxConns = max(cfg.MaxConns, Partitions+directMax+4)
	WatchNotices(cfg)
}

// WatchNotices makes the pool's connections remember warnings, so that a COMMIT that succeeded with one (SQLSTATE class
// 01, the synchronous standby did not confirm) is not taken for durable. It keeps a handler that is there already.
func WatchNotices(cfg *pgxpool.Config) {
	next := cfg.ConnConfig.OnNotice
	cfg.ConnConfig.OnNotice = func(conn *pgconn.PgConn, notice *pgconn.Notice) {
		if strings.HasPrefix(notice.Code, "01") {
			conn.CustomData()[warningKey] = notice.Code
		}
		if next != nil {
			next(conn, notice)
		}
	}
}

// ErrUnconfirmed means that the server warned: what was just committed is perhaps on no other server.
var ErrUnconfirmed = errors.New("events: the commit was not confirmed by the standby")

// Confirmed runs do on a connection whose pool [WatchNotices] has prepared. The error is do's own, or ErrUnconfirmed when
// a commit in it was answered with a warning.
func Confirmed(conn *pgx.Conn, do func() error) error {
	data := conn.PgConn().CustomData()
	delete(data, warningKey)
	if err := do(); err != nil {
		return err
	}
	if code, warned := data[warningKey]; warned {
		return fmt.Errorf("%w (%v)", ErrUnconfirmed, code)
	}
	return nil
}
