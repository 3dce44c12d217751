package events

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// warningKey is where WatchNotices keeps the code of a connection's last warning.
const warningKey = "flashsale.warning"

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

// ErrUnconfirmed means that the server warned: perhaps no other server has what was just committed.
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
