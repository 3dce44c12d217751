package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// recentOf bounds how far back RecentOf looks: there is no index by subject, and acts are few.
const recentOf = 5_000

// RecentOf returns the newest n entries about a subject, the newest first, as far as they are among the newest entries of all.
func (l *Log) RecentOf(ctx context.Context, subject string, n int) ([]Recorded, error) {
	rows, err := l.pool.Query(ctx, sqlRecentOf, subject, n, recentOf)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Recorded, err error) {
		var detail string
		err = row.Scan(&r.ID, &r.At, &r.Actor, &r.Network, &r.Means, &r.Action, &r.Subject, &detail)
		r.Detail = json.RawMessage(detail)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	return entries, nil
}
